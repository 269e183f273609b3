"""Queries on runs of modules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dispatch.rules import Priority
from workflow_manager.processing.models import ProcessingReview, ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import OPEN, ReviewState, RunState

_AT_ONCE = 50
_URGENCY = sa.case(
    {Priority.URGENT.value: 0, Priority.NORMAL.value: 1}, value=col(ProcessingRun.priority), else_=2
)


async def list_runs(
    session: AsyncSession,
    *,
    case_id: UUID | None = None,
    states: Sequence[RunState] = (),
    before: UUID | None = None,
    limit: int = 100,
) -> Sequence[ProcessingRun]:
    """Return runs, newest first; `before` is the last one of the page before."""
    query = select(ProcessingRun).order_by(col(ProcessingRun.id).desc()).limit(limit)
    if case_id is not None:
        query = query.where(ProcessingRun.case_id == case_id)
    if states:
        query = query.where(col(ProcessingRun.state).in_(states))
    if before is not None:
        query = query.where(col(ProcessingRun.id) < before)
    return (await session.scalars(query)).all()


async def list_steps(
    session: AsyncSession, run_ids: Sequence[UUID]
) -> dict[UUID, list[ProcessingStep]]:
    """Return the steps of runs, in their order."""
    query = (
        select(ProcessingStep)
        .where(col(ProcessingStep.run_id).in_(run_ids))
        .order_by(col(ProcessingStep.run_id), col(ProcessingStep.position))
        .execution_options(populate_existing=True)
    )
    found: dict[UUID, list[ProcessingStep]] = {run_id: [] for run_id in run_ids}
    for step in (await session.scalars(query)).all():
        found[step.run_id].append(step)
    return found


async def list_open(session: AsyncSession, state: RunState) -> Sequence[UUID]:
    """Return the runs in a state."""
    query = select(ProcessingRun.id).where(ProcessingRun.state == state)
    return (await session.scalars(query)).all()


async def find_due(
    session: AsyncSession, *, urgent_first: bool, offpeak: bool, gpus: int | None = None
) -> ProcessingRun | None:
    """Return the run whose turn it is, and lock it.

    Args:
        session: The transaction.
        urgent_first: An urgent one goes before a normal one; else the oldest goes.
        offpeak: It is off-peak.
        gpus: How many graphics processors there are for it; None: it is taken all the same.
    """
    query = select(ProcessingRun).where(ProcessingRun.state == RunState.QUEUED)
    if not offpeak:
        query = query.where(col(ProcessingRun.priority) != Priority.OFFPEAK)
    if gpus is not None:
        query = query.where(col(ProcessingRun.gpus) <= gpus)
    order = [_URGENCY] if urgent_first else [sa.desc(_URGENCY == 1)]
    query = query.order_by(*order, col(ProcessingRun.id)).limit(1).with_for_update(skip_locked=True)
    found: ProcessingRun | None = await session.scalar(query)
    return found


async def list_late(session: AsyncSession, now: datetime) -> Sequence[UUID]:
    """Return the runs that have not begun and whose deadline is over."""
    query = select(ProcessingRun.id).where(
        ProcessingRun.state == RunState.QUEUED, col(ProcessingRun.deadline_at) <= now
    )
    return (await session.scalars(query.limit(_AT_ONCE))).all()


async def next_late(session: AsyncSession) -> datetime | None:
    """Return the next deadline of a run that has not begun."""
    query = sa.select(sa.func.min(col(ProcessingRun.deadline_at)))
    due_at: datetime | None = await session.scalar(
        query.where(col(ProcessingRun.state) == RunState.QUEUED)
    )
    return due_at


async def last_number(session: AsyncSession, case_id: UUID) -> int:
    """Return the number of the newest run of a case; 0: there is none."""
    query = select(sa.func.max(ProcessingRun.number)).where(ProcessingRun.case_id == case_id)
    return await session.scalar(query) or 0


async def is_open(session: AsyncSession, case_id: UUID) -> bool:
    """Say whether a run of a case has not ended."""
    query = select(ProcessingRun.id).where(
        ProcessingRun.case_id == case_id, col(ProcessingRun.state).in_(OPEN)
    )
    return await session.scalar(query) is not None


async def list_images(
    session: AsyncSession, series_ids: Sequence[UUID]
) -> Sequence[tuple[DicomSeries, DicomInstance]]:
    """Return the images of series, in their order."""
    query = (
        sa.select(DicomSeries, DicomInstance)
        .join(DicomInstance, col(DicomInstance.series_id) == DicomSeries.id)
        .where(col(DicomSeries.id).in_(series_ids))
        .order_by(
            col(DicomSeries.id),
            col(DicomInstance.instance_number),
            col(DicomInstance.sop_instance_uid),
        )
    )
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def find_instances(session: AsyncSession, uids: Sequence[str]) -> dict[str, tuple[str, UUID]]:
    """Return of images that are in the archive their checksum and series, by UID."""
    found: dict[str, tuple[str, UUID]] = {}
    for start in range(0, len(uids), 500):
        query = select(
            DicomInstance.sop_instance_uid, DicomInstance.sha256, DicomInstance.series_id
        ).where(col(DicomInstance.sop_instance_uid).in_(uids[start : start + 500]))
        for uid, sha256, series_id in (await session.execute(query)).all():
            found[uid] = (sha256, series_id)
    return found


async def sources_of(
    session: AsyncSession, series: Sequence[str]
) -> dict[tuple[str, str], tuple[str, UUID]]:
    """Return where series came from and their ids, by study and series UID."""
    query = select(DicomSeries).where(col(DicomSeries.series_instance_uid).in_(series))
    return {
        (row.study_instance_uid, row.series_instance_uid): (row.source, row.id)
        for row in (await session.scalars(query)).all()
    }


async def series_of(session: AsyncSession, source: str) -> Sequence[DicomSeries]:
    """Return the series that came from a source."""
    query = select(DicomSeries).where(col(DicomSeries.source) == source)
    return (await session.scalars(query.order_by(col(DicomSeries.id)))).all()


async def list_old(session: AsyncSession, ended_before: datetime) -> Sequence[UUID]:
    """Return runs that ended long ago and still have files."""
    query = (
        select(ProcessingRun.id)
        .where(
            col(ProcessingRun.removed_at).is_(None),
            col(ProcessingRun.ended_at) < ended_before,
        )
        .order_by(col(ProcessingRun.id))
        .limit(_AT_ONCE)
    )
    return (await session.scalars(query)).all()


# --- reviews --------------------------------------------------------------------------------------


async def reviews_of(
    session: AsyncSession, run_ids: Sequence[UUID]
) -> dict[UUID, list[ProcessingReview]]:
    """Return the reviews of runs: the one behind the last module, then those between them."""
    query = (
        select(ProcessingReview)
        .where(col(ProcessingReview.run_id).in_(run_ids))
        .order_by(col(ProcessingReview.run_id), col(ProcessingReview.after_step))
    )
    found: dict[UUID, list[ProcessingReview]] = {run_id: [] for run_id in run_ids}
    for review in (await session.scalars(query)).all():
        found[review.run_id].append(review)
    return found


async def waiting_review(session: AsyncSession, run_id: UUID) -> ProcessingReview | None:
    """Return the review that a run waits for; None: it does not."""
    query = select(ProcessingReview).where(
        ProcessingReview.run_id == run_id, ProcessingReview.state == ReviewState.WAITING
    )
    found: ProcessingReview | None = await session.scalar(query)
    return found


async def list_running(session: AsyncSession) -> Sequence[ProcessingRun]:
    """Return the runs on which a workflow works."""
    query = select(ProcessingRun).where(ProcessingRun.state == RunState.RUNNING)
    return (await session.scalars(query)).all()


def _with_deadline() -> sa.ColumnElement[bool]:
    return sa.and_(
        col(ProcessingReview.state) == ReviewState.WAITING,
        col(ProcessingReview.overdue).is_(False),
        col(ProcessingReview.due_at).is_not(None),
    )


async def next_deadline(session: AsyncSession) -> datetime | None:
    """Return when the next review is due."""
    due_at: datetime | None = await session.scalar(
        sa.select(sa.func.min(col(ProcessingReview.due_at))).where(_with_deadline())
    )
    return due_at


async def list_overdue(session: AsyncSession, now: datetime) -> Sequence[UUID]:
    """Return the runs whose review nobody has made in time."""
    query = select(ProcessingReview.run_id).where(
        _with_deadline(), col(ProcessingReview.due_at) <= now
    )
    return (await session.scalars(query.limit(_AT_ONCE))).all()
