"""Tasks: one acquisition on a scanner, or one job of a processing graph."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from scanhub_libraries.models.enums import (
    CalibrationType,
    DAGType,
    Gender,
    ItemStatus,
    PatientPosition,
    PregnancyStatus,
    TaskType,
)
from scanhub_libraries.models.fields import (
    XYZ,
    JSONObject,
    Name,
    Parameter,
    Percent,
    ShortText,
    Text,
    WireModel,
)
from scanhub_libraries.models.result import ResultOut
from scanhub_libraries.models.sequence import MRISequenceOut

LAST_POSITION = 1_000_000
"""What a workflow's tasks are numbered up to."""


class AcquisitionLimits(WireModel):
    """What the scanner must know of the patient before it may scan."""

    patient_height: Annotated[float, Field(description="Height [cm]")]
    patient_weight: Annotated[
        int, Field(description="Weight [kg], rounded down: the safe side for SAR")
    ]
    patient_gender: Gender
    patient_age: Annotated[int, Field(description="Age [years]")]
    patient_position: Annotated[
        PatientPosition | None,
        Field(description="How the patient lies; null: nobody has told"),
    ] = None
    pregnancy_status: Annotated[
        PregnancyStatus | None, Field(description="null: nobody has asked")
    ] = None
    has_implant: Annotated[bool | None, Field(description="null: nobody has asked")] = None


class AcquisitionParameter(WireModel):
    """How the field of view of the sequence is placed."""

    fov_scaling: XYZ = XYZ(x=1.0, y=1.0, z=1.0)
    fov_offset: Annotated[XYZ, Field(description="Offset [mm]")] = XYZ(x=0.0, y=0.0, z=0.0)
    fov_rotation: Annotated[XYZ, Field(description="Rotation [degree]")] = XYZ(x=0.0, y=0.0, z=0.0)


class BaseTask(WireModel):
    """What every task has."""

    workflow_id: UUID | None = None
    name: Name
    description: Text = ""
    task_type: TaskType
    destination: ShortText = ""
    status: ItemStatus = ItemStatus.NEW
    progress: Percent = 0
    is_template: bool = False
    position: Annotated[
        int | None, Field(ge=0, le=LAST_POSITION, description="Order within the workflow")
    ] = None


class BaseAcquisitionTask(BaseTask):
    """An acquisition: which sequence on which device."""

    task_type: Literal[TaskType.ACQUISITION] = TaskType.ACQUISITION
    device_id: UUID | None = None
    sequence_id: ShortText | None = None
    acquisition_parameter: AcquisitionParameter | None = None
    calibration: Annotated[list[CalibrationType], Field(max_length=16)] = []


class BaseDAGTask(BaseTask):
    """A job of the processing graph and the tasks whose results it reads."""

    task_type: Literal[TaskType.DAG] = TaskType.DAG
    dag_type: DAGType
    dag_id: ShortText
    input_task_ids: Annotated[list[UUID], Field(max_length=256)] = []
    parameter: Parameter | None = None


class Deviation(WireModel):
    """A planned value that is not the template's."""

    field: Annotated[
        str, Field(description="Name of the field; after a dot a part of it", examples=["dag_id"])
    ]
    template: Annotated[Any, Field(description="What the template says")] = None
    task: Annotated[Any, Field(description="What the task says")] = None


class _TaskOut(WireModel):
    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    results: list[ResultOut] = []
    position: int
    version: int
    status_reason: Annotated[
        str | None, Field(description="Why the task is in this status, for a person to read")
    ] = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    template_id: Annotated[
        UUID | None, Field(description="The task of the template that it was copied from")
    ] = None
    deviations: Annotated[
        list[Deviation], Field(description="Where the plan is not the template's any more")
    ] = []
    repeat_of: Annotated[
        UUID | None, Field(description="The task that this one does over again; it may be gone")
    ] = None
    repeat_reason: Annotated[
        str | None, Field(description="Why it is done over again, as a person gave it")
    ] = None


class AcquisitionTaskOut(_TaskOut, BaseAcquisitionTask):
    """An acquisition task as stored."""

    position: int
    acquisition_limits: AcquisitionLimits | None = None


class DAGTaskOut(_TaskOut, BaseDAGTask):
    """A job task as stored."""

    position: int
    parameter: JSONObject | None = None


class DuplicateTask(WireModel):
    """What to copy with a task, and why."""

    reason: Annotated[
        ShortText | None,
        AfterValidator(lambda value: (value or "").strip() or None),
        Field(description="Given, the copy is a repeat: it names the task and this reason"),
    ] = None
    with_jobs: Annotated[
        bool, Field(description="Copy the jobs of the workflow that read nothing else, too")
    ] = True
    workflow_id: Annotated[
        UUID | None,
        Field(description="Where the copies go, at its end; without it they stand behind the task"),
    ] = None


TaskIn = Annotated[BaseAcquisitionTask | BaseDAGTask, Field(discriminator="task_type")]
TaskOut = Annotated[AcquisitionTaskOut | DAGTaskOut, Field(discriminator="task_type")]


class AcquisitionPayload(AcquisitionTaskOut):
    """What a device gets with `start`.

    `access_token` is a task token: it can report on this task and upload its data, nothing else.
    """

    mrd_header: str = ""
    sequence: MRISequenceOut | None = None
    access_token: str
    device_parameter: dict[str, Any] = {}
    device_parameter_version: Annotated[
        int | None, Field(description="Version of `device_parameter`; null: there are none")
    ] = None
    acquisition_id: UUID | None = None
    upload_url: Annotated[
        str | None,
        Field(
            description="Where files may be uploaded over HTTP, if the device likes; relative to "
            "the address of the websocket"
        ),
    ] = None
    upload_trailer: Annotated[
        Literal["sha256"] | None,
        Field(
            description="What may come behind the last byte of a file instead of before its first, "
            "either way"
        ),
    ] = None
    stream_url: Annotated[
        str | None,
        Field(
            description="Where readouts may be sent while they are acquired, for previews; only "
            "to a device that announces `stream`"
        ),
    ] = None
