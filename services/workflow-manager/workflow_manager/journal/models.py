"""The journal's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.database import JSONDocument, UtcDateTime
from workflow_manager.database import Table

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class JournalEvent(Table, table=True):
    """An event as it was written; `sequence` is its place, and the id of the event stream."""

    __tablename__ = "journal_event"
    __table_args__ = (
        sa.Index("ix_journal_event_task_id_sequence", "task_id", "sequence"),
        {"sqlite_autoincrement": True},  # a number is never given twice
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=_SEQUENCE)
    id: UUID = Field(unique=True)
    type: str = Field(max_length=64)
    source: str = Field(max_length=64)
    subject: str = Field(max_length=128, index=True)
    task_id: UUID | None = Field(default=None)
    """The task that the event tells of, from `data`: a task's history is one query."""
    time: datetime = Field(sa_type=UtcDateTime)
    actor: str | None = Field(default=None, max_length=256)
    correlation_id: str | None = Field(default=None, max_length=64)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)


class JournalOffset(Table, table=True):
    """How far a consumer has read the journal."""

    __tablename__ = "journal_offset"

    consumer: str = Field(primary_key=True, max_length=64)
    sequence: int = Field(sa_type=_SEQUENCE)
