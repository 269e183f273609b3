"""Whatever people, devices and jobs do in whatever order, the exam tree stays whole."""

import asyncio
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

sys.path.insert(0, str(Path(__file__).parent))

import exam_tree as tree
from exam_tree import Exam, Task, Workflow
from exam_tree_steps import EXAM, PATIENT, Doing, S, pick

from exam_manager.exams.models import Exam as ExamRow
from exam_manager.results.models import Result as ResultRow
from exam_manager.tasks.models import Task as TaskRow
from exam_manager.tasks.rules import status_after_edit
from exam_manager.workflows.models import Workflow as WorkflowRow
from scanhub_libraries.database import reading, sqlite_url
from scanhub_libraries.errors import TransitionNotAllowedError
from scanhub_libraries.models import ItemStatus

_SCAN = {"task_type": "ACQUISITION", "calibration": ["frequency"]}
_JOB = {"task_type": "DAG", "dag_type": "PROCESSING", "dag_id": "smoothing", "input_task_ids": []}


class ExamTree(Doing):
    """Planning, editing and deleting; and what must hold after every step."""

    # --- planning ---------------------------------------------------------------------------------

    @rule(is_template=st.booleans())
    def create_exam(self, is_template: bool) -> None:
        patient = None if is_template else self.patient
        body = {"patient_id": patient, "name": self.new_name(), "is_template": is_template}
        self.model.exams.append(tree.adopt_exam(self.call("POST", f"{EXAM}/new", 201, json=body)))

    @precondition(lambda self: self.model.exams)
    @rule(number=pick, as_template=st.booleans())
    def copy_exam(self, number: int, as_template: bool) -> None:
        source: Exam = self.one(number, self.model.exams)
        patient = None if as_template else self.patient
        body = {"patient_id": patient, "name": self.new_name(), "is_template": as_template}
        path = f"{EXAM}/?template_id={source.id}"
        answer = self.call("POST", path, 201 if source.is_template else 400, json=body)
        if source.is_template:
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
        answer = self.call("POST", f"{EXAM}/workflow/new", 201, json=body)
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
        answer = self.call("POST", path, 201 if fits and whole else 400)
        if self.status == 201:
            exam.workflows.append(tree.adopt_workflow(answer, exam))

    @rule(number=pick, inputs=pick, is_scan=st.booleans())
    def create_task(self, number: int, inputs: int, is_scan: bool) -> None:
        workflow: Workflow | None = self.one(number, [*self.model.workflows, None])
        read = [] if is_scan or workflow is None else self.some(inputs, workflow.tree)
        body = {
            "workflow_id": workflow and workflow.id,
            "name": self.new_name(),
            "is_template": workflow is None or workflow.is_template,
            **(_SCAN if is_scan else {**_JOB, "input_task_ids": [task.id for task in read]}),
        }
        answer = self.call("POST", f"{EXAM}/task/new", 201, json=body)
        above = workflow.tasks if workflow else self.model.lone_tasks
        above.append(tree.adopt_task(answer, workflow))

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
        answer = self.call("POST", path, 201 if fits and whole else 400)
        if self.status == 201:
            workflow.tasks.append(tree.adopt_task(answer, workflow))

    @precondition(lambda self: self.model.workflows)
    @rule(number=pick, order=st.randoms(use_true_random=False))
    def reorder(self, number: int, order: Any) -> None:
        workflow: Workflow = self.one(number, self.model.workflows)
        named = workflow.tasks[:]
        order.shuffle(named)
        named = named[: order.randint(0, len(named))]
        body = {"task_ids": [task.id for task in named]}
        self.call("PUT", f"{EXAM}/task/reorder", 204 if named else 422, json=body)
        if named:
            workflow.tasks = named + [task for task in workflow.tasks if task not in named]

    # --- editing ----------------------------------------------------------------------------------

    def edited(self, task: Task, **changes: Any) -> dict[str, Any]:
        """Return the body of an edit, as a client sends back what it read."""
        read = self.call("GET", f"{EXAM}/task/{task.id}", 200)
        return {**read, "status": S.UPDATED, **changes}

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
        expect = 412 if stale else 200 if after else 409
        self.call("PUT", f"{EXAM}/task/{task.id}", expect, json=body, headers=match)
        if expect == 200:
            task.name, task.status = body["name"], after

    @precondition(lambda self: self.model.tasks)
    @rule(number=pick, to=st.integers(0, 12))
    def place_task(self, number: int, to: int) -> None:
        task: Task = self.one(number, self.model.tasks)
        self.call("PUT", f"{EXAM}/task/{task.id}", 200, json=self.edited(task, position=to))
        task.status = status_after_edit(task.status, S.UPDATED)
        if task.workflow is not None:
            documents = self.call("GET", f"{EXAM}/task/all/{task.workflow.id}", 200)
            order = [document["id"] for document in documents]
            task.workflow.tasks.sort(key=lambda item: order.index(item.id))

    @precondition(lambda self: self.model.tasks and self.model.workflows)
    @rule(number=pick, to=pick)
    def move_task(self, number: int, to: int) -> None:
        task: Task = self.one(number, self.model.tasks)
        workflow: Workflow = self.one(to, self.model.workflows)
        body = self.edited(task, workflow_id=workflow.id, position=None)
        self.call("PUT", f"{EXAM}/task/{task.id}", 200, 400, 409, json=body)
        if self.status == 200:
            assert workflow.is_template is task.is_template
            self.model.remove(task)
            task.status = status_after_edit(task.status, S.UPDATED)
            task.workflow = workflow
            workflow.tasks.append(task)
            documents = self.call("GET", f"{EXAM}/task/all/{workflow.id}", 200)
            order = [document["id"] for document in documents]
            workflow.tasks.sort(key=lambda item: order.index(item.id))

    @precondition(lambda self: self.tasks_that(lambda task: not task.is_scan))
    @rule(number=pick, inputs=pick)
    def replan_job(self, number: int, inputs: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: not task.is_scan))
        wanted = [item.id for item in self.some(inputs, task.tree)]
        body = self.edited(task, input_task_ids=wanted)
        self.call("PUT", f"{EXAM}/task/{task.id}", 200, 400, 409, json=body)
        if self.status == 200:
            assert task.id not in wanted
            task.inputs = wanted
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
        self.call("PUT", path, 200, json=body)
        item.name = body["name"]

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
        kept = held or self.model.readers_outside(below)
        self.call("DELETE", f"{EXAM}/{kind}{item.id}", 409 if kept else 204)
        if not kept:
            self.model.remove(item)
            self.call("GET", f"{EXAM}/{kind}{item.id}", 404)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def the_tree_is_the_model(self) -> None:
        found = self.call("GET", f"{EXAM}/all/{self.patient}", 200)
        found += self.call("GET", f"{EXAM}/templates/all", 200)
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

    def versions_never_fall(self, documents: list[dict[str, Any]]) -> None:
        for identifier, version in tree.ids_and_versions(documents):
            assert version >= self.versions.get(identifier, 1), identifier
            self.versions[identifier] = version

    @invariant()
    def nothing_is_left_behind(self) -> None:
        rows = self.runner.run(self.rows())
        model = self.model
        results = [result for task in model.tasks for result in task.results]
        assert rows == (len(model.exams), len(model.workflows), len(model.tasks), len(results))
        files = [path for path in (self.lake / "lake").rglob("*") if path.is_file()]
        assert {str(path.relative_to(self.lake)) for path in files} == model.files()
        known = {task.id for task in model.tasks}
        assert all(set(task.inputs) <= known for task in model.tasks)

    async def rows(self) -> tuple[int, ...]:
        async with reading(self.platform.app.state.sessions) as session:
            tables = (ExamRow, WorkflowRow, TaskRow, ResultRow)
            query = [sa.select(sa.func.count()).select_from(table) for table in tables]
            return tuple([await session.scalar(one) or 0 for one in query])

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
        assert not model.tasks
        self.nothing_is_left_behind()
        self.call("DELETE", f"{PATIENT}/{self.patient}", 204)


def run_machine(opened: Callable[[], AbstractAsyncContextManager[Any]], examples: int) -> None:
    with asyncio.Runner() as runner:
        run_state_machine_as_test(
            lambda: ExamTree(runner, opened()),
            settings=settings(
                max_examples=examples,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                phases=(Phase.generate,),  # shrinking would take minutes: an example opens an app
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.timeout(180)
def test_the_exam_tree_stays_whole_whatever_happens(start, empty_database, tmp_path):
    path = tmp_path / "exam.sqlite"

    def opened():
        shutil.copyfile(empty_database, path)
        return start(sqlite_url(path), migrate=False)

    run_machine(opened, examples=15)


@pytest.mark.timeout(180)
def test_the_exam_tree_stays_whole_on_postgresql(start, make_postgresql_url):
    run_machine(lambda: start(make_postgresql_url()), examples=3)
