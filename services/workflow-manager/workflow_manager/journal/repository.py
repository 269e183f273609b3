"""Queries on the journal."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.database import is_postgresql
from workflow_manager.journal.models import JournalEvent

_LOCK = 0x5343_4A52  # any number, the same for every writer of this database


async def lock_for_writing(session: AsyncSession) -> None:
    """Let one transaction at a time write events, so that sequence order is commit order.

    SQLite has one writer anyway. Take it as the last thing before the commit: it is held till then.
    """
    if is_postgresql(session):
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


async def known_ids(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of the events the journal has."""
    query = select(JournalEvent.id).where(col(JournalEvent.id).in_(ids))
    return set((await session.scalars(query)).all())


async def last_sequence(session: AsyncSession) -> int:
    """Return the number of the newest event; 0 for an empty journal."""
    return await session.scalar(sa.select(sa.func.max(col(JournalEvent.sequence)))) or 0


async def list_events(
    session: AsyncSession,
    *,
    after: int,
    limit: int,
    subject: str | None = None,
    task_id: UUID | None = None,
    newest: bool = False,
) -> Sequence[JournalEvent]:
    """Return events after a number, oldest first.

    Args:
        session: Where to look.
        after: Events up to this number are left out.
        limit: How many at most.
        subject: Only events of this subject.
        task_id: Only events that tell of this task.
        newest: Where there are more than `limit`, return the last ones instead of the first.
    """
    query = select(JournalEvent).where(col(JournalEvent.sequence) > after)
    if subject is not None:
        query = query.where(col(JournalEvent.subject) == subject)
    if task_id is not None:
        query = query.where(col(JournalEvent.task_id) == task_id)
    order = col(JournalEvent.sequence)
    query = query.order_by(order.desc() if newest else order).limit(limit)
    rows = (await session.scalars(query)).all()
    return rows[::-1] if newest else rows
