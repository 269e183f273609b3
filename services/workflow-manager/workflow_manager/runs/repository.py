"""Queries on runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus

OPEN = (RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING)
_NOT_BEGUN = (RunStatus.QUEUED, RunStatus.WAITING)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs a list shall have; none: all."""

    task_id: UUID | None = None
    exam_id: UUID | None = None
    device_id: UUID | None = None
    job_id: str | None = None
    states: tuple[RunStatus, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[Any]:
        """Return them as SQL."""
        same = ("task_id", "exam_id", "device_id", "job_id")
        given = [(col(getattr(Run, name)), getattr(self, name)) for name in same]
        found: list[Any] = [column == value for column, value in given if value is not None]
        if self.states:
            found.append(col(Run.status).in_(self.states))
        if self.since is not None:
            found.append(col(Run.created_at) >= self.since)
        if self.until is not None:
            found.append(col(Run.created_at) < self.until)
        return found


async def list_runs(
    session: AsyncSession, wanted: Wanted, *, after: UUID | None, limit: int
) -> Sequence[Run]:
    """Return runs, newest first; `after` is the last one of the page before."""
    query = select(Run).order_by(col(Run.created_at).desc(), col(Run.id).desc()).limit(limit)
    query = query.where(*wanted.conditions())
    if after is not None:
        place = select(Run.created_at).where(Run.id == after).scalar_subquery()
        query = query.where(
            sa.or_(
                col(Run.created_at) < place,
                sa.and_(col(Run.created_at) == place, col(Run.id) < after),
            )
        )
    return (await session.scalars(query)).all()


async def list_open_runs(session: AsyncSession, task_id: UUID | None = None) -> Sequence[Run]:
    """Return the runs that have not ended."""
    query = select(Run).where(col(Run.status).in_(OPEN)).order_by(col(Run.created_at))
    if task_id is not None:
        query = query.where(Run.task_id == task_id)
    return (await session.scalars(query)).all()


async def newest_run(session: AsyncSession, task_id: UUID) -> Run | None:
    """Return the newest run of a task."""
    runs = await list_runs(session, Wanted(task_id=task_id), after=None, limit=1)
    return runs[0] if runs else None


async def list_due(session: AsyncSession, now: datetime) -> Sequence[Run]:
    """Return the runs that have not begun and are to end, or wait for nothing any more."""
    query = select(Run).where(
        col(Run.status).in_(_NOT_BEGUN),
        sa.or_(
            col(Run.cancel_requested).is_(True),
            col(Run.deadline_at) <= now,
            sa.and_(col(Run.status) == RunStatus.WAITING, col(Run.waits_until) <= now),
        ),
    )
    return (await session.scalars(query.order_by(col(Run.created_at)))).all()


async def next_due(session: AsyncSession) -> datetime | None:
    """Return when the next run that has not begun is to end, or waits no more."""
    times = (
        sa.func.min(col(Run.deadline_at)),
        sa.func.min(sa.case((col(Run.status) == RunStatus.WAITING, col(Run.waits_until)))),
    )
    query = sa.select(*times).where(col(Run.status).in_(_NOT_BEGUN))
    found: tuple[datetime | None, ...] = tuple((await session.execute(query)).one())
    return min((time for time in found if time is not None), default=None)


async def device_of_result(session: AsyncSession, result_id: UUID) -> UUID | None:
    """Return the scanner whose data the run worked on that made a result."""
    query = select(Run.device_id).where(Run.result_id == result_id)
    return await session.scalar(query)


async def count_runs(session: AsyncSession, task_id: UUID) -> int:
    """Return how many runs a task had."""
    query = select(sa.func.count()).select_from(Run).where(Run.task_id == task_id)
    return await session.scalar(query) or 0
