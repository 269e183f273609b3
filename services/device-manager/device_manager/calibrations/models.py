"""The table of calibrations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from device_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import CalibrationState, CalibrationType


class Calibration(Table, table=True):
    """One calibration of a device: asked for, then measured or failed."""

    __tablename__ = "calibration"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    device_id: UUID = Field(index=True)
    acquisition_id: UUID | None = Field(default=None, index=True)
    """The scan that it was made for; None: it was asked for by itself."""
    task_id: UUID | None = None
    kind: CalibrationType = Field(sa_type=text_enum(CalibrationType))
    state: CalibrationState = Field(
        default=CalibrationState.REQUESTED, sa_type=text_enum(CalibrationState)
    )
    values: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    """What was measured, by the names of the device's parameters."""
    quality: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    """How good it is: SNR [dB], line width [Hz], and what else the device tells."""
    problem: str | None = Field(default=None, max_length=4000)
    parameter_version: int | None = None
    """The version of the parameters that it made; None: nothing was changed."""
    requested_by: str = Field(max_length=256)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
