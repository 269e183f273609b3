"""Every message of the device link, both ways, and how text becomes one.

Text frames are JSON objects with a `command`; binary frames are bytes of the file that the last
`file-transfer` announced. Unknown fields are ignored, so that both ends may grow.
"""

import json
import math
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from scanhub_libraries.models import (
    AcquisitionPayload,
    CalibrationType,
    DeviceStatus,
    SystemLimits,
)
from scanhub_libraries.models.fields import JSONObject, ShortText, WireModel


class MessageError(Exception):
    """A frame cannot be read; the text says what is wrong with it."""


def _percent(value: Any) -> int | None:
    """Read a progress as devices send it: a number or its text, clamped to 0..100."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("should be a number between 0 and 100")
    return round(min(max(number, 0.0), 100.0))


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _details_or_nothing(value: Any) -> Any:
    return {} if value is None else value


Progress = Annotated[int | None, BeforeValidator(_percent)]
Token = Annotated[str, Field(max_length=8192)]
Sha256 = Annotated[
    Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None, BeforeValidator(_none_if_empty)
]
OptionalId = Annotated[UUID | None, BeforeValidator(_none_if_empty)]


# --- from the device ------------------------------------------------------------------------------


class RegisterData(WireModel):
    """What a device says of itself. Everything may be missing."""

    device_name: ShortText | None = None
    serial_number: ShortText | None = None
    manufacturer: ShortText | None = None
    modality: ShortText | None = None
    site: ShortText | None = None
    parameter: dict[str, Any] | None = None
    status: DeviceStatus | None = None
    capabilities: Annotated[list[ShortText], Field(max_length=64)] = []
    device_type: ShortText | None = None
    system_limits: SystemLimits | None = None
    parameter_version: Annotated[int | None, Field(ge=0)] = None


class Register(WireModel):
    """The device introduces itself: the first message of a link."""

    command: Literal["register"]
    data: Annotated[RegisterData, BeforeValidator(_details_or_nothing)] = RegisterData()


class Ping(WireModel):
    """Heartbeat."""

    command: Literal["ping"]


class Ack(WireModel):
    """The device has taken the scan."""

    command: Literal["ack"]
    task_id: UUID
    acquisition_id: OptionalId = None


class Stopped(WireModel):
    """The scan has ended because it was told to; without a task: nothing runs."""

    command: Literal["stopped"]
    task_id: OptionalId = None


class Paused(WireModel):
    """The scan rests where it is, because it was told to or because the device chose to."""

    command: Literal["paused"]
    task_id: UUID
    reason: Annotated[str | None, Field(max_length=4000)] = None


class Resumed(WireModel):
    """A scan that rested goes on."""

    command: Literal["resumed"]
    task_id: UUID


class Calibrated(WireModel):
    """What a calibration has given: values by the names of the parameters, or what went wrong.

    With `calibration_id` it answers `calibrate`; with task and token it is one of the scan's.
    """

    command: Literal["calibrated"]
    calibration_id: OptionalId = None
    task_id: OptionalId = None
    user_access_token: Token | None = None
    kind: CalibrationType
    values: JSONObject | None = None
    quality: JSONObject | None = None
    error_message: Annotated[str | None, Field(max_length=100_000)] = None


class DeviceParameterUpdate(WireModel):
    """The device has changed its parameters; `base_version` is the version that it changed."""

    command: Literal["parameter_update"]
    parameter: JSONObject
    base_version: Annotated[int | None, Field(ge=0)] = None
    comment: Annotated[str, Field(max_length=10_000)] = ""


class StatusData(WireModel):
    """How far the scan is, or what went wrong."""

    progress: Progress = None
    seconds_left: Annotated[float | None, Field(ge=0, le=1e7)] = None
    error_code: ShortText | None = None
    error_message: Annotated[str | None, Field(max_length=100_000)] = None


class UpdateStatus(WireModel):
    """State of the device and, while it scans, of the task."""

    command: Literal["update_status"]
    status: DeviceStatus
    data: Annotated[StatusData, BeforeValidator(_details_or_nothing)] = StatusData()
    task_id: OptionalId = None
    user_access_token: Token | None = None


class FileTransfer(WireModel):
    """Announces a file; its bytes follow in binary frames."""

    command: Literal["file-transfer"]
    task_id: UUID
    user_access_token: Token
    filename: Annotated[str, Field(max_length=4096)]
    size_bytes: int
    content_type: str | None = None
    sha256: Sha256 = None
    device_parameter: dict[str, Any] | None = None


DeviceMessage = Annotated[
    Register
    | Ping
    | Ack
    | Stopped
    | Paused
    | Resumed
    | Calibrated
    | DeviceParameterUpdate
    | UpdateStatus
    | FileTransfer,
    Field(discriminator="command"),
]
_DEVICE_MESSAGE: TypeAdapter[DeviceMessage] = TypeAdapter(DeviceMessage)
_COMMANDS = (
    "register",
    "ping",
    "ack",
    "stopped",
    "paused",
    "resumed",
    "calibrated",
    "parameter_update",
    "update_status",
    "file-transfer",
)


def parse(text: str) -> DeviceMessage:
    """Return the message in a text frame.

    Raises:
        MessageError: It is no JSON, no known command, or a field is missing or wrong.
    """
    try:
        return _DEVICE_MESSAGE.validate_json(text)
    except ValidationError as error:
        raise MessageError(_explain(text, error)) from None


def _explain(text: str, error: ValidationError) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "The frame is not JSON: send one JSON object with a 'command'."
    if not isinstance(document, dict) or not isinstance(document.get("command"), str):
        return "The frame has no 'command': send one JSON object with a 'command'."
    command = document["command"]
    if command not in _COMMANDS:
        return f"Unknown command {command[:80]!r}: known are {', '.join(_COMMANDS)}."
    # The first part of a location is the command; the input itself is never repeated: it may
    # hold a token.
    problems = [
        f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return f"{command}: {'; '.join(problems)}"


# --- to the device --------------------------------------------------------------------------------


class Feedback(WireModel):
    """The server's word on what it got. With `filename` it is the verdict on an upload."""

    command: Literal["feedback"] = "feedback"
    message: str
    ok: bool | None = None
    task_id: UUID | None = None
    filename: str | None = None
    result_id: UUID | None = None

    def to_json(self) -> str:
        """Serialise without what is not set."""
        return self.model_dump_json(exclude_none=True)


class Start(WireModel):
    """Begin a scan."""

    command: Literal["start"] = "start"
    data: AcquisitionPayload

    def to_json(self) -> str:
        """Serialise under the names of the wire."""
        return self.model_dump_json(by_alias=True)


class Stop(WireModel):
    """End the scan of this task; without a task: whatever runs."""

    command: Literal["stop"] = "stop"
    task_id: UUID | None = None
    acquisition_id: UUID | None = None

    def to_json(self) -> str:
        """Serialise."""
        return self.model_dump_json()


class Pause(WireModel):
    """Let the scan of this task rest."""

    command: Literal["pause"] = "pause"
    task_id: UUID
    acquisition_id: UUID | None = None

    def to_json(self) -> str:
        """Serialise."""
        return self.model_dump_json()


class Resume(WireModel):
    """Let the scan of this task go on."""

    command: Literal["resume"] = "resume"
    task_id: UUID
    acquisition_id: UUID | None = None

    def to_json(self) -> str:
        """Serialise."""
        return self.model_dump_json()


class Calibrate(WireModel):
    """Calibrate, without a scan. Each calibration is answered with `calibrated`."""

    command: Literal["calibrate"] = "calibrate"
    calibration_id: UUID
    kind: CalibrationType
    device_parameter: dict[str, Any] = {}

    def to_json(self) -> str:
        """Serialise."""
        return self.model_dump_json()


class ParameterUpdate(WireModel):
    """The parameters of the device have been changed; they hold from the next scan on."""

    command: Literal["parameter_update"] = "parameter_update"
    parameter: dict[str, Any]
    version: int

    def to_json(self) -> str:
        """Serialise."""
        return self.model_dump_json()


PONG = '{"command":"pong"}'


def refusal(message: str, task_id: UUID | None = None) -> Feedback:
    """Return the feedback for something that was not done."""
    return Feedback(message=message, ok=False, task_id=task_id)
