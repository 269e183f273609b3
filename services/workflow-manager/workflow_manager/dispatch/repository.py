"""Queries on targets and dispatches."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.dispatch.models import Dispatch, Target
from workflow_manager.dispatch.rules import DispatchStatus

_OPEN = (DispatchStatus.QUEUED, DispatchStatus.SENDING, DispatchStatus.WAITING)


async def list_targets(session: AsyncSession, *, enabled_only: bool = False) -> Sequence[Target]:
    """Return the targets by name."""
    query = select(Target).order_by(col(Target.name))
    if enabled_only:
        query = query.where(col(Target.enabled).is_(True))
    return (await session.scalars(query)).all()


async def list_dispatches(
    session: AsyncSession, *, exam_id: UUID | None, series: str | None, limit: int
) -> Sequence[Dispatch]:
    """Return dispatches, newest first."""
    query = select(Dispatch).order_by(col(Dispatch.created_at).desc(), col(Dispatch.id))
    if exam_id is not None:
        query = query.where(Dispatch.exam_id == exam_id)
    if series is not None:
        query = query.where(Dispatch.series_instance_uid == series)
    return (await session.scalars(query.limit(limit))).all()


async def list_open_dispatches(
    session: AsyncSession, target: str | None = None
) -> Sequence[Dispatch]:
    """Return the dispatches that have not ended."""
    query = select(Dispatch).where(col(Dispatch.status).in_(_OPEN))
    if target is not None:
        query = query.where(Dispatch.target == target)
    return (await session.scalars(query.order_by(col(Dispatch.created_at)))).all()
