"""Steps of the state machine that do what is planned, and how steps call the platform."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from exam_tree import Model, Task
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from exam_manager.tasks.rules import Actor, allowed
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ItemStatus, ResultType

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"
S = ItemStatus
pick = st.integers(0, 10**6)
_PATIENT = {
    "first_name": "Ada",
    "last_name": "Phantom",
    "birth_date": "1985-12-10",
    "sex": "FEMALE",
    "height": 168.0,
    "weight": 62.0,
    "issuer": "test",
}


class Means(RuleBasedStateMachine):
    """How a step calls the platform; each knows what must be answered."""

    def __init__(self, runner: asyncio.Runner, opened: AbstractAsyncContextManager[Any]) -> None:
        super().__init__()
        self.runner, self.opened = runner, opened
        self.platform = runner.run(opened.__aenter__())
        self.lake: Path = self.platform.app.state.settings.lake_root
        shutil.rmtree(self.lake, ignore_errors=True)
        self.model = Model()
        self.names = 0
        self.create_patient()

    def create_patient(self) -> None:
        patient = self.call("POST", f"{PATIENT}/", 201, json=_PATIENT)
        self.model.patients.append(patient["id"])

    def call(self, method: str, path: str, *expect: int, token: str = "", **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else self.platform.admin
        headers = {**headers, **options.pop("headers", {})}
        answer = self.runner.run(
            self.platform.http.request(method, path, headers=headers, **options)
        )
        assert answer.status_code in expect, (method, path, options, answer.text)
        self.status = answer.status_code
        return answer.json() if answer.content else None

    def new_name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    @staticmethod
    def one(number: int, items: list[Any]) -> Any:
        return items[number % len(items)]

    def some(self, number: int, items: list[Task]) -> list[Task]:
        return [item for bit, item in enumerate(items[:8]) if number >> bit & 1]

    def tasks_that(self, condition: Callable[[Task], object]) -> list[Task]:
        return [task for task in self.model.tasks if condition(task)]


class Doing(Means):
    """What devices and jobs do."""

    @precondition(lambda self: self.model.tasks)
    @rule(number=pick)
    def claim(self, number: int) -> None:
        task: Task = self.one(number, self.model.tasks)
        who = {"device_id": DEVICE} if task.is_scan else {"run_id": str(new_id())}
        body = {"claim_id": str(new_id()), **who}
        may = S.STARTED in allowed(task.status, Actor.CLAIM)
        expect = 422 if task.is_template else 200 if may else 409
        answer = self.call("POST", f"{EXAM}/task/{task.id}/claim", expect, json=body)
        if expect == 200:
            task.claim, task.token = body["claim_id"], answer["task_token"]
            task.status, task.progress, task.was_claimed = S.STARTED, 0, True

    @precondition(lambda self: self.tasks_that(lambda task: task.claim))
    @rule(number=pick, progress=st.integers(0, 100))
    def report(self, number: int, progress: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.claim))
        body = {"claim_id": task.claim, "progress": progress}
        self.call("POST", f"{EXAM}/task/{task.id}/report", 200, token=task.token, json=body)
        task.progress = max(task.progress, progress)
        task.status = S.INPROGRESS if task.status is S.STARTED else task.status

    @precondition(lambda self: self.tasks_that(lambda task: task.claim))
    @rule(number=pick, status=st.sampled_from([S.UPDATED, S.ERROR, S.CANCELED]))
    def release(self, number: int, status: ItemStatus) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.claim))
        body = {"claim_id": task.claim, "status": status, "reason": "because"}
        self.call("POST", f"{EXAM}/task/{task.id}/release", 200, token=task.token, json=body)
        task.status, task.claim = status, None

    @precondition(lambda self: self.tasks_that(lambda task: task.claim))
    @rule(number=pick)
    def blank_result(self, number: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.claim))
        path = f"{EXAM}/result?task_id={task.id}"
        task.results[self.call("POST", path, 201, token=task.token)["id"]] = []

    def put_files(self, task: Task, result: str, names: list[str]) -> None:
        folder = self.lake / "lake" / task.workflow.id / task.id / result
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_bytes(b"x")

    @precondition(lambda self: self.tasks_that(lambda task: task.claim and task.blank))
    @rule(number=pick)
    def fill_result(self, number: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.claim and task.blank))
        result, names = self.one(number, task.blank), ["raw.mrd"]
        self.put_files(task, result, names)
        body = {"type": ResultType.MRD, "directory": "", "files": names}
        self.call("PUT", f"{EXAM}/result/{result}", 200, token=task.token, json=body)
        task.results[result] = names

    @precondition(lambda self: self.tasks_that(lambda task: task.claim))
    @rule(number=pick, files=st.integers(1, 3))
    def finish(self, number: int, files: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.claim))
        result, names = str(new_id()), [f"{index}.dat" for index in range(files)]
        result_in = {"type": ResultType.NUMPY, "directory": "", "files": names}
        body = {"claim_id": task.claim, "result_id": result, "result": result_in}
        path = f"{EXAM}/task/{task.id}/finish"
        self.call("POST", path, 422, token=task.token, json=body)  # nothing is stored yet
        self.put_files(task, result, names)
        self.call("POST", path, 200, token=task.token, json=body)
        self.call("POST", path, 200, token=task.token, json=body)  # again, and nothing happens
        task.results[result] = names
        task.status, task.progress, task.claim = S.FINISHED, 100, None

    @precondition(lambda self: self.tasks_that(lambda task: not task.is_template))
    @rule(number=pick)
    def run_to_the_end(self, number: int) -> None:
        tasks = self.tasks_that(lambda task: not task.is_template)
        task: Task = self.one(number, tasks)
        if not task.claim:
            self.claim(self.model.tasks.index(task))
        held = self.tasks_that(lambda task: task.claim)
        self.finish(held.index(task), files=1)

    @precondition(lambda self: self.tasks_that(lambda task: task.results))
    @rule(number=pick)
    def delete_result(self, number: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.results))
        result = self.one(number, list(task.results))
        self.call("DELETE", f"{EXAM}/result/{result}", 204, 409)
        if self.status == 204:
            del task.results[result]
