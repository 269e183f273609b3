"""Table: the audit trail. Rows are added, never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from scanhub_libraries.ids import new_id


class AuditEntry(Table, table=True):
    """One change of state: who, when, what, before and after."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.Index("ix_audit_entry_exam_id_id", "exam_id", "id"),
        sa.Index("ix_audit_entry_patient_id_id", "patient_id", "id"),
        sa.Index("ix_audit_entry_subject_id_id", "subject_id", "id"),
        sa.Index("ix_audit_entry_actor_id", "actor", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    """UUIDv7: in order of time."""
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    actor: str | None = Field(default=None, max_length=256)
    address: str | None = Field(default=None, max_length=64)
    correlation_id: str | None = Field(default=None, max_length=64)
    action: str = Field(max_length=64)
    """The event type, for example `task.updated`."""
    subject_type: str = Field(max_length=32)
    subject_id: str = Field(max_length=200)
    exam_id: UUID | None = None
    patient_id: UUID | None = None
    changes: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    """Field: [before, after]. No foreign key: entries outlive what they tell of."""
