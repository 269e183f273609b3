"""The table of acquisitions: the lease of a device for one run of one task."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from device_manager.acquisitions.rules import OPEN_STATES, AcquisitionState
from device_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id

_IS_OPEN = sa.text(
    "state IN (" + ", ".join(f"'{state.value}'" for state in sorted(OPEN_STATES)) + ")"
)


def _no_files() -> list[dict[str, Any]]:
    """Return an empty list; what `list` takes is looked up anew for each row, in its docstring."""
    return []


class Acquisition(Table, table=True):
    """One run of a task on a device. `id` is the claim id in exam-manager."""

    __tablename__ = "acquisition"
    __table_args__ = (
        # A device scans one thing at a time, whoever asks and however often.
        sa.Index(
            "uq_acquisition_open_device",
            "device_id",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        sa.Index(
            "ix_acquisition_unsettled",
            "id",
            sqlite_where=sa.text("settled_at IS NULL"),
            postgresql_where=sa.text("settled_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    task_id: UUID = Field(index=True)
    workflow_id: UUID
    device_id: UUID = Field(index=True)
    exam_id: UUID | None = None
    state: AcquisitionState = Field(
        default=AcquisitionState.REQUESTED,
        sa_type=text_enum(AcquisitionState),
    )
    reason: str | None = Field(default=None, max_length=4000)
    requested_by: str = Field(max_length=256)
    result_id: UUID | None = None
    files: list[dict[str, Any]] = Field(default_factory=_no_files, sa_type=JSONDocument)
    error_code: str | None = Field(default=None, max_length=64)
    """What went wrong, as a word that a program can compare."""
    progress: int = 0
    """How far the scan is [%]; written now and then, not with each message."""
    stop_reason: str | None = Field(default=None, max_length=4000)
    """Who asked for the stop; a device that comes back is told again."""
    sequence_sha256: str | None = Field(default=None, max_length=64)
    """Content hash of the sequence that was sent, and that `safety` is about."""
    safety: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    """Verdict of the safety gate, with what it was based on and who confirmed what."""
    parameter_version: int | None = None
    """Version of the device's parameters that holds for it; None: there were none."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    accepted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lost_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When exam-manager has been told of the end; None while it still has to be."""
