"""The table of what was kept aside."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table


class AsideKind(StrEnum):
    """Why something was kept aside."""

    QUARANTINE = "quarantine"
    """Bytes that no index can take."""
    CONFLICT = "conflict"
    """A second object under a SOP Instance UID that is taken."""
    OTHER_PATIENT = "other-patient"
    """An image that names another patient than its study does; it is in the archive."""


class KeptAside(Table, table=True):
    """One thing that somebody should look at; the same once more is counted."""

    __tablename__ = "kept_aside"
    __table_args__ = (sa.Index(None, "kind", "id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: AsideKind = Field(sa_type=text_enum(AsideKind))
    key: str = Field(
        max_length=255,
        unique=True,
        description="Place below the root of the lake: a file, or the folder of a series",
    )
    study_instance_uid: str = Field(default="", max_length=64)
    series_instance_uid: str = Field(default="", max_length=64)
    sop_instance_uid: str = Field(default="", max_length=64)
    source: str = Field(default="", max_length=256, description="Who sent it first")
    sender_address: str = Field(default="", max_length=255)
    detail: str = Field(default="", sa_type=sa.Text, description="Why it was kept aside")
    times: int = Field(default=1, description="How often it came")
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
