"""Queries on dispatches."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import OPEN, DispatchStatus, Priority


async def list_dispatches(
    session: AsyncSession,
    *,
    exam_id: UUID | None = None,
    series: str | None = None,
    target: str | None = None,
    status: DispatchStatus | None = None,
    limit: int = 100,
) -> Sequence[Dispatch]:
    """Return dispatches, newest first."""
    query = select(Dispatch).order_by(col(Dispatch.created_at).desc(), col(Dispatch.id))
    if exam_id is not None:
        query = query.where(Dispatch.exam_id == exam_id)
    if series is not None:
        query = query.where(Dispatch.series_instance_uid == series)
    if target is not None:
        query = query.where(Dispatch.target == target)
    if status is not None:
        query = query.where(Dispatch.status == status)
    return (await session.scalars(query.limit(limit))).all()


async def list_open_dispatches(session: AsyncSession, target: str) -> Sequence[Dispatch]:
    """Return what is on its way to a target."""
    query = select(Dispatch).where(col(Dispatch.status).in_(OPEN), Dispatch.target == target)
    return (await session.scalars(query.order_by(col(Dispatch.created_at)))).all()


async def list_sending(session: AsyncSession) -> Sequence[tuple[UUID, int]]:
    """Return what is being sent: ids and numbers of attempts."""
    query = select(Dispatch.id, Dispatch.attempt).where(Dispatch.status == DispatchStatus.SENDING)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def count_sending(session: AsyncSession, target: str) -> int:
    """Return how many series are being sent to a target."""
    query = (
        select(sa.func.count())
        .select_from(Dispatch)
        .where(Dispatch.target == target, Dispatch.status == DispatchStatus.SENDING)
    )
    return await session.scalar(query) or 0


async def targets_with_work(
    session: AsyncSession, now: datetime, *, offpeak: bool
) -> Sequence[str]:
    """Return the targets for which something is due."""
    query = select(Dispatch.target).where(*_due(now, offpeak=offpeak)).distinct()
    return (await session.scalars(query)).all()


async def find_due(
    session: AsyncSession,
    target: str,
    now: datetime,
    *,
    urgent: bool,
    offpeak: bool,
    besides: Collection[UUID],
) -> Dispatch | None:
    """Return the oldest that is due for a target, and lock it.

    Args:
        session: The transaction.
        target: For which one.
        now: What was to be tried later than this is not due.
        urgent: An urgent one, or one of the others.
        offpeak: It is off-peak.
        besides: Those are left out.
    """
    wanted = col(Dispatch.priority) == Priority.URGENT
    query = (
        select(Dispatch)
        .where(Dispatch.target == target, *_due(now, offpeak=offpeak))
        .where(wanted if urgent else sa.not_(wanted), col(Dispatch.id).not_in(besides))
        .order_by(col(Dispatch.created_at), col(Dispatch.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found: Dispatch | None = await session.scalar(query)
    return found


def _due(now: datetime, *, offpeak: bool) -> list[sa.ColumnElement[bool]]:
    later = col(Dispatch.next_attempt_at)
    conditions = [
        col(Dispatch.status).in_((DispatchStatus.QUEUED, DispatchStatus.WAITING)),
        sa.or_(later.is_(None), later <= now),
    ]
    if not offpeak:
        conditions.append(col(Dispatch.priority) != Priority.OFFPEAK)
    return conditions
