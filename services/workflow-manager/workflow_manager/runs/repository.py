"""Queries on runs."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus

_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


async def list_runs(
    session: AsyncSession, *, task_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Run]:
    """Return runs, newest first; `after` is the last one of the page before."""
    query = select(Run).order_by(col(Run.created_at).desc(), col(Run.id).desc()).limit(limit)
    if task_id is not None:
        query = query.where(Run.task_id == task_id)
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
    query = select(Run).where(col(Run.status).in_(_OPEN)).order_by(col(Run.created_at))
    if task_id is not None:
        query = query.where(Run.task_id == task_id)
    return (await session.scalars(query)).all()


async def count_runs(session: AsyncSession, task_id: UUID) -> int:
    """Return how many runs a task had."""
    query = select(sa.func.count()).select_from(Run).where(Run.task_id == task_id)
    return await session.scalar(query) or 0
