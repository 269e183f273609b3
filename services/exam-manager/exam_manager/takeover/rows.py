"""What ScanHub says of its records, as rows of ours. Pure.

A value that no record here may have is not guessed: the record is refused, and the field named, so
that a person corrects it over there. What is changed in taking over is noted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from exam_manager.tasks.rules import ACTIVE, derive_status
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.ids import dicom_uid, new_id
from scanhub_libraries.lake import result_directory
from scanhub_libraries.models import (
    AcquisitionLimits,
    BaseExam,
    BasePatient,
    BaseWorkflow,
    ItemStatus,
    ResultType,
    TaskIn,
    TaskType,
)

Document = Mapping[str, Any]
Row = dict[str, Any]
CREATOR: Final = "ScanHub"
INTERRUPTED: Final = "It was at work in ScanHub when its record was taken over."
_TASK: Final[TypeAdapter[Any]] = TypeAdapter(TaskIn)
_UNNAMED: Final = "(no name)"
_NAME: Final = 200


@dataclass(slots=True)
class Reading:
    """How records are read, and what was noted on the way.

    Attributes:
        zone: What a time without a zone means: ScanHub stores those of its machine.
        sequences: Ids of the sequences that are here; tasks can name no other.
        notes: What is not as it was over there, a line each.
    """

    zone: tzinfo = UTC
    sequences: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def moment(self, value: Any) -> datetime | None:
        """Return a time of ScanHub in UTC; None if there is none."""
        if not isinstance(value, str):
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC)


@dataclass(slots=True)
class Tree:
    """Rows of an exam, or of a workflow or task that stands alone, and of all below it."""

    exam: Row | None = None
    workflows: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    """`files` are the names over there, until the files are here."""


def patient_of(document: Document) -> BasePatient:
    """Return what is known of a patient.

    Raises:
        UnprocessableError: A value cannot stand in a record here.
    """
    patient: BasePatient = _checked(BasePatient, document, f"patient {document.get('id')}")
    return patient


def exam_tree(document: Document, reading: Reading) -> Tree:
    """Return the rows of an exam, or of a template of one.

    Raises:
        UnprocessableError: A value cannot stand in a record here.
    """
    where = f"exam {document.get('id')}"
    body = _checked(BaseExam, _named(document, where, reading), where)
    tree = Tree()
    for position, workflow in enumerate(_listed(document, "workflows")):
        _add_workflow(tree, workflow, reading, position=position, is_template=body.is_template)
    exam_id = _id(document, where)
    for row in tree.workflows:
        row["exam_id"] = exam_id
    tree.exam = {
        **body.model_dump(),
        **_stamps(document, reading, where),
        "status": _derived(body.status, tree.tasks),
        "protocol_id": exam_id if body.is_template else None,
        "protocol_version": 1 if body.is_template else None,
        "study_instance_uid": None if body.is_template else dicom_uid(new_id()),
    }
    return tree


def workflow_tree(document: Document, reading: Reading) -> Tree:
    """Return the rows of a template of a workflow that stands in no exam."""
    tree = Tree()
    _add_workflow(tree, document, reading, position=0, is_template=True)
    return tree


def task_tree(document: Document, reading: Reading) -> Tree:
    """Return the row of a template of a task that stands in no workflow."""
    tree = Tree()
    _add_task(tree, document, reading, workflow_id=None, position=0, is_template=True)
    return tree


def _add_workflow(
    tree: Tree, document: Document, reading: Reading, *, position: int, is_template: bool
) -> None:
    where = f"workflow {document.get('id')}"
    body = _checked(BaseWorkflow, _named(document, where, reading), where)
    workflow_id, first = _id(document, where), len(tree.tasks)
    tasks = sorted(_listed(document, "tasks"), key=_place)
    for place, task in enumerate(tasks):
        _add_task(
            tree, task, reading, workflow_id=workflow_id, position=place, is_template=is_template
        )
    tree.workflows.append(
        {
            **body.model_dump(),
            **_stamps(document, reading, where),
            "exam_id": None,
            "is_template": is_template,
            "position": position,
            "status": _derived(body.status, tree.tasks[first:]),
        }
    )


def _place(task: Document) -> tuple[int, str]:
    """Tasks are ordered by their position, where they have one, else by their age."""
    position = task.get("position")
    return position if isinstance(position, int) else 0, str(task.get("datetime_created") or "")


def _add_task(
    tree: Tree,
    document: Document,
    reading: Reading,
    *,
    workflow_id: UUID | None,
    position: int,
    is_template: bool,
) -> None:
    where = f"task {document.get('id')}"
    row = _planned(document, reading, where)
    task_id = _id(document, where)
    interrupted = row["status"] in ACTIVE
    if interrupted:
        reading.notes.append(f"{where} was {row['status']}; it is ERROR here, with this reason.")
    tree.tasks.append(
        {
            **row,
            **_stamps(document, reading, where),
            "workflow_id": workflow_id,
            "position": position,
            "is_template": is_template,
            "status": ItemStatus.ERROR if interrupted else row["status"],
            "status_reason": INTERRUPTED if interrupted else None,
            "started_at": None,
            "finished_at": None,
            "claim_id": None,
            "claim_active": False,
            "claim_device_id": None,
            "claimed_at": None,
            "template_id": None,
            "template_values": None,
            "repeat_of": None,
            "repeat_reason": None,
        }
    )
    if workflow_id is not None:
        for result in _listed(document, "results"):
            tree.results.append(_result(result, reading, workflow_id, task_id))


def _planned(document: Document, reading: Reading, where: str) -> Row:
    """Return what was planned: the columns of both kinds of tasks."""
    body = _checked(_TASK, {**_named(document, where, reading), "position": None}, where)
    is_scan = body.task_type is TaskType.ACQUISITION
    row: Row = {
        "device_id": None,
        "sequence_id": None,
        "acquisition_parameter": None,
        "acquisition_limits": None,
        "calibration": [],
        "dag_type": None,
        "dag_id": None,
        "input_task_ids": [],
        "parameter": None,
        **body.model_dump(mode="json"),
        "status": body.status,
        "task_type": body.task_type,
    }
    if not is_scan:
        return row | {"dag_type": body.dag_type}
    if row["sequence_id"] and row["sequence_id"] not in reading.sequences:
        reading.notes.append(
            f"{where} names the sequence {row['sequence_id']}, which is not here; it has none now."
        )
        row["sequence_id"] = None
    return row | {
        "device_id": body.device_id,
        "sequence_id": row["sequence_id"] or None,
        "acquisition_limits": _limits(document.get("acquisition_limits"), where, reading),
    }


def _limits(document: Any, where: str, reading: Reading) -> Row | None:
    if not isinstance(document, Mapping):
        return None
    try:
        return AcquisitionLimits.model_validate(document).model_dump(mode="json")
    except ValidationError as error:
        reading.notes.append(f"{where} comes without its acquisition limits: {_told(error)}.")
        return None


def _result(document: Document, reading: Reading, workflow_id: UUID, task_id: UUID) -> Row:
    where = f"result {document.get('id')}"
    result_id = _id(document, where)
    said = str(document.get("type") or "")
    return {
        "id": result_id,
        "task_id": task_id,
        "claim_id": None,
        "type": ResultType(said) if said in set(ResultType) else ResultType.NOT_SET,
        "directory": result_directory(workflow_id, task_id, result_id),
        "files": [str(name) for name in document.get("files") or []],
        "meta": document.get("meta") if isinstance(document.get("meta"), dict) else None,
        "datetime_created": reading.moment(document.get("datetime_created")) or datetime.now(UTC),
        "datetime_updated": None,
        "version": 1,
    }


def _derived(status: ItemStatus, tasks: Sequence[Row]) -> ItemStatus:
    """ScanHub never moves an exam on: what no person closed follows its tasks."""
    if status in ACTIVE or (tasks and status is ItemStatus.NEW):
        return derive_status(status, [task["status"] for task in tasks])
    return status


def _stamps(document: Document, reading: Reading, where: str) -> Row:
    return {
        "id": _id(document, where),
        "creator": str(document.get("creator") or CREATOR)[:_NAME],
        "datetime_created": reading.moment(document.get("datetime_created")) or datetime.now(UTC),
        "datetime_updated": reading.moment(document.get("datetime_updated")),
        "version": 1,
    }


def _named(document: Document, where: str, reading: Reading) -> Row:
    """Return a document with a name; ScanHub takes empty ones."""
    row = dict(document)
    if not str(row.get("name") or "").strip():
        reading.notes.append(f"{where} has no name; it is called {_UNNAMED} here.")
        row["name"] = _UNNAMED
    row["description"] = row.get("description") or ""
    if row.get("destination") is None:
        row["destination"] = ""
    return row


def _id(document: Document, where: str) -> UUID:
    try:
        return UUID(str(document.get("id")))
    except ValueError:
        raise UnprocessableError(f"{where} has no id that is a UUID.", field="id") from None


def _listed(document: Document, name: str) -> Iterable[Document]:
    return [item for item in document.get(name) or [] if isinstance(item, Mapping)]


def _checked(model: type[BaseModel] | TypeAdapter[Any], document: Any, where: str) -> Any:
    try:
        if isinstance(model, TypeAdapter):
            return model.validate_python(document)
        return model.model_validate(document)
    except ValidationError as error:
        raise UnprocessableError(f"{where}: {_told(error)}") from None


def _told(error: ValidationError) -> str:
    """Return which fields are wrong and why, without their values: they are a patient's."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_input=False, include_context=False, include_url=False)
    )
