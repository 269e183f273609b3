"""What mercure's programs send, under mercure's names. Unknown members are ignored."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from scanhub_libraries.models.fields import JSONObject, ShortText, WireModel, WithoutNul
from workflow_manager.bookkeeper.rules import SERIES_TAGS

LARGEST_BODY = 8 * 2**20
"""Logs of a module are the largest that is reported [byte]."""


def _none_is_empty(value: Any) -> Any:
    return "" if value is None else value


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Uid = Annotated[str, StringConstraints(min_length=1, max_length=64), WithoutNul]
OptionalUid = Annotated[
    str, StringConstraints(max_length=64), WithoutNul, BeforeValidator(_none_is_empty)
]
TaskId = Annotated[Uid, Field(description="Id of mercure's task")]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z_]+$")]
Short = Annotated[ShortText, BeforeValidator(_none_is_empty)]
Line = Annotated[
    str, StringConstraints(max_length=1024), WithoutNul, BeforeValidator(_none_is_empty)
]
Lines = Annotated[
    str, StringConstraints(max_length=64 * 1024), WithoutNul, BeforeValidator(_none_is_empty)
]
Logs = Annotated[
    str, StringConstraints(max_length=4 * 2**20), WithoutNul, BeforeValidator(_none_is_empty)
]
Time = Annotated[
    datetime | None,
    BeforeValidator(_empty_is_none),
    Field(description="ISO 8601; without a zone it is UTC"),
]
Number = Annotated[int, Field(ge=0, le=1000), BeforeValidator(lambda value: value or 0)]


def _as_member(value: Any) -> Any:
    """Refuse what no database takes, wherever it is; a module may answer with any JSON."""
    TypeAdapter(JSONObject).validate_python({"value": value})
    return {} if value is None else value


Document = Annotated[Any, AfterValidator(_as_member)]


class MercureEventIn(WireModel):
    """POST /mercure-event."""

    sender: Short = "Unknown"
    event: EventName = "UNKNOWN"
    severity: Annotated[
        int, Field(ge=0, le=3, description="0 info, 1 warning, 2 error, 3 critical")
    ] = 0
    description: Lines = ""


class WebguiEventIn(WireModel):
    """POST /webgui-event."""

    sender: Short = "Unknown"
    event: EventName = "UNKNOWN"
    user: Short = ""
    description: Lines = ""


class RegisterDicomIn(WireModel):
    """POST /register-dicom."""

    filename: Line = ""
    file_uid: Uid
    series_uid: Uid


class RegisterSeriesIn(WireModel):
    """POST /register-series: tags by their DICOM keyword; the bookkeeper keeps some of them."""

    model_config = {**WireModel.model_config, "extra": "allow"}

    series_instance_uid: Annotated[Uid, Field(alias="SeriesInstanceUID")]
    study_instance_uid: Annotated[OptionalUid, Field(alias="StudyInstanceUID")] = ""

    @property
    def tags(self) -> dict[str, str]:
        """Return what is kept of the tags."""
        given = self.model_extra or {}
        return {
            keyword: str(given.get(keyword) or "").replace("\x00", "")[:1024]
            for keyword in SERIES_TAGS
        }


class RegisterTaskIn(WireModel):
    """POST /register-task."""

    id: TaskId
    series_uid: OptionalUid = ""
    parent_id: Annotated[Uid | None, BeforeValidator(_empty_is_none)] = None


class UpdateTaskIn(WireModel):
    """POST /update-task: the whole task.json, or `{id, tags}`."""

    model_config = {**WireModel.model_config, "extra": "allow"}

    id: TaskId

    @model_validator(mode="after")
    def _is_json(self) -> Self:
        """Refuse what no database takes, in whatever member it is."""
        TypeAdapter(JSONObject).validate_python(self.model_extra or {})
        return self

    @property
    def document(self) -> dict[str, Any]:
        """Return the task as it was sent."""
        return {"id": self.id, **(self.model_extra or {})}


class TaskEventIn(WireModel):
    """POST /task-event."""

    task_id: TaskId
    sender: Short = "Unknown"
    event: EventName = "UNKNOWN"
    file_count: Annotated[
        int, Field(ge=0, le=2**53), BeforeValidator(lambda value: 0 if value == "" else value)
    ] = 0
    target: Line = ""
    info: Lines = ""
    timestamp: Annotated[
        float | None,
        BeforeValidator(_empty_is_none),
        Field(description="Monotonic clock of the sender [s]"),
    ] = None
    time: Time = None


class ProcessorLogsIn(WireModel):
    """POST /processor-logs."""

    task_id: TaskId
    sender: Short = "Unknown"
    module_name: Short = ""
    time: Time = None
    logs: Logs = ""


class ProcessorOutputIn(WireModel):
    """POST /store-processor-output."""

    task_id: TaskId
    task_acc: Line = ""
    task_mrn: Line = ""
    module: Short = ""
    index: Number = 0
    settings: Document = {}
    output: Document = {}


class TestBeginIn(WireModel):
    """POST /test-begin."""

    __test__ = False  # no test of pytest's

    id: Uid
    type: Short = ""
    rule_type: Short = ""
    task_id: Annotated[Uid | None, BeforeValidator(_empty_is_none)] = None


class TestEndIn(WireModel):
    """POST /test-end."""

    __test__ = False

    id: Uid
    status: Short = ""


class Done(WireModel):
    """mercure's answer to a report that was taken."""

    ok: str = ""
