"""Steps of the state machine around the tree: patients, sequences, protocols, and moves."""

from typing import Any

from exam_tree import Exam, Task, Workflow, adopt_exam, shape, tasks_of
from exam_tree_steps import EXAM, PATIENT, Doing, S, pick
from hypothesis.stateful import precondition, rule
from outside import SEQUENCE

from exam_manager.tasks.rules import status_after_edit
from scanhub_libraries.models import Standing


class Around(Doing):
    """What stands around the tree, and what may not go while the tree needs it."""

    # --- patients ---------------------------------------------------------------------------------

    @rule()
    def another_patient(self) -> None:
        self.create_patient()

    @precondition(lambda self: len(self.model.patients) > 1)
    @rule(number=pick)
    def delete_patient(self, number: int) -> None:
        patient: str = self.one(number, self.model.patients)
        has_exams = any(exam.patient == patient for exam in self.model.exams)
        self.call("DELETE", f"{PATIENT}/{patient}", 409 if has_exams else 204)
        if not has_exams:
            self.model.patients.remove(patient)
            self.call("GET", f"{PATIENT}/{patient}", 404)

    @precondition(lambda self: self.instances())
    @rule(number=pick, to=pick)
    def give_exam_to_patient(self, number: int, to: int) -> None:
        exam: Exam = self.one(number, self.instances())
        patient: str = self.one(to, self.model.patients)
        body = self.call("GET", f"{EXAM}/{exam.id}", 200)
        body |= {"patient_id": patient, "status": S.UPDATED}
        kept = patient != exam.patient and any(task.was_claimed for task in tasks_of(exam))
        self.call("PUT", f"{EXAM}/{exam.id}", 409 if kept else 200, json=body)
        exam.patient = exam.patient if kept else patient

    def instances(self) -> list[Exam]:
        return [exam for exam in self.model.exams if not exam.is_template]

    # --- sequences --------------------------------------------------------------------------------

    @rule(number=pick)
    def upload_sequence(self, number: int) -> None:
        form: dict[str, str] = {"name": self.new_name()}
        if (of := self.one(number, [None, *self.model.sequences])) is not None:
            form["version_of"] = of
        files = {"seq_file": ("a.seq", SEQUENCE.encode(), "text/plain")}
        answer = self.call("POST", f"{EXAM}/sequence", 201, data=form, files=files)
        self.model.sequences.append(answer["_id"])

    @precondition(lambda self: self.model.sequences)
    @rule(number=pick)
    def rename_sequence(self, number: int) -> None:
        path = f"{EXAM}/sequence/{self.one(number, self.model.sequences)}"
        self.call("PUT", path, 200, json=self.call("GET", path, 200) | {"name": self.new_name()})

    @precondition(lambda self: self.model.sequences)
    @rule(number=pick)
    def delete_sequence(self, number: int) -> None:
        sequence: str = self.one(number, self.model.sequences)
        used = sequence in {task.sequence for task in self.model.tasks}
        self.call("DELETE", f"{EXAM}/sequence/{sequence}", 409 if used else 202)
        if not used:
            self.model.sequences.remove(sequence)
            self.call("GET", f"{EXAM}/sequence/{sequence}", 404)

    @precondition(lambda self: self.tasks_that(lambda task: task.is_scan))
    @rule(number=pick, other=pick)
    def use_sequence(self, number: int, other: int) -> None:
        task: Task = self.one(number, self.tasks_that(lambda task: task.is_scan))
        sequence = self.one(other, [None, *self.model.sequences])
        kept = task.is_frozen or (task.claim and sequence != task.sequence)
        body = self.edited(task, sequence_id=sequence)
        self.call("PUT", f"{EXAM}/task/{task.id}", 409 if kept else 200, json=body)
        if not kept:
            task.sequence, task.status = sequence, status_after_edit(task.status, S.UPDATED)

    def edited(self, task: Task, **changes: Any) -> dict[str, Any]:
        """Return the body of an edit, as a client sends back what it read."""
        read = self.call("GET", f"{EXAM}/task/{task.id}", 200)
        return {**read, "status": S.UPDATED, **changes}

    # --- protocols --------------------------------------------------------------------------------

    @precondition(lambda self: self.model.exams)
    @rule(number=pick)
    def release(self, number: int) -> None:
        exam: Exam = self.one(number, self.model.exams)
        expect = 409 if exam.standing is not Standing.DRAFT else 422 if exam.lacks else 200
        path = f"{EXAM}/templates/{exam.id}/release"
        self.call("POST", path, expect, json={"comment": "checked"})
        if expect == 200:
            exam.standing = Standing.RELEASED

    @precondition(lambda self: self.model.exams)
    @rule(number=pick)
    def retire(self, number: int) -> None:
        exam: Exam = self.one(number, self.model.exams)
        may = exam.standing is Standing.RELEASED
        self.call("POST", f"{EXAM}/templates/{exam.id}/retire", 200 if may else 409)
        if may:
            exam.standing = Standing.RETIRED

    @precondition(lambda self: self.model.exams)
    @rule(number=pick)
    def revise(self, number: int) -> None:
        exam: Exam = self.one(number, self.model.exams)
        versions = [item for item in self.model.exams if item.protocol == exam.protocol]
        draft = any(item.standing is Standing.DRAFT for item in versions)
        may = exam.is_frozen and not draft
        answer = self.call("POST", f"{EXAM}/templates/{exam.id}/revise", 201 if may else 409)
        if may:
            made = adopt_exam(answer)
            assert shape(tasks_of(made)) == shape(tasks_of(exam))
            assert made.protocol_version == max(item.protocol_version for item in versions) + 1
            self.model.exams.append(made)

    # --- moves ------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.tasks and self.model.workflows)
    @rule(number=pick, to=pick)
    def move_task(self, number: int, to: int) -> None:
        task: Task = self.one(number, self.model.tasks)
        workflow: Workflow = self.one(to, self.model.workflows)
        body = self.edited(task, workflow_id=workflow.id, position=None)
        expect = _move_of_task(task, workflow, bool(self.model.readers_outside([task])))
        answer = self.call("PUT", f"{EXAM}/task/{task.id}", expect, json=body)
        if expect == 200:
            task.status = status_after_edit(task.status, S.UPDATED)
            if task.workflow is not workflow:
                self.model.remove(task)
                workflow.add(task, answer["position"])
                assert workflow.tasks[-1] is task

    @precondition(lambda self: self.model.workflows)
    @rule(number=pick, to=pick)
    def move_workflow(self, number: int, to: int) -> None:
        workflow: Workflow = self.one(number, self.model.workflows)
        exam: Exam | None = self.one(to, [*self.model.exams, None])
        path = f"{EXAM}/workflow/{workflow.id}"
        body = self.call("GET", path, 200) | {"exam_id": exam and exam.id, "status": S.UPDATED}
        is_read = bool(self.model.readers_outside(workflow.tasks))
        expect = _move_of_workflow(workflow, exam, is_read)
        self.call("PUT", path, expect, json=body)
        if expect == 200 and workflow.exam is not exam:
            self.model.remove(workflow)
            workflow.exam = exam
            (exam.workflows if exam else self.model.lone_workflows).append(workflow)


def _move_of_task(task: Task, to: Workflow, is_read: bool) -> int:
    """Return what the move of a task must answer."""
    if task.is_frozen:
        return 409
    if task.workflow is to:
        return 200
    if task.claim:
        return 409
    if to.is_template is not task.is_template:
        return 400
    exam = task.workflow.exam if task.workflow is not None else None
    stays = exam is not None and exam is to.exam
    if to.is_frozen or task.results or (is_read and not stays):
        return 409
    return 200 if set(task.inputs) <= {item.id for item in to.tree} else 400


def _move_of_workflow(workflow: Workflow, to: Exam | None, is_read: bool) -> int:
    """Return what the move of a workflow must answer."""
    if workflow.is_frozen:
        return 409
    if workflow.exam is to:
        return 200
    own = {task.id for task in workflow.tasks}
    reads_others = any(set(task.inputs) - own for task in workflow.tasks)
    if reads_others or is_read or any(task.was_claimed for task in workflow.tasks):
        return 409
    if (to is None or to.is_template) is not workflow.is_template:
        return 400
    return 409 if to is not None and to.is_frozen else 200
