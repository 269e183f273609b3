"""Series on their way to targets."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from workflow_manager.database import Table
from workflow_manager.dispatch.rules import DispatchStatus, Priority

_UNDER_WAY = sa.text("under_way IS NOT NULL")
_HAS_ENDED = sa.text("ended_at IS NOT NULL")


class Dispatch(Table, table=True):
    """A series on its way to a target."""

    __tablename__ = "dispatch"
    __table_args__ = (
        # Whose turn it is, beside all that was sent to a target before; pages of a target.
        sa.Index("ix_dispatch_target_status_created_at_id", "target", "status", "created_at", "id"),
        # What ended last at a target, and how.
        sa.Index(
            "ix_dispatch_target_ended",
            "target",
            "status",
            "ended_at",
            sqlite_where=_HAS_ENDED,
            postgresql_where=_HAS_ENDED,
        ),
        # Pages of the whole list, and of a state.
        sa.Index("ix_dispatch_created_at_id", "created_at", "id"),
        sa.Index("ix_dispatch_status_created_at_id", "status", "created_at", "id"),
        sa.Index(
            "ix_dispatch_under_way",
            "target",
            "under_way",  # else SQLite takes another index that begins with the target
            sqlite_where=_UNDER_WAY,
            postgresql_where=_UNDER_WAY,
        ),
    )

    id: UUID = Field(primary_key=True)
    target: str = Field(max_length=200)
    series_id: UUID = Field(foreign_key="dicom_series.id", index=True)
    series_instance_uid: str = Field(max_length=64, index=True)
    study_instance_uid: str = Field(max_length=64)
    task_id: UUID | None = Field(default=None)
    exam_id: UUID | None = Field(default=None, index=True)
    case_id: UUID | None = Field(default=None, index=True)
    priority: Priority = Field(default=Priority.NORMAL, sa_type=text_enum(Priority))
    status: DispatchStatus = Field(default=DispatchStatus.QUEUED, sa_type=text_enum(DispatchStatus))
    instances: int = Field(default=0)
    sent: int = Field(default=0, description="Instances that are there")
    sent_before: int = Field(
        default=0, description="Of those, instances that were there when the newest came late"
    )
    stored: int = Field(
        default=0, description="Instances that the node took, and has not confirmed to keep yet"
    )
    removed_at: datetime | None = Field(
        default=None,
        sa_type=UtcDateTime,
        description="The images left the archive; the numbers tell of before",
    )
    failures: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Instance and reason, last attempt"
    )
    attempt: int = Field(default=1, description="The attempt that comes next or is under way")
    under_way: int | None = Field(
        default=None,
        description="The attempt whose workflow has not ended yet, in whichever process; the next "
        "one waits for it, also after it was canceled",
    )
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_type=sa.Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DispatchedInstance(Table, table=True):
    """An image that a target took: a row when it was noted, and never a list written anew."""

    __tablename__ = "dispatched_instance"

    dispatch_id: UUID = Field(primary_key=True, foreign_key="dispatch.id", ondelete="CASCADE")
    sop_instance_uid: str = Field(primary_key=True, max_length=64)
    attempt: int = Field(description="Which attempt brought it")
    confirmed: bool = Field(
        description="It counts as sent; else the node has not confirmed yet that it keeps it"
    )
    transfer_syntax_uid: str = Field(
        default="", max_length=64, description="What it was transcoded to; empty: as it is stored"
    )


class StorageCommitment(Table, table=True):
    """A request to a node to confirm that it keeps what it took (PS3.4 Annex J)."""

    __tablename__ = "storage_commitment"

    transaction_uid: str = Field(primary_key=True, max_length=64)
    dispatch_id: UUID = Field(index=True)
    attempt: int
    instances: list[str] = Field(sa_type=JSONDocument, description="SOP Instance UIDs")
    failed: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Instance and reason"
    )
    requested_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
