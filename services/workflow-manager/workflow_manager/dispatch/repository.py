"""Queries on dispatches."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.dicom.models import DicomInstance
from workflow_manager.dispatch.models import Dispatch, StorageCommitment
from workflow_manager.dispatch.rules import OPEN, DispatchStatus, Priority

_MOST_COMMITMENTS = 100


async def list_dispatches(
    session: AsyncSession,
    *,
    exam_id: UUID | None = None,
    series: str | None = None,
    target: str | None = None,
    statuses: Collection[DispatchStatus] = (),
    before: UUID | None = None,
    limit: int = 100,
) -> Sequence[Dispatch]:
    """Return dispatches, newest first; of any state if none is named.

    Args:
        session: Where to look.
        exam_id: Only of this exam.
        series: Only of this series (UID).
        target: Only to this one.
        statuses: Only those in one of these states.
        before: Only what follows this one; nothing follows one that is not there.
        limit: How many at most.
    """
    created_at, id_ = col(Dispatch.created_at), col(Dispatch.id)
    newest_first = (created_at.desc(), id_.desc())
    wanted: list[sa.ColumnElement[bool]] = []
    if before is not None:
        last = await session.get(Dispatch, before)
        if last is None:
            return ()
        earlier = sa.or_(created_at < last.created_at, id_ < last.id)
        wanted += [created_at <= last.created_at, earlier]
    if exam_id is not None:
        wanted.append(col(Dispatch.exam_id) == exam_id)
    if series is not None:
        wanted.append(col(Dispatch.series_instance_uid) == series)
    if target is not None:
        wanted.append(col(Dispatch.target) == target)
    if statuses or target is not None:
        # Each state has its newest along an index; to look for them in one would sort all.
        each = [
            sa.select(id_).where(*wanted, col(Dispatch.status) == status)
            for status in statuses or DispatchStatus
        ]
        found = (one.order_by(*newest_first).limit(limit).subquery() for one in each)
        wanted = [id_.in_(sa.union_all(*(sa.select(one.c.id) for one in found)))]
    query = select(Dispatch).where(*wanted).order_by(*newest_first)
    return (await session.scalars(query.limit(limit))).all()


async def list_open_dispatches(session: AsyncSession, target: str) -> Sequence[Dispatch]:
    """Return what is on its way to a target."""
    query = select(Dispatch).where(col(Dispatch.status).in_(OPEN), Dispatch.target == target)
    return (await session.scalars(query.order_by(col(Dispatch.created_at)))).all()


async def list_under_way(session: AsyncSession) -> Sequence[tuple[UUID, int]]:
    """Return the attempts that have not ended: ids and numbers."""
    query = select(Dispatch.id, Dispatch.under_way).where(col(Dispatch.under_way).is_not(None))
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def list_files(session: AsyncSession, series_id: UUID) -> Sequence[tuple[str, str]]:
    """Return what a series consists of, in order: SOP Instance UID and place in the lake.

    By the row and not by the UID: two studies may have series of the same UID.
    """
    instance = DicomInstance
    query = (
        select(instance.sop_instance_uid, instance.key)
        .where(instance.series_id == series_id)
        .order_by(col(instance.instance_number), col(instance.sop_instance_uid))
    )
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def count_under_way(session: AsyncSession, target: str) -> int:
    """Return how many series are being sent to a target, by all processes."""
    query = (
        select(sa.func.count())
        .select_from(Dispatch)
        .where(Dispatch.target == target, col(Dispatch.under_way).is_not(None))
    )
    return await session.scalar(query) or 0


async def list_commitments(session: AsyncSession, dispatch_id: UUID) -> Sequence[StorageCommitment]:
    """Return what a node was asked to confirm of a dispatch, newest first."""
    query = (
        select(StorageCommitment)
        .where(StorageCommitment.dispatch_id == dispatch_id)
        .order_by(col(StorageCommitment.requested_at).desc())
        .limit(_MOST_COMMITMENTS)
    )
    return (await session.scalars(query)).all()


async def targets_with_work(
    session: AsyncSession, now: datetime, *, offpeak: bool, longest_s: float
) -> Sequence[str]:
    """Return the targets for which something is due; `longest_s` as in `find_due`."""
    due = _due(now, offpeak=offpeak, longest_s=longest_s)
    query = select(Dispatch.target).where(*due).distinct()
    return (await session.scalars(query)).all()


async def next_attempt_at(session: AsyncSession, now: datetime) -> datetime | None:
    """Return when the next attempt is due that is not due yet; None: nothing waits for its time."""
    query = select(sa.func.min(Dispatch.next_attempt_at)).where(
        Dispatch.status == DispatchStatus.WAITING, col(Dispatch.next_attempt_at) > now
    )
    found: datetime | None = await session.scalar(query)
    return found


async def try_now(session: AsyncSession, target: str | None, now: datetime) -> None:
    """Let what waits for another attempt be due now; None: for all targets."""
    due = sa.update(Dispatch).where(col(Dispatch.status) == DispatchStatus.WAITING)
    if target is not None:
        due = due.where(col(Dispatch.target) == target)
    await session.execute(due.values(next_attempt_at=now))


async def find_due(
    session: AsyncSession,
    target: str,
    now: datetime,
    *,
    urgent: bool,
    offpeak: bool,
    longest_s: float,
) -> Dispatch | None:
    """Return the oldest that is due for a target, and lock it.

    Args:
        session: The transaction.
        target: For which one.
        now: What was to be tried later than this is not due.
        urgent: An urgent one, or one of the others.
        offpeak: It is off-peak.
        longest_s: What waits for longer than anything does is due: the clock was put back [s].
    """
    wanted = col(Dispatch.priority) == Priority.URGENT
    query = (
        select(Dispatch)
        .where(Dispatch.target == target, *_due(now, offpeak=offpeak, longest_s=longest_s))
        .where(wanted if urgent else sa.not_(wanted))
        .order_by(col(Dispatch.created_at), col(Dispatch.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found: Dispatch | None = await session.scalar(query)
    return found


def _due(now: datetime, *, offpeak: bool, longest_s: float) -> list[sa.ColumnElement[bool]]:
    later = col(Dispatch.next_attempt_at)
    astray = now + timedelta(seconds=longest_s)
    conditions = [
        col(Dispatch.status).in_((DispatchStatus.QUEUED, DispatchStatus.WAITING)),
        sa.or_(later.is_(None), later <= now, later > astray),
        col(Dispatch.under_way).is_(None),
    ]
    if not offpeak:
        conditions.append(col(Dispatch.priority) != Priority.OFFPEAK)
    return conditions
