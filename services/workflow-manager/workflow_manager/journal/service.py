"""Write events; who reads them is not known here."""

import sqlite3
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from scanhub_libraries.database import WITH_COMMIT
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.plain_insert import PlainInsert
from workflow_manager.journal import repository
from workflow_manager.journal.models import JournalEvent

SOURCE = "workflow-manager"
_OF_AN_EXAM = frozenset({EventType.EXAM_CREATED, EventType.EXAM_UPDATED, EventType.EXAM_DELETED})
_TABLE = JournalEvent.__table__  # type: ignore[attr-defined]
_INSERT = sa.insert(_TABLE).inline().execution_options(**WITH_COMMIT)
_PLAIN = PlainInsert(_TABLE)
WRITTEN = "journal_written"
"""Key in `session.info` that tells the tail of the journal about a commit."""


async def append(session: AsyncSession, events: Sequence[Event]) -> int:
    """Write events into the transaction; those that the journal has are dropped.

    Make it the last thing in a transaction: on PostgreSQL other writers wait from here to the
    commit.

    Returns:
        How many were new.
    """
    if not events:
        return 0
    await repository.lock_for_writing(session)
    seen = await repository.known_ids(session, [event.id for event in events])
    rows = {event.id: _row_of(event) for event in events if event.id not in seen}
    if rows:
        # In the order of the events: the numbers follow it.
        await session.execute(_INSERT, list(rows.values()))
        session.info[WRITTEN] = True
    return len(rows)


def append_in_thread(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Write new events into a transaction of SQLite; whoever commits it wakes the tail.

    Args:
        connection: With a transaction that writes, which is synced when it is committed.
        events: The journal has none of them.
    """
    for event in events:
        _PLAIN.write(connection, _row_of(event))


def _row_of(event: Event) -> dict[str, Any]:
    return {
        **event.model_dump(),
        "task_id": task_of(event),
        "exam_id": exam_of(event),
        "case_id": _id_in(event, "case_id"),
    }


def task_of(event: Event) -> UUID | None:
    """Return the task that an event tells of; what is no id is no task."""
    return _id_in(event, "task_id")


def exam_of(event: Event) -> UUID | None:
    """Return the exam that an event tells of."""
    return _as_uuid(event.subject) if event.type in _OF_AN_EXAM else _id_in(event, "exam_id")


def _id_in(event: Event, member: str) -> UUID | None:
    return _as_uuid(event.data.get(member))


def _as_uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (TypeError, ValueError, AttributeError):
        return None


def own_event(
    event_type: EventType, subject: UUID | str, data: dict[str, Any], *, actor: str | None = None
) -> Event:
    """Make an event of this service; `data` holds JSON values only."""
    context = get_contextvars()
    return Event(
        type=event_type,
        source=SOURCE,
        subject=str(subject),
        actor=actor or context.get("actor"),
        correlation_id=context.get("correlation_id"),
        data=data,
    )
