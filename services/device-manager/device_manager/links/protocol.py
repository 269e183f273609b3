"""The device link in a table: who sends what, when, and what follows; how a link ends.

docs/device-link.md and docs/asyncapi are made of it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Literal

from pydantic import BaseModel

from device_manager.links import commands, messages

PATH: Final = "/api/v1/device/ws"
SAYS_WHEN_FREE: Final = "idle"
"""Capability of a device that stays BUSY until it says ONLINE, also when its data are stored."""


class CloseCode(IntEnum):
    """Why the server ends a link (RFC 6455 section 7.4; from 4000 on: ours)."""

    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    SERVICE_RESTART = 1012
    CONNECTED_AGAIN = 4001
    SILENT = 4002
    NOT_READING = 4003


@dataclass(frozen=True, slots=True)
class MessageInfo:
    """One message.

    Attributes:
        model: Its fields.
        timing: When it is sent, and what has to follow in which time.
        capability: The word in `capabilities` without which it is not sent to a device, or not
            expected of it; None: version 1.
        example: The message as it may be on the wire.
    """

    model: type[BaseModel]
    timing: str
    capability: str | None
    example: dict[str, Any]

    @property
    def command(self) -> str:
        """Return its name on the wire."""
        (name,) = self.model.model_fields["command"].annotation.__args__  # type: ignore[union-attr]
        return str(name)

    @property
    def meaning(self) -> str:
        """Return what it says, in a sentence or two."""
        return " ".join((self.model.__doc__ or "").split())


_TASK = "0197c1f0-1111-7000-8000-000000000001"
_ACQUISITION = "0197c1f0-2222-7000-8000-000000000002"
_TOKEN = "eyJhbGciOi..."  # noqa: S105 - an example
_REPORT = {"task_id": _TASK, "user_access_token": _TOKEN}

FROM_DEVICE: Final = (
    MessageInfo(
        messages.Register,
        "First message of every link; answered with `feedback`. Nothing is started on a device "
        "that has not registered.",
        None,
        {
            "data": {
                "device_name": "Bench scanner",
                "serial_number": "42",
                "manufacturer": "me",
                "modality": "MR",
                "site": "lab",
                "status": "ONLINE",
                "capabilities": ["ack", "stop", "idle"],
                "parameter": {"larmor_frequency": 2_000_000.0},
                "system_limits": {"max_gradients": [25, 25, 25], "max_rf_duration": 0.01},
            }
        },
    ),
    MessageInfo(
        messages.Ping,
        "Every 15 s; answered with `pong`. A device that has sent one is taken for gone when "
        "nothing is heard for {idle_timeout_seconds:g} s.",
        None,
        {},
    ),
    MessageInfo(
        messages.Ack,
        "Within {ack_deadline_seconds:g} s after `start`, before anything moves; again for a "
        "repeated `start`. Too late: the task is given back and `stop` is sent.",
        "ack",
        {"task_id": _TASK, "acquisition_id": _ACQUISITION},
    ),
    MessageInfo(
        messages.UpdateStatus,
        "Whenever state or progress change, at most ten times a second. BUSY with `data.progress` "
        "reports on the task, and ERROR with `data.error_message` ends it; both carry task and "
        "token. A device without `ack` sends its first BUSY within "
        "{first_status_deadline_seconds:g} s after `start`. ONLINE says that it is free: data have "
        "to come within {data_deadline_seconds:g} s. A device with `idle` says so after every "
        "scan, and is BUSY until then; another one is free when its data are stored.",
        None,
        {"status": "BUSY", "data": {"progress": 40, "seconds_left": 31.5}, **_REPORT},
    ),
    MessageInfo(
        messages.Stopped,
        "As soon as the hardware is at rest, and not before: it is what the technician sees as "
        "confirmed. Expected within {stop_deadline_seconds:g} s after `stop`; later it still "
        "counts. No byte of a file of this task follows.",
        "stop",
        {"task_id": _TASK},
    ),
    MessageInfo(
        messages.Paused,
        "When the scan rests; progress does not end a pause.",
        "pause",
        {"task_id": _TASK, "reason": "the patient moved"},
    ),
    MessageInfo(messages.Resumed, "When a scan that rested goes on.", "pause", {"task_id": _TASK}),
    MessageInfo(
        messages.Calibrated,
        "Once for each calibration: those in `calibration` of `start` before the sequence is "
        "played, and those asked for with `calibrate`.",
        "calibrate",
        {
            "kind": "frequency",
            "values": {"larmor_frequency": 2_000_143.0},
            "quality": {"snr_db": 31.2, "line_width_hz": 18.0},
            **_REPORT,
        },
    ),
    MessageInfo(
        messages.DeviceParameterUpdate,
        "When the device has changed its parameters by itself; answered with `feedback`. Refused "
        "unless `base_version` is the version in force, which the answer tells (and 0 or nothing "
        "where the server has none), or when they do not follow the schema of its `device_type`.",
        "parameter_update",
        {"parameter": {"larmor_frequency": 2_000_143.0}, "base_version": 3},
    ),
    MessageInfo(
        messages.FileTransfer,
        "When data are there; then the bytes of the file in binary frames of at most "
        "{max_frame_bytes:d} bytes, in order, with no pause longer than {upload_idle_seconds:g} s. "
        "Text frames may pass between them. The verdict is a `feedback` with `filename`; until it "
        "says `ok: true`, keep the file.",
        None,
        {
            "filename": "data.mrd",
            "size_bytes": 1_048_576,
            "content_type": "application/x-ismrmrd+hdf5",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            **_REPORT,
        },
    ),
)

TO_DEVICE: Final = (
    MessageInfo(
        commands.Start,
        "When a task is started. The same `acquisition_id` twice is the same start: acknowledge it "
        "again, and scan once. A device that is busy answers with `update_status` ERROR for the "
        "task. `stream_url` comes to a device with the capability `stream`.",
        None,
        {
            "data": {
                "id": _TASK,
                "acquisition_id": _ACQUISITION,
                "access_token": _TOKEN,
                "name": "T1 gradient echo",
                "sequence": {
                    "seq_file": "# Pulseq sequence file ...",
                    "seq_file_extension": ".seq",
                },
                "acquisition_limits": {
                    "patient_height": 170.0,
                    "patient_weight": 60,
                    "patient_gender": "FEMALE",
                    "patient_age": 36,
                    "patient_position": "HFS",
                    "pregnancy_status": "NOT_PREGNANT",
                    "has_implant": False,
                },
                "acquisition_parameter": None,
                "calibration": ["frequency"],
                "device_parameter": {"larmor_frequency": 2_000_000.0},
            }
        },
    ),
    MessageInfo(
        commands.Stop,
        "At any time, before anything else that waits to be sent; also to a device that does not "
        "announce that it knows it.",
        "stop",
        {"task_id": _TASK, "acquisition_id": _ACQUISITION},
    ),
    MessageInfo(
        commands.Pause,
        "While a scan runs.",
        "pause",
        {"task_id": _TASK, "acquisition_id": _ACQUISITION},
    ),
    MessageInfo(
        commands.Resume,
        "While a scan rests.",
        "pause",
        {"task_id": _TASK, "acquisition_id": _ACQUISITION},
    ),
    MessageInfo(
        commands.Calibrate,
        "While nothing is scanned; answered with `calibrated` within "
        "{calibration_deadline_seconds:g} s, else with a `stop`. One comes after the other, each "
        "with the parameters that the one before has given.",
        "calibrate",
        {
            "calibration_id": "0197c1f0-3333-7000-8000-000000000003",
            "kind": "frequency",
            "device_parameter": {"larmor_frequency": 2_000_000.0},
        },
    ),
    MessageInfo(
        commands.ParameterUpdate,
        "When the parameters were changed, whoever changed them, and after `register` when the "
        "device has another version of them.",
        "parameter_update",
        {"parameter": {"larmor_frequency": 2_000_143.0}, "version": 4},
    ),
    MessageInfo(
        commands.Feedback,
        "In answer to every message but `ping` that the device sends, in their order; the verdict "
        "on a file comes when it is stored, or as soon as it is refused.",
        None,
        {"message": "Task progress 40 % noted", "ok": True, "task_id": _TASK},
    ),
    MessageInfo(commands.Pong, "At once after `ping`.", None, {}),
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the server refuses or ends a link."""

    code: int
    kind: Literal["HTTP status", "close code"]
    reason: str
    remedy: str


ENDINGS: Final = (
    Ending(
        403,
        "HTTP status",
        "Device-Id or Device-Token is not valid, or the token was replaced",
        "Install the credentials of the device anew; trying again does not help",
    ),
    Ending(
        403,
        "HTTP status",
        "The TLS client certificate that is bound to the device was not shown "
        "(`type` of the answer: `/problems/client-certificate`)",
        "Connect with it, or have another one bound",
    ),
    Ending(
        429,
        "HTTP status",
        "Too many refused handshakes of this device from this address",
        "Wait for {handshake_window_seconds:g} s",
    ),
    Ending(
        CloseCode.POLICY_VIOLATION,
        "close code",
        "The token of the device was replaced, or the device was deleted",
        "Install the credentials of the device anew",
    ),
    Ending(
        CloseCode.TOO_BIG,
        "close code",
        "A frame is larger than {max_frame_bytes:d} bytes, or a text frame than {max_text_bytes:d}",
        "Connect again and send smaller frames: 1 MiB of a file is a good size",
    ),
    Ending(
        CloseCode.SERVICE_RESTART,
        "close code",
        "The server is going down or starts anew, or a certificate was bound to the device",
        "Connect again after a random wait; a scan goes on meanwhile",
    ),
    Ending(
        CloseCode.CONNECTED_AGAIN,
        "close code",
        "The device has connected again: its newest link counts",
        "If it was not you, somebody else has your credentials: ask for new ones",
    ),
    Ending(
        CloseCode.SILENT,
        "close code",
        "Nothing was heard for {idle_timeout_seconds:g} s of a device that sends heartbeats",
        "Connect again",
    ),
    Ending(
        CloseCode.NOT_READING,
        "close code",
        "The device does not read what it is sent",
        "Read all the time, also during an upload; then connect again",
    ),
)
