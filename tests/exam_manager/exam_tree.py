"""What the exam tree must be after each step: a model in plain Python, beside the platform."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from exam_manager.tasks.rules import ACTIVE, derive_status
from scanhub_libraries.models import ItemStatus, Standing

S = ItemStatus


@dataclass(eq=False)
class Task:
    id: str
    name: str
    is_scan: bool
    workflow: "Workflow | None"
    position: int = 0
    inputs: list[str] = field(default_factory=list)
    sequence: str | None = None
    status: ItemStatus = S.NEW
    progress: int = 0
    claim: str | None = None
    """The claim that holds it now."""
    token: str = ""
    was_claimed: bool = False
    results: dict[str, list[str]] = field(default_factory=dict)
    """Files of each result."""

    @property
    def is_template(self) -> bool:
        return self.workflow is None or self.workflow.is_template

    @property
    def tree(self) -> list["Task"]:
        """The tasks that this one may read, itself among them."""
        return self.workflow.tree if self.workflow else [self]

    @property
    def blank(self) -> list[str]:
        """Results without files."""
        return [result for result, files in self.results.items() if not files]

    @property
    def is_frozen(self) -> bool:
        return self.workflow is not None and self.workflow.is_frozen

    @property
    def is_retired(self) -> bool:
        return self.workflow is not None and self.workflow.is_retired

    def leads_to(self, other: "Task") -> bool:
        """Say whether this task reads another one, directly or by others."""
        by_id = {task.id: task for task in self.tree}
        return any(item == other.id or by_id[item].leads_to(other) for item in self.inputs)


@dataclass(eq=False)
class Workflow:
    id: str
    name: str
    exam: "Exam | None"
    tasks: list[Task] = field(default_factory=list)

    @property
    def is_template(self) -> bool:
        return self.exam is None or self.exam.is_template

    @property
    def tree(self) -> list[Task]:
        return [t for w in self.exam.workflows for t in w.tasks] if self.exam else self.tasks

    @property
    def is_frozen(self) -> bool:
        return self.exam is not None and self.exam.is_frozen

    @property
    def is_retired(self) -> bool:
        return self.exam is not None and self.exam.standing is Standing.RETIRED

    def add(self, task: Task, position: int | None = None) -> None:
        """Give a task its place: tasks that stand there move on by one."""
        others = [item for item in self.tasks if item is not task]
        last = max((item.position for item in others), default=-1)
        task.workflow, task.position = self, last + 1 if position is None else position
        free = task.position
        for other in (item for item in others if item.position >= task.position):
            if other.position > free:
                break
            free = other.position = free + 1
        self.tasks = sorted([*others, task], key=lambda item: item.position)


@dataclass(eq=False)
class Exam:
    id: str
    name: str
    is_template: bool
    patient: str | None
    standing: Standing
    protocol: str | None
    protocol_version: int | None
    workflows: list[Workflow] = field(default_factory=list)

    @property
    def is_frozen(self) -> bool:
        return self.standing in {Standing.RELEASED, Standing.RETIRED}

    @property
    def lacks(self) -> bool:
        """Whether something is missing that a released version has."""
        return not self.workflows or not all(item.tasks for item in self.workflows)


@dataclass
class Model:
    """Everything that must be in the record."""

    exams: list[Exam] = field(default_factory=list)
    lone_workflows: list[Workflow] = field(default_factory=list)
    lone_tasks: list[Task] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    sequences: list[str] = field(default_factory=list)

    @property
    def workflows(self) -> list[Workflow]:
        return [w for e in self.exams for w in e.workflows] + self.lone_workflows

    @property
    def tasks(self) -> list[Task]:
        return [t for w in self.workflows for t in w.tasks] + self.lone_tasks

    def readers_outside(self, tasks: list[Task]) -> list[Task]:
        """Return the tasks that read one of these and are none of them."""
        ids = {task.id for task in tasks}
        return [t for t in self.tasks if t.id not in ids and ids.intersection(t.inputs)]

    def remove(self, item: Exam | Workflow | Task) -> None:
        if isinstance(item, Exam):
            self.exams.remove(item)
        elif isinstance(item, Workflow):
            (item.exam.workflows if item.exam else self.lone_workflows).remove(item)
        else:
            (item.workflow.tasks if item.workflow else self.lone_tasks).remove(item)

    def files(self) -> set[str]:
        """Return the keys of all files in the lake."""
        return {f"sequences/{sequence}.seq" for sequence in self.sequences} | {
            f"lake/{task.workflow.id}/{task.id}/{result}/{name}"
            for task in self.tasks
            if task.workflow
            for result, names in task.results.items()
            for name in names
        }


def tasks_of(item: Exam | Workflow | Task) -> list[Task]:
    """Return the tasks at or below an item."""
    if isinstance(item, Exam):
        return [task for workflow in item.workflows for task in workflow.tasks]
    return item.tasks if isinstance(item, Workflow) else [item]


def adopt_task(document: dict[str, Any], workflow: Workflow | None) -> Task:
    """Return the model of a task that the platform made."""
    return Task(
        document["id"],
        document["name"],
        document["task_type"] == "ACQUISITION",
        workflow,
        document["position"],
        document.get("input_task_ids", []),
        document.get("sequence_id"),
    )


def adopt_workflow(document: dict[str, Any], exam: Exam | None) -> Workflow:
    workflow = Workflow(document["id"], document["name"], exam)
    workflow.tasks = [adopt_task(task, workflow) for task in document["tasks"]]
    return workflow


def adopt_exam(document: dict[str, Any]) -> Exam:
    exam = Exam(
        document["id"],
        document["name"],
        document["is_template"],
        document["patient_id"],
        Standing.DRAFT if document["is_template"] else Standing.INSTANCE,
        document["protocol_id"],
        document["protocol_version"],
    )
    exam.workflows = [adopt_workflow(item, exam) for item in document["workflows"]]
    return exam


def shape(tasks: list[Task]) -> list[tuple[object, ...]]:
    """Return what a copy has in common with its source: the plan, and who reads whom."""
    index = {task.id: number for number, task in enumerate(tasks)}
    return [
        (t.name, t.is_scan, t.sequence, t.position, [index.get(item, -1) for item in t.inputs])
        for t in tasks
    ]


def check_task(document: dict[str, Any], task: Task) -> None:
    """Compare a task as it is read with the model."""
    assert document["id"] == task.id
    assert document["name"] == task.name
    assert document["is_template"] is task.is_template
    assert document["status"] == task.status, (document["status"], task.status)
    assert document["progress"] == task.progress
    assert document["position"] == task.position
    assert document.get("input_task_ids", []) == task.inputs
    assert set(task.inputs) <= {item.id for item in task.tree} - {task.id}
    assert document.get("sequence_id") == task.sequence
    assert {result["id"] for result in document["results"]} == set(task.results)


def check_workflow(document: dict[str, Any], workflow: Workflow) -> None:
    """Compare a workflow as it is read with the model."""
    assert document["id"] == workflow.id
    assert document["name"] == workflow.name
    assert document["is_template"] is workflow.is_template
    assert [task["id"] for task in document["tasks"]] == [task.id for task in workflow.tasks]
    positions = [task["position"] for task in document["tasks"]]
    assert positions == sorted(set(positions)), f"positions {positions}"
    for found, task in zip(document["tasks"], workflow.tasks, strict=True):
        check_task(found, task)
    if workflow.exam is not None:
        check_status(document["status"], workflow.tasks)


def check_exam(document: dict[str, Any], exam: Exam) -> None:
    """Compare an exam as it is read with the model."""
    assert document["name"] == exam.name
    assert document["is_template"] is exam.is_template
    assert document["patient_id"] == exam.patient
    assert document["protocol_version"] == exam.protocol_version
    assert (document["released_at"] is not None) is exam.is_frozen
    assert (document["retired_at"] is not None) is (exam.standing is Standing.RETIRED)
    assert [item["id"] for item in document["workflows"]] == [item.id for item in exam.workflows]
    for found, workflow in zip(document["workflows"], exam.workflows, strict=True):
        check_workflow(found, workflow)
    check_status(document["status"], tasks_of(exam))


def check_status(status: str, tasks: list[Task]) -> None:
    """Compare a status above tasks with theirs: it is the one that follows from them."""
    statuses = [task.status for task in tasks]
    if ACTIVE.intersection(statuses):
        assert status == S.INPROGRESS
    if status not in {S.NEW, S.UPDATED, S.CANCELED}:
        assert status == derive_status(S(status), statuses), (status, statuses)


def ids_and_versions(documents: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """Yield the id and version of everything in trees."""
    for document in documents:
        yield document["id"], document["version"]
        yield from ids_and_versions(document.get("workflows", []))
        yield from ids_and_versions(document.get("tasks", []))
