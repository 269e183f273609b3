"""The journal's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.database import JSONDocument, UtcDateTime
from workflow_manager.database import Table

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _index_where_given(column: str) -> sa.Index:
    """Return the index of a column that most events leave empty: it costs those nothing."""
    given = sa.text(f"{column} IS NOT NULL")
    return sa.Index(
        f"ix_journal_event_{column}_sequence",
        column,
        "sequence",
        sqlite_where=given,
        postgresql_where=given,
    )


class JournalEvent(Table, table=True):
    """An event as it was written; `sequence` is its place, and the id of the event stream."""

    __tablename__ = "journal_event"
    __table_args__ = (
        sa.Index("ix_journal_event_task_id_sequence", "task_id", "sequence"),
        sa.Index("ix_journal_event_type_sequence", "type", "sequence"),
        _index_where_given("exam_id"),
        _index_where_given("case_id"),
        _index_where_given("actor"),
        {"sqlite_autoincrement": True},  # a number is never given twice
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=_SEQUENCE)
    id: UUID = Field(unique=True)
    type: str = Field(max_length=64)
    source: str = Field(max_length=64)
    subject: str = Field(max_length=128, index=True)
    task_id: UUID | None = Field(default=None)
    """The task that the event tells of, from `data`: a task's history is one query."""
    exam_id: UUID | None = Field(default=None)
    case_id: UUID | None = Field(default=None)
    time: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str | None = Field(default=None, max_length=256)
    correlation_id: str | None = Field(default=None, max_length=64)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)


class JournalOffset(Table, table=True):
    """How far a consumer has read the journal."""

    __tablename__ = "journal_offset"

    consumer: str = Field(primary_key=True, max_length=64)
    sequence: int = Field(sa_type=_SEQUENCE)
