"""Every message that a device sends, and how text becomes one.

Text frames are JSON objects with a `command`; binary frames are bytes of the file that the last
`file-transfer` announced. Unknown fields are ignored, so that both ends may grow.
"""

import json
import math
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from scanhub_libraries.models import CalibrationType, DeviceStatus, SystemLimits
from scanhub_libraries.models.fields import JSONObject, Parameter, ShortText, Text, WireModel

_CODE_LENGTH = 64
_MOST_PROBLEMS = 10


class MessageError(Exception):
    """A frame cannot be read; the text says what is wrong with it."""


def _percent(value: Any) -> int | None:
    """Read a progress as devices send it: a number or its text, clamped to 0..100."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("should be a number between 0 and 100")
    return round(min(max(number, 0.0), 100.0))


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _details_or_nothing(value: Any) -> Any:
    return {} if value is None else value


def _storable(text: str) -> str:
    """Drop what no database text can hold: what a device has to say of a failure is taken."""
    return text.replace("\x00", "")


def _short_code(value: Any) -> Any:
    return _storable(value)[:_CODE_LENGTH] if isinstance(value, str) else value


Progress = Annotated[
    int | None,
    BeforeValidator(_percent),
    Field(description="How far the scan is [%]; required while the device scans"),
]
Token = Annotated[str, Field(max_length=8192, description="`access_token` as it came with `start`")]
Sha256 = Annotated[
    Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None,
    BeforeValidator(_none_if_empty),
    Field(description="SHA-256 of the whole file, hexadecimal; it is compared, if it is sent"),
]
OptionalId = Annotated[UUID | None, BeforeValidator(_none_if_empty)]
TaskId = Annotated[UUID, Field(description="`id` of the task, as it came with `start`")]
OptionalTaskId = Annotated[OptionalId, Field(description="`id` of the task that is spoken of")]
ErrorText = Annotated[
    Annotated[str, AfterValidator(_storable)] | None,
    Field(max_length=100_000, description="What went wrong, for the technician to read"),
]


class RegisterData(WireModel):
    """What a device says of itself. Everything may be missing."""

    device_name: ShortText | None = None
    serial_number: ShortText | None = None
    manufacturer: ShortText | None = None
    modality: ShortText | None = None
    site: ShortText | None = None
    parameter: JSONObject | None = Field(
        default=None, description="Its parameters, where the server has none yet"
    )
    status: DeviceStatus | None = Field(
        default=None, description="BUSY when a scan has outlived the last link"
    )
    capabilities: Annotated[
        list[ShortText],
        Field(max_length=64, description="What it knows beyond version 1, by the words below"),
    ] = []
    device_type: ShortText | None = Field(
        default=None, description="Which schema its parameters follow"
    )
    system_limits: SystemLimits | None = Field(
        default=None, description="What the hardware can do; scans beyond it are refused"
    )
    parameter_version: Annotated[
        int | None, Field(ge=0, description="Version of the parameters that it has")
    ] = None


class Register(WireModel):
    """The device introduces itself."""

    command: Literal["register"]
    data: Annotated[RegisterData, BeforeValidator(_details_or_nothing)] = RegisterData()


class Ping(WireModel):
    """Heartbeat."""

    command: Literal["ping"]


class Ack(WireModel):
    """The device has taken the scan."""

    command: Literal["ack"]
    task_id: TaskId
    acquisition_id: Annotated[
        OptionalId, Field(description="`acquisition_id` as it came with `start`")
    ] = None


class Stopped(WireModel):
    """The scan has ended because it was told to; without a task: nothing runs."""

    command: Literal["stopped"]
    task_id: OptionalTaskId = None


class Paused(WireModel):
    """The scan rests where it is, because it was told to or because the device chose to."""

    command: Literal["paused"]
    task_id: TaskId
    reason: Annotated[
        Annotated[str, AfterValidator(_storable)] | None,
        Field(max_length=4000, description="Why, for the technician to read"),
    ] = None


class Resumed(WireModel):
    """A scan that rested goes on."""

    command: Literal["resumed"]
    task_id: TaskId


class Calibrated(WireModel):
    """What a calibration has given, or what went wrong.

    With `calibration_id` it answers `calibrate`; with task and token it is one of the scan's.
    """

    command: Literal["calibrated"]
    calibration_id: Annotated[OptionalId, Field(description="As it came with `calibrate`")] = None
    task_id: OptionalTaskId = None
    user_access_token: Token | None = None
    kind: CalibrationType
    values: Annotated[
        Parameter | None,
        Field(description="What was measured, by the names of the device's parameters"),
    ] = None
    quality: Annotated[
        Parameter | None, Field(description="How good it is: SNR [dB], line width [Hz], ...")
    ] = None
    apply: Annotated[
        bool,
        Field(description="False: the values are kept, and the parameters stay as they are"),
    ] = True
    error_message: ErrorText = None


class DeviceParameterUpdate(WireModel):
    """The device has changed its parameters."""

    command: Literal["parameter_update"]
    parameter: Annotated[Parameter, Field(description="All of its parameters")]
    base_version: Annotated[
        int | None,
        Field(ge=0, description="The version that it changed; refused when that is not the last"),
    ] = None
    comment: Text = ""


class StatusData(WireModel):
    """How far the scan is, or what went wrong."""

    progress: Progress = None
    seconds_left: Annotated[
        float | None, Field(ge=0, le=1e7, description="What the scan still takes [s]")
    ] = None
    error_code: Annotated[
        str | None,
        BeforeValidator(_short_code),
        Field(description="What went wrong, as a word that a program can compare; 64 letters"),
    ] = None
    error_message: ErrorText = None


class UpdateStatus(WireModel):
    """State of the device and, while it scans, of the task."""

    command: Literal["update_status"]
    status: DeviceStatus
    data: Annotated[StatusData, BeforeValidator(_details_or_nothing)] = StatusData()
    task_id: OptionalTaskId = None
    user_access_token: Token | None = None


class FileTransfer(WireModel):
    """Announces a file; its bytes follow in binary frames."""

    command: Literal["file-transfer"]
    task_id: TaskId
    user_access_token: Token
    filename: Annotated[
        str, Field(max_length=4096, description="Its end tells what it is: .mrd, .dcm, .npy, .json")
    ]
    size_bytes: Annotated[int, Field(description="Size of the file [byte]")]
    content_type: str | None = None
    sha256: Sha256 = None
    trailer: Annotated[
        Literal["sha256"] | None,
        Field(
            description="32 bytes come behind the last byte of the file, its SHA-256; only if "
            "`start` has named it as `upload_trailer`"
        ),
    ] = None
    device_parameter: Annotated[
        JSONObject | None,
        Field(description="Parameters with which the data were acquired; stored beside them"),
    ] = None


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
        for item in error.errors(include_input=False, include_url=False, include_context=False)[
            :_MOST_PROBLEMS
        ]
    ]
    return f"{command}: {'; '.join(problems)}"
