"""Drops what is older than the installation keeps it: in small transactions, oldest first.

Nothing goes that a consumer has not read, nor what is younger than something that still moves or
waits, nor the events of a case that failed: there is a button for it yet.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.bookkeeper import models as bookkeeper
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED as DISPATCH_ENDED
from workflow_manager.journal import repository
from workflow_manager.journal.service import append, own_event
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.rules import ENDED as TOLD
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus

AT_ONCE = 1000
_EVERY_S = 3600.0
_ENDED_WELL = (CaseState.DONE, CaseState.DISCARDED)
_OLD: tuple[tuple[Any, Any], ...] = (
    (bookkeeper.MercureEvent, col(bookkeeper.MercureEvent.time)),
    (bookkeeper.MercureFile, col(bookkeeper.MercureFile.time)),
    (bookkeeper.MercureSeries, col(bookkeeper.MercureSeries.time)),
    (bookkeeper.MercureTask, col(bookkeeper.MercureTask.time)),
    (bookkeeper.MercureTaskEvent, col(bookkeeper.MercureTaskEvent.time)),
    (bookkeeper.MercureLog, col(bookkeeper.MercureLog.time)),
    (bookkeeper.MercureOutput, col(bookkeeper.MercureOutput.time)),
    (bookkeeper.MercureTest, col(bookkeeper.MercureTest.time_begin)),
)


def _moving() -> Iterable[Any]:
    """Yield queries for the beginning of the oldest thing of each kind that has not ended."""
    moving = (CaseState.RECEIVING, CaseState.WAITING, CaseState.COMPLETE, CaseState.DISPATCHING)
    yield sa.select(sa.func.min(col(Case.opened_at))).where(col(Case.state).in_(moving))
    yield sa.select(sa.func.min(col(Dispatch.created_at))).where(
        col(Dispatch.status).not_in(DISPATCH_ENDED)
    )
    yield sa.select(sa.func.min(col(Run.created_at))).where(
        col(Run.status).in_((RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING))
    )


async def keep_until(session: AsyncSession, wanted: datetime) -> datetime:
    """Return before when events may go: not after something began that has not ended."""
    times: list[datetime | None] = [await session.scalar(query) for query in _moving()]
    return min([wanted, *(time for time in times if time is not None)])


async def prune(sessions: Sessions, keep_days: int) -> int:
    """Drop what is too old; say how many events that were."""
    wanted = utc_now() - timedelta(days=keep_days)
    dropped = 0
    while (count := await _drop_events(sessions, wanted)) > 0:
        dropped += count
    for table, time in _OLD:
        while await _drop_rows(sessions, table, time < wanted):
            pass
    ended = col(Notification.status).in_(TOLD)
    while await _drop_rows(sessions, Notification, ended, col(Notification.created_at) < wanted):
        pass
    if dropped:
        data = {"events": dropped, "before": wanted.isoformat()}
        async with transaction(sessions) as session:
            await append(session, [own_event(EventType.JOURNAL_PRUNED, "journal", data)])
    return dropped


async def _drop_events(sessions: Sessions, wanted: datetime) -> int:
    async with reading(sessions) as session:
        older_than = await keep_until(session, wanted)
        below = await repository.first_needed(session)
    kept = sa.select(col(Case.id)).where(col(Case.state).not_in(_ENDED_WELL))
    async with transaction(sessions) as session:
        return await repository.drop_events(
            session, older_than=older_than, below=below, kept_cases=kept, limit=AT_ONCE
        )


async def _drop_rows(sessions: Sessions, table: Any, *conditions: Any) -> int:
    old = sa.select(col(table.id)).where(*conditions).limit(AT_ONCE)
    async with transaction(sessions) as session:
        result: Any = await session.execute(sa.delete(table).where(col(table.id).in_(old)))
        return int(result.rowcount)


def pruning(sessions: Sessions, keep_days: int | None) -> Repeating:
    """Return what drops old events at the start and each hour; nothing, where all are kept."""

    async def once() -> None:
        if keep_days is not None:
            await prune(sessions, keep_days)

    return Repeating("dropping old events", once, _EVERY_S, begin_after=SOON_S)
