"""Devices (scanners)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.enums import DeviceStatus
from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel
from scanhub_libraries.models.safety import SafetyRecord
from scanhub_libraries.models.system_limits import SystemLimits


class DeviceCreationRequest(WireModel):
    """What a person enters to let a device connect."""

    name: Name
    description: Annotated[Text, Field(min_length=1)]
    status: DeviceStatus | None = None


class DeviceDetails(WireModel):
    """What a device says of itself when it registers."""

    device_name: ShortText | None = None
    serial_number: ShortText | None = None
    manufacturer: ShortText | None = None
    modality: ShortText | None = None
    status: DeviceStatus | None = None
    site: ShortText | None = None
    parameter: dict[str, Any] | None = None
    capabilities: Annotated[
        list[ShortText], Field(max_length=64, description="Commands beyond v1 that it knows")
    ] = []
    device_type: Annotated[
        ShortText | None, Field(description="Which schema its parameters follow")
    ] = None
    system_limits: SystemLimits | None = None


class DeviceOut(DeviceDetails):
    """A device as stored."""

    id: UUID
    version: int
    parameter_version: Annotated[
        int, Field(description="Version of `parameter`; 0: none was ever set")
    ]
    name: str
    description: str
    status: DeviceStatus
    status_detail: Annotated[
        str | None, Field(description="Why the device is in this state, for a person to read")
    ] = None
    certificate_sha256: Annotated[
        str | None,
        Field(description="Fingerprint of the TLS client certificate that it has to show"),
    ] = None
    last_seen: datetime | None = None
    datetime_created: datetime
    datetime_updated: datetime | None = None


class DeviceCredentials(WireModel):
    """What is downloaded once and installed on the device."""

    device_token: str
    device_id: UUID


class DeviceCertificateIn(WireModel):
    """The TLS client certificate that a device has to show: itself, or its fingerprint."""

    certificate_pem: Annotated[
        str | None,
        Field(max_length=64 * 1024, description="The certificate in PEM, without its key"),
    ] = None
    sha256: Annotated[
        str | None, Field(max_length=200, description="SHA-256 of the certificate, hexadecimal")
    ] = None


class DeviceCertificateOut(WireModel):
    """The certificate that is bound to a device now."""

    device_id: UUID
    sha256: str
    subject: Annotated[
        str | None, Field(description="Whose it is; null: only its fingerprint was given")
    ] = None
    not_before: datetime | None = None
    not_after: Annotated[
        datetime | None, Field(description="When it expires: the device is not let in any more")
    ] = None


class StartResult(WireModel):
    """A start that was sent to the device."""

    acquisition_id: UUID
    task_id: UUID
    state: str


class StopRequest(WireModel):
    """Which task to stop; none means: whatever runs."""

    task_id: UUID | None = None


class StopResult(WireModel):
    """What became of a stop."""

    sent: bool
    confirmed: bool
    detail: str
    task_id: UUID | None = None


class PauseResult(StopResult):
    """What became of a pause, or of letting a scan go on."""


class AbandonRequest(WireModel):
    """Why an acquisition is given up, by whoever has looked at the scanner."""

    reason: Annotated[str, Field(min_length=3, max_length=1000)]


class AcquisitionOut(WireModel):
    """One run of a task on a device (a lease)."""

    id: UUID
    task_id: UUID
    exam_id: Annotated[UUID | None, Field(description="The exam of the task, once claimed")] = None
    device_id: UUID
    state: str
    reason: str | None
    error_code: Annotated[
        str | None, Field(description="What went wrong, as the device's word for programs")
    ] = None
    progress: Annotated[int, Field(description="How far it got [%]")] = 0
    requested_by: Annotated[str | None, Field(description="Who started it: `user:ada`")] = None
    stop_reason: Annotated[str | None, Field(description="Who asked for a stop")] = None
    started_at: datetime | None = None
    lost_at: Annotated[
        datetime | None, Field(description="Since when nothing was heard of the device")
    ] = None
    result_id: UUID | None
    sequence_sha256: Annotated[
        str | None, Field(description="Content hash of the sequence that was sent")
    ] = None
    safety: Annotated[
        SafetyRecord | None, Field(description="What the safety gate found, and who confirmed it")
    ] = None
    created_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None


class UploadOut(WireModel):
    """A file of a scan on its way in over HTTP."""

    id: UUID
    acquisition_id: UUID
    device_id: UUID
    filename: str
    content_type: str | None = None
    size_bytes: Annotated[int, Field(description="Size that was announced [byte]")]
    offset: Annotated[int, Field(description="How much of it is there for good [byte]")]
    sha256: str | None = None
    result_id: Annotated[UUID, Field(description="The result that it is or will be")]
    stored_at: Annotated[
        datetime | None, Field(description="Since when it is a result; null: it is not whole")
    ] = None
    problem: Annotated[
        str | None, Field(description="Why a file that is safe could not be entered as a result")
    ] = None
    created_at: datetime
    touched_at: Annotated[datetime, Field(description="When bytes of it came last")]
    expires_at: Annotated[
        datetime | None,
        Field(description="When it is removed if the scan has ended and nobody goes on with it"),
    ] = None
