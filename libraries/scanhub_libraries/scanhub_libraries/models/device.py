"""Devices (scanners)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.enums import DeviceStatus
from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel


class DeviceCreationRequest(WireModel):
    """What a person enters to let a device connect."""

    name: Name
    description: Annotated[Text, Field(min_length=1)]
    status: DeviceStatus | None = None


_PerAxis = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]


class SystemLimits(WireModel):
    """What the hardware of a device can do. What is not told is not checked.

    `max_gradients`, `max_rf_duration`, `adc_deadtime` and `rf_dead_time` have the names of
    ScanHub's requirements.
    """

    max_gradients: Annotated[
        _PerAxis | None, Field(description="Largest gradient along x, y, z [mT/m]")
    ] = None
    max_slew_rates: Annotated[
        _PerAxis | None, Field(description="Largest slew rate along x, y, z [T/m/s]")
    ] = None
    max_rf_duration: Annotated[float | None, Field(gt=0, description="Longest RF pulse [s]")] = None
    max_rf_amplitude: Annotated[
        float | None, Field(gt=0, description="Largest RF amplitude as B1 [uT]")
    ] = None
    max_b1_rms: Annotated[
        float | None, Field(gt=0, description="Largest B1+rms over 10 s [uT]")
    ] = None
    max_duration: Annotated[float | None, Field(gt=0, description="Longest scan [s]")] = None
    adc_deadtime: Annotated[
        float | None, Field(ge=0, description="Time before and after sampling [s]")
    ] = None
    rf_dead_time: Annotated[
        float | None, Field(ge=0, description="Time before an RF pulse [s]")
    ] = None
    rf_ringdown_time: Annotated[
        float | None, Field(ge=0, description="Time after an RF pulse [s]")
    ] = None
    gradient_raster_time: Annotated[
        float | None, Field(gt=0, description="Raster of gradients [s]")
    ] = None


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
    last_seen: datetime | None = None
    datetime_created: datetime
    datetime_updated: datetime | None = None


class DeviceCredentials(WireModel):
    """What is downloaded once and installed on the device."""

    device_token: str
    device_id: UUID


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
    device_id: UUID
    state: str
    reason: str | None
    error_code: Annotated[
        str | None, Field(description="What went wrong, as the device's word for programs")
    ] = None
    progress: Annotated[int, Field(description="How far it got [%]")] = 0
    stop_reason: Annotated[str | None, Field(description="Who asked for a stop")] = None
    started_at: datetime | None = None
    lost_at: Annotated[
        datetime | None, Field(description="Since when nothing was heard of the device")
    ] = None
    result_id: UUID | None
    created_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
