"""Every message that a device is sent."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models import AcquisitionPayload, CalibrationType
from scanhub_libraries.models.fields import WireModel

TaskId = Annotated[UUID, Field(description="`id` of the task, as it came with `start`")]
AcquisitionId = Annotated[
    UUID | None, Field(description="Which start of the task; `acquisition_id` of `start`")
]


class Command(WireModel):
    """A message to a device."""

    def to_json(self) -> str:
        """Serialise under the names of the wire."""
        return self.model_dump_json(by_alias=True)


class Start(Command):
    """Begin a scan."""

    command: Literal["start"] = "start"
    data: AcquisitionPayload


class Stop(Command):
    """End the scan of this task; without a task: whatever runs."""

    command: Literal["stop"] = "stop"
    task_id: Annotated[UUID | None, Field(description="Null: whatever runs")] = None
    acquisition_id: AcquisitionId = None


class Pause(Command):
    """Let the scan of this task rest."""

    command: Literal["pause"] = "pause"
    task_id: TaskId
    acquisition_id: AcquisitionId = None


class Resume(Command):
    """Let the scan of this task go on."""

    command: Literal["resume"] = "resume"
    task_id: TaskId
    acquisition_id: AcquisitionId = None


class Calibrate(Command):
    """Calibrate, without a scan."""

    command: Literal["calibrate"] = "calibrate"
    calibration_id: Annotated[UUID, Field(description="To be sent back with `calibrated`")]
    kind: CalibrationType
    device_parameter: Annotated[
        dict[str, Any], Field(description="The parameters to begin from")
    ] = {}


class ParameterUpdate(Command):
    """The parameters of the device have been changed; they hold from the next scan on."""

    command: Literal["parameter_update"] = "parameter_update"
    parameter: Annotated[dict[str, Any], Field(description="All of its parameters")]
    version: Annotated[int, Field(description="Their version")]


class Feedback(Command):
    """The server's word on what it got. With `filename` it is the verdict on an upload."""

    command: Literal["feedback"] = "feedback"
    message: Annotated[str, Field(description="For a person to read")]
    ok: Annotated[
        bool | None, Field(description="False: what was sent was refused, and nothing was changed")
    ] = None
    task_id: Annotated[UUID | None, Field(description="The task that it is about")] = None
    filename: Annotated[str | None, Field(description="The file that it is about")] = None
    result_id: Annotated[UUID | None, Field(description="The result that the file has made")] = None
    retry_after_s: Annotated[
        float | None,
        Field(description="Nothing is wrong with what was sent: send it again after this time [s]"),
    ] = None

    def to_json(self) -> str:
        """Serialise without what is not set."""
        return self.model_dump_json(exclude_none=True)


class Pong(Command):
    """Answer to a heartbeat."""

    command: Literal["pong"] = "pong"


def refusal(message: str, task_id: UUID | None = None) -> Feedback:
    """Return the feedback for something that was not done."""
    return Feedback(message=message, ok=False, task_id=task_id)
