"""Whatever people, devices and jobs do in whatever order, the exam tree stays whole.

`HYPOTHESIS_PROFILE=deep` goes on for long and looks at everything after each step: for nights.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from effort import tries
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

sys.path.insert(0, str(Path(__file__).parent))

import exam_tree as tree
from exam_tree import Exam, Task, Workflow
from exam_tree_library import Around
from exam_tree_record import Record
from exam_tree_steps import EXAM, PATIENT, S, pick

from exam_manager.tasks.rules import status_after_edit
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.errors import TransitionNotAllowedError
from scanhub_libraries.models import ItemStatus, Standing

_SCAN = {"task_type": "ACQUISITION", "calibration": ["frequency"]}
_JOB = {"task_type": "DAG", "dag_type": "PROCESSING", "dag_id": "smoothing", "input_task_ids": []}
_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


class ExamTree(Around):
    """Planning, editing and deleting; and what must hold after every step."""

    def __init__(self, runner: asyncio.Runner, opened: AbstractAsyncContextManager[Any]) -> None:
        super().__init__(runner, opened)
        self.record = Record(self.platform.app.state.sessions)
        self.versions: dict[str, int] = {}

    @initialize()
    def begin(self) -> None:
        """Begin with a plan and an exam made from it, so that few steps lead far."""
        self.upload_sequence(0)
        self.create_exam(is_template=True, of=0)
        self.create_workflow(0)
        self.create_task(0, inputs=0, is_scan=True, of=1)
        self.create_task(0, inputs=1, is_scan=False, of=0)
        self.copy_exam(0, as_template=False, of=0)

    # --- planning ---------------------------------------------------------------------------------

    @rule(is_template=st.booleans(), of=pick)
    def create_exam(self, is_template: bool, of: int) -> None:
        patient = None if is_template else self.one(of, self.model.patients)
        body = {"patient_id": patient, "name": self.new_name(), "is_template": is_template}
        self.model.exams.append(tree.adopt_exam(self.call("POST", f"{EXAM}/new", 201, json=body)))

    @precondition(lambda self: self.model.exams)
    @rule(number=pick, as_template=st.booleans(), of=pick)
    def copy_exam(self, number: int, as_template: bool, of: int) -> None:
        source: Exam = self.one(number, self.model.exams)
        patient = None if as_template else self.one(of, self.model.patients)
        body = {"patient_id": patient, "name": self.new_name(), "is_template": as_template}
        path = f"{EXAM}/?template_id={source.id}"
        may = source.standing in {Standing.DRAFT, Standing.RELEASED}
        expect = 201 if may else 409 if source.is_template else 400
        answer = self.call("POST", path, expect, json=body)
        if may:
            copy = tree.adopt_exam(answer)
            assert tree.shape(tree.tasks_of(copy)) == tree.shape(tree.tasks_of(source))
            self.model.exams.append(copy)

    @rule(number=pick)
    def create_workflow(self, number: int) -> None:
        exam: Exam | None = self.one(number, [*self.model.exams, None])
        body = {
            "exam_id": exam and exam.id,
            "name": self.new_name(),
            "is_template": exam is None or exam.is_template,
        }
        kept = exam is not None and exam.is_frozen
        answer = self.call("POST", f"{EXAM}/workflow/new", 409 if kept else 201, json=body)
        if not kept:
            above = exam.workflows if exam else self.model.lone_workflows
            above.append(tree.adopt_workflow(answer, exam))

    @precondition(lambda self: self.model.exams and self.model.workflows)
    @rule(number=pick, to=pick, as_template=st.booleans())
    def copy_workflow(self, number: int, to: int, as_template: bool) -> None:
        source: Workflow = self.one(number, self.model.workflows)
        exam: Exam = self.one(to, self.model.exams)
        path = (
            f"{EXAM}/workflow?exam_id={exam.id}&template_id={source.id}"
            f"&new_workflow_is_template={as_template}"
        )
        readable = {t.id for t in source.tasks} | {t.id for t in tree.tasks_of(exam)}
        fits = source.is_template and as_template is exam.is_template
        whole = all(set(task.inputs) <= readable for task in source.tasks)
        expect = 409 if fits and exam.is_frozen else 201 if fits and whole else 400
        expect = 409 if source.is_retired else expect
        answer = self.call("POST", path, expect)
        if expect == 201:
            copy = tree.adopt_workflow(answer, exam)
            assert [task.name for task in copy.tasks] == [task.name for task in source.tasks]
            exam.workflows.append(copy)

    @rule(number=pick, inputs=pick, is_scan=st.booleans(), of=pick)
    def create_task(self, number: int, inputs: int, is_scan: bool, of: int) -> None:
        workflow: Workflow | None = self.one(number, [*self.model.workflows, None])
        read = [] if is_scan or workflow is None else self.some(inputs, workflow.tree)
        body = {
            "workflow_id": workflow and workflow.id,
            "name": self.new_name(),
            "is_template": workflow is None or workflow.is_template,
            **(_SCAN if is_scan else {**_JOB, "input_task_ids": [task.id for task in read]}),
        }
        if is_scan:
            body["sequence_id"] = self.one(of, [None, *self.model.sequences])
        kept = workflow is not None and workflow.is_frozen
        answer = self.call("POST", f"{EXAM}/task/new", 409 if kept else 201, json=body)
        if not kept:
            self.adopt(answer, workflow)

    def adopt(self, document: dict[str, Any], workflow: Workflow | None) -> None:
        """Take a new task into the model: the last of its workflow."""
        task = tree.adopt_task(document, workflow)
        if workflow is not None:
            workflow.add(task)
        else:
            self.model.lone_tasks.append(task)

    @precondition(lambda self: self.model.tasks and self.model.workflows)
    @rule(number=pick, to=pick, as_template=st.booleans())
    def copy_task(self, number: int, to: int, as_template: bool) -> None:
        source: Task = self.one(number, self.model.tasks)
        workflow: Workflow = self.one(to, self.model.workflows)
        path = (
            f"{EXAM}/task?workflow_id={workflow.id}&template_id={source.id}"
            f"&new_task_is_template={as_template}"
        )
        fits = source.is_template and as_template is workflow.is_template
        whole = set(source.inputs) <= {task.id for task in workflow.tree}
        expect = 409 if fits and workflow.is_frozen else 201 if fits and whole else 400
        expect = 409 if source.is_retired else expect
        answer = self.call("POST", path, expect)
        if expect == 201:
            self.adopt(answer, workflow)

    @precondition(lambda self: self.model.workflows)
    @rule(number=pick, order=st.randoms(use_true_random=False))
    def reorder(self, number: int, order: Any) -> None:
        workflow: Workflow = self.one(number, self.model.workflows)
        named = workflow.tasks[:]
        order.shuffle(named)
        named = named[: order.randint(0, len(named))]
        body = {"task_ids": [task.id for task in named]}
        expect = 422 if not named else 409 if workflow.is_frozen else 204
        self.call("PUT", f"{EXAM}/task/reorder", expect, json=body)
        if expect == 204:
            workflow.tasks = named + [task for task in workflow.tasks if task not in named]
            for position, task in enumerate(workflow.tasks):
                task.position = position

    # --- editing ----------------------------------------------------------------------------------

    @precondition(lambda self: self.model.tasks)
    @rule(number=pick, status=st.sampled_from(ItemStatus), stale=st.booleans())
    def edit_task(self, number: int, status: ItemStatus, stale: bool) -> None:
        task: Task = self.one(number, self.model.tasks)
        body = self.edited(task, name=self.new_name(), status=status)
        try:
            after = status_after_edit(task.status, status)
        except TransitionNotAllowedError:
            after = None
        match = {"If-Match": f'"{body["version"] - stale}"'}
        expect = 412 if stale else 200 if after and not task.is_frozen else 409
        self.call("PUT", f"{EXAM}/task/{task.id}", expect, json=body, headers=match)
        if expect == 200:
            task.name, task.status = body["name"], after

    @precondition(lambda self: self.model.tasks)
    @rule(number=pick, to=st.integers(0, 12))
    def place_task(self, number: int, to: int) -> None:
        task: Task = self.one(number, self.model.tasks)
        expect = 409 if task.is_frozen else 200
        self.call("PUT", f"{EXAM}/task/{task.id}", expect, json=self.edited(task, position=to))
        if expect == 200:
            task.status = status_after_edit(task.status, S.UPDATED)
            if task.workflow is None:
                task.position = to
            elif task.position != to:
                task.workflow.add(task, to)

    @precondition(lambda self: self.tasks_that(lambda task: not task.is_scan))
    @rule(number=pick, inputs=pick)
    def replan_job(self, number: int, inputs: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: not task.is_scan))
        wanted = self.some(inputs, task.tree)
        ids = [item.id for item in wanted]
        kept = task.is_frozen or (task.claim and ids != task.inputs)
        circular = any(item is task or item.leads_to(task) for item in wanted)
        expect = 409 if kept else 400 if circular else 200
        body = self.edited(task, input_task_ids=ids)
        self.call("PUT", f"{EXAM}/task/{task.id}", expect, json=body)
        if expect == 200:
            task.inputs = ids
            task.status = status_after_edit(task.status, S.UPDATED)

    @precondition(lambda self: self.model.tasks)
    @rule(number=pick)
    def nothing_turns_into_something_else(self, number: int) -> None:
        task: Task = self.one(number, self.model.tasks)
        flipped = self.edited(task, is_template=not task.is_template)
        self.call("PUT", f"{EXAM}/task/{task.id}", 400, json=flipped)
        other = self.edited(task, **(_JOB if task.is_scan else _SCAN))
        self.call("PUT", f"{EXAM}/task/{task.id}", 400, json=other)

    @precondition(lambda self: self.model.exams or self.model.workflows)
    @rule(number=pick)
    def rename(self, number: int) -> None:
        item: Exam | Workflow = self.one(number, [*self.model.exams, *self.model.workflows])
        path = f"{EXAM}/{item.id}" if isinstance(item, Exam) else f"{EXAM}/workflow/{item.id}"
        body = self.call("GET", path, 200) | {"name": self.new_name(), "status": "UPDATED"}
        self.call("PUT", path, 409 if item.is_frozen else 200, json=body)
        item.name = item.name if item.is_frozen else body["name"]

    @precondition(lambda self: self.model.exams or self.model.workflows or self.model.tasks)
    @rule(number=pick)
    def delete(self, number: int) -> None:
        model = self.model
        item = self.one(number, [*model.exams, *model.workflows, *model.tasks])
        self.delete_item(item)

    def delete_item(self, item: Exam | Workflow | Task) -> None:
        kind = {Exam: "", Workflow: "workflow/", Task: "task/"}[type(item)]
        below = tree.tasks_of(item)
        held = any(task.claim for task in below)
        kept = held or item.is_frozen or self.model.readers_outside(below)
        self.call("DELETE", f"{EXAM}/{kind}{item.id}", 409 if kept else 204)
        if not kept:
            self.model.remove(item)
            self.call("GET", f"{EXAM}/{kind}{item.id}", 404)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def the_record_is_whole(self) -> None:
        self.nothing_is_left_behind()
        self.the_tree_is_the_model()

    def the_tree_is_the_model(self) -> None:
        found = self.call("GET", f"{EXAM}/templates/all", 200)
        for patient in self.model.patients:
            found += self.call("GET", f"{EXAM}/all/{patient}", 200)
        by_id = {document["id"]: document for document in found}
        assert set(by_id) == {exam.id for exam in self.model.exams}
        for exam in self.model.exams:
            tree.check_exam(by_id[exam.id], exam)
        flows = self.call("GET", f"{EXAM}/workflow/templates/all", 200)
        lone = {document["id"]: document for document in flows if document["exam_id"] is None}
        assert set(lone) == {workflow.id for workflow in self.model.lone_workflows}
        for workflow in self.model.lone_workflows:
            tree.check_workflow(lone[workflow.id], workflow)
        self.versions_never_fall([*found, *flows])
        for identifier in by_id if _DEEP else self.record.changed & set(by_id):
            self.a_tree_is_the_sum_of_what_is_in_it(by_id[identifier])
        self.record.changed.clear()

    def versions_never_fall(self, documents: list[dict[str, Any]]) -> None:
        for identifier, version in tree.ids_and_versions(documents):
            assert version >= self.versions.get(identifier, 1), identifier
            self.versions[identifier] = version

    def a_tree_is_the_sum_of_what_is_in_it(self, exam: dict[str, Any]) -> None:
        assert self.call("GET", f"{EXAM}/{exam['id']}", 200) == exam
        assert self.call("GET", f"{EXAM}/workflow/all/{exam['id']}", 200) == exam["workflows"]
        for workflow in exam["workflows"]:
            assert self.call("GET", f"{EXAM}/workflow/{workflow['id']}", 200) == workflow
            assert self.call("GET", f"{EXAM}/task/all/{workflow['id']}", 200) == workflow["tasks"]
            for task in workflow["tasks"]:
                assert self.call("GET", f"{EXAM}/task/{task['id']}", 200) == task
                assert self.call("GET", f"{EXAM}/result/all/{task['id']}", 200) == task["results"]

    def nothing_is_left_behind(self) -> None:
        self.runner.run(self.record.look())
        model, rows = self.model, self.record.count()
        results = [result for task in model.tasks for result in task.results]
        assert rows == {
            "patient": len(model.patients),
            "exam": len(model.exams),
            "workflow": len(model.workflows),
            "task": len(model.tasks),
            "result": len(results),
            "sequence": len(model.sequences),
            "user": 0,
        }
        files = {str(path.relative_to(self.lake)) for path in self.lake.rglob("*")}
        files = {name for name in files if (self.lake / name).is_file()}
        files = {name for name in files if ".plot.bin" not in name}  # made aside, in their own time
        assert files == model.files()

    def teardown(self) -> None:
        """End what is at work, delete everything, and see that nothing is left."""
        try:
            self.end_all()
        finally:
            self.runner.run(self.opened.__aexit__(None, None, None))

    def end_all(self) -> None:
        for task in self.tasks_that(lambda task: task.claim):
            body = {"claim_id": task.claim, "status": S.CANCELED, "reason": "end"}
            self.call("POST", f"{EXAM}/task/{task.id}/release", 200, token=task.token, json=body)
            task.claim, task.status = None, S.CANCELED
        model = self.model
        for item in [*model.exams, *model.lone_workflows, *model.lone_tasks]:
            self.delete_item(item)
        assert all(exam.is_frozen for exam in model.exams)
        for patient in model.patients[:]:
            self.call("DELETE", f"{PATIENT}/{patient}", 204)
            model.patients.remove(patient)
        self.nothing_is_left_behind()


def run_machine(opened: Callable[[], AbstractAsyncContextManager[Any]], examples: int) -> None:
    if _DEEP:
        examples *= 40
    with asyncio.Runner() as runner:
        run_state_machine_as_test(
            lambda: ExamTree(runner, opened()),
            settings=settings(
                max_examples=examples,
                stateful_step_count=60 if _DEEP else 25,
                deadline=None,
                derandomize=not _DEEP,
                database=None,
                phases=(Phase.generate,),  # shrinking would take minutes: an example opens an app
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.long
@pytest.mark.timeout(7200 if _DEEP else 180)
def test_the_exam_tree_stays_whole_whatever_happens(start, empty_database, tmp_path):
    path = tmp_path / "exam.sqlite"

    def opened():
        shutil.copyfile(empty_database, path)
        return start(sqlite_url(path), migrate=False)

    run_machine(opened, examples=tries(in_ci=12, here=3))


@pytest.mark.long
@pytest.mark.timeout(7200 if _DEEP else 180)
def test_the_exam_tree_stays_whole_on_postgresql(start, copied_postgresql):
    def opened():
        return start(copied_postgresql("exam_manager"), migrate=False)

    run_machine(opened, examples=2)
