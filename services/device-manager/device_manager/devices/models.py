"""The table of devices."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from device_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import DeviceStatus
from scanhub_libraries.models.fields import ShortText, Text, WireModel


class Device(Table, table=True):
    """A scanner that may connect."""

    __tablename__ = "device"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(max_length=200)
    description: str = Field(max_length=10_000)
    token_hash: str = Field(max_length=64)
    status: DeviceStatus = Field(default=DeviceStatus.OFFLINE, sa_type=text_enum(DeviceStatus))
    status_detail: str | None = Field(default=None, max_length=4000)
    device_name: str | None = Field(default=None, max_length=200)
    serial_number: str | None = Field(default=None, max_length=200)
    manufacturer: str | None = Field(default=None, max_length=200)
    modality: str | None = Field(default=None, max_length=200)
    site: str | None = Field(default=None, max_length=200)
    parameter: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    parameter_version: int = 0
    """Counts the documents of parameters; 0: none was ever set."""
    calibration_id: UUID | None = None
    """The calibration that holds the device; None: none was asked for by itself."""
    device_type: str | None = Field(default=None, max_length=200)
    """Which schema the parameters follow."""
    system_limits: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    """What the hardware can do, as the device says (SystemLimits)."""
    capabilities: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    node_id: UUID | None = None
    """The process at which it is at home; None: it has never been connected."""
    home_version: int = 0
    """Counts its homecomings: of two processes that both think so, the later one is right."""
    certificate_sha256: str | None = Field(default=None, max_length=64)
    """Fingerprint of the TLS client certificate that it must show; None: none is asked for."""
    token_rotated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When token or certificate were replaced last."""
    version: int = 1
    last_seen: datetime | None = Field(default=None, sa_type=UtcDateTime)
    datetime_created: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeviceNaming(WireModel):
    """Name and description of a device, as a person enters them; neither may be empty."""

    name: ShortText
    description: Text
