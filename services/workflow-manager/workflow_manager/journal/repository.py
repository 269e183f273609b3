"""Queries on the journal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.database import is_postgresql
from scanhub_libraries.events import EventType
from workflow_manager.journal.models import JournalEvent, JournalOffset
from workflow_manager.notes import Topic, note

_LOCK = 0x5343_4A52  # any number, the same for every writer of this database


async def lock_for_writing(session: AsyncSession) -> None:
    """Let one transaction at a time write events, so that sequence order is commit order.

    The other processes hear of it at the commit.

    SQLite has one writer anyway. Take it as the last thing before the commit: it is held till then.
    """
    if is_postgresql(session):
        told = note(session, Topic.JOURNAL)
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK), told))


async def known_ids(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of the events the journal has."""
    query = select(JournalEvent.id).where(col(JournalEvent.id).in_(ids))
    return set((await session.scalars(query)).all())


async def last_sequence(session: AsyncSession) -> int:
    """Return the number of the newest event; 0 for an empty journal."""
    return await session.scalar(sa.select(sa.func.max(col(JournalEvent.sequence)))) or 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are asked for; what is None is any."""

    after: int = 0
    """Only those with a higher number."""
    before: int | None = None
    """Only those with a lower number."""
    subject: str | None = None
    task_id: UUID | None = None
    exam_id: UUID | None = None
    case_id: UUID | None = None
    actor: str | None = None
    types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    """Before this time."""


def _conditions(asked: Asked) -> Iterator[Any]:
    yield col(JournalEvent.sequence) > asked.after
    if asked.before is not None:
        yield col(JournalEvent.sequence) < asked.before
    for name in ("subject", "task_id", "exam_id", "case_id", "actor"):
        value = getattr(asked, name)
        if value is not None:
            yield getattr(JournalEvent, name) == value
    if asked.types:
        yield col(JournalEvent.type).in_(asked.types)
    if asked.since is not None:
        yield col(JournalEvent.time) >= asked.since
    if asked.until is not None:
        yield col(JournalEvent.time) < asked.until


async def find_events(
    session: AsyncSession, asked: Asked, *, limit: int, newest: bool = False
) -> Sequence[JournalEvent]:
    """Return events, oldest first.

    Args:
        session: Where to look.
        asked: Which ones.
        limit: How many at most.
        newest: Where there are more than `limit`, return the last ones instead of the first.
    """
    order = col(JournalEvent.sequence)
    query = select(JournalEvent).where(*_conditions(asked))
    query = query.order_by(order.desc() if newest else order).limit(limit)
    rows = (await session.scalars(query)).all()
    return rows[::-1] if newest else rows


async def list_events(session: AsyncSession, *, after: int, limit: int) -> Sequence[JournalEvent]:
    """Return events after a number, oldest first."""
    return await find_events(session, Asked(after=after), limit=limit)


# --- retention ------------------------------------------------------------------------------------


async def first_needed(session: AsyncSession) -> int:
    """Return the lowest number that somebody may still read: a consumer, or whoever comes next."""
    offset = await session.scalar(sa.select(sa.func.min(col(JournalOffset.sequence))))
    newest = await last_sequence(session)
    return newest if offset is None else min(offset, newest)


async def drop_events(
    session: AsyncSession, *, older_than: datetime, below: int, kept_cases: Any, limit: int
) -> int:
    """Drop old events, the oldest first, but none of the cases that are kept; say how many.

    What the order of rules was stays, as their versions do: it is written nowhere else.
    """
    case_id = col(JournalEvent.case_id)
    old = (
        sa.select(col(JournalEvent.sequence))
        .where(
            col(JournalEvent.time) < older_than,
            col(JournalEvent.sequence) < below,
            col(JournalEvent.type) != EventType.RULE_REORDERED,
            sa.or_(case_id.is_(None), case_id.not_in(kept_cases)),
        )
        .order_by(col(JournalEvent.sequence))
        .limit(limit)
    )
    result: Any = await session.execute(
        sa.delete(JournalEvent).where(col(JournalEvent.sequence).in_(old))
    )
    return int(result.rowcount)
