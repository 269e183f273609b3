"""The tables of device parameters."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from device_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from scanhub_libraries.ids import new_id


class DeviceParameter(Table, table=True):
    """One version of the parameters of a device; never changed, so that it is a history."""

    __tablename__ = "device_parameter"
    __table_args__ = (sa.UniqueConstraint("device_id", "version"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    device_id: UUID = Field(index=True)
    version: int
    parameter: dict[str, Any] = Field(sa_type=JSONDocument)
    author: str = Field(max_length=256)
    """Who wrote it: a user, the device itself, or a calibration."""
    comment: str = Field(default="", max_length=10_000)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ParameterSchema(Table, table=True):
    """The JSON Schema that the parameters of devices of one type follow."""

    __tablename__ = "parameter_schema"

    device_type: str = Field(max_length=200, primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSONDocument)
    version: int = 1
    author: str = Field(max_length=256)
    datetime_created: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
