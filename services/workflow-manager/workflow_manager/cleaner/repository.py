"""Queries of the cleaner. The conditions under which a series may go stand here, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.cases.models import Case, CaseSeries
from workflow_manager.cases.rules import CaseState
from workflow_manager.cleaner.models import RemovedFile, StudyHold
from workflow_manager.cleaner.rules import Fate
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import OPEN as SENDING
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.targets.models import Target

_ENDED_WELL = (CaseState.DONE, CaseState.DISCARDED)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A series that may be removed."""

    id: UUID
    study_instance_uid: str
    series_instance_uid: str
    fate: Fate
    instances: int
    size: int
    """[byte]"""
    last_received_at: datetime

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Where it stands in the order of all: the oldest first."""
        return self.last_received_at, self.id


async def proving_targets(session: AsyncSession) -> list[str]:
    """Return the targets at which an image that was sent can be found again.

    Not a dummy, which keeps nothing, nor a target with a filter: what that leaves out counts as
    sent. Nor one that was deleted: nobody knows what it was.
    """
    query = select(Target).where(col(Target.target_type) != "dummy")
    return [row.name for row in await session.scalars(query) if not row.document.get("file_filter")]


def _of_series(*conditions: sa.ColumnElement[bool]) -> Any:
    """Return what says that a series has a case of some kind."""
    return (
        sa.select(1)
        .select_from(CaseSeries)
        .join(Case, col(Case.id) == CaseSeries.case_id)
        .where(col(CaseSeries.series_id) == DicomSeries.id, *conditions)
        .correlate(DicomSeries)
        .exists()
    )


def _dispatched(*conditions: sa.ColumnElement[bool]) -> Any:
    return (
        sa.select(1)
        .where(col(Dispatch.series_id) == DicomSeries.id, *conditions)
        .correlate(DicomSeries)
        .exists()
    )


def _conditions(now: datetime) -> list[Any]:
    """Return what holds for every series that may go, whatever became of it."""
    held = col(StudyHold.study_instance_uid) == DicomSeries.study_instance_uid
    return [
        col(DicomSeries.complete).is_(True),
        col(DicomSeries.number_of_series_related_instances) > 0,
        col(DicomSeries.task_id).is_(None),  # images of our own scans belong to their results
        ~sa.select(1).where(held).correlate(DicomSeries).exists(),
        _of_series(),
        ~_of_series(col(Case.state).not_in(_ENDED_WELL)),
        ~_of_series(col(Case.files_kept_until) > now),
        ~_dispatched(col(Dispatch.status).in_(SENDING)),
    ]


def _fate(targets: Sequence[str]) -> Any:
    everywhere = _dispatched(
        col(Dispatch.status) == DispatchStatus.SENT,
        col(Dispatch.target).in_(targets),
        col(Dispatch.removed_at).is_(None),  # its numbers are of these images
        col(Dispatch.instances) >= DicomSeries.number_of_series_related_instances,
    )
    done = _of_series(col(Case.state) == CaseState.DONE)
    return sa.case(
        (~done, Fate.DISCARDED.value), (everywhere, Fate.SENT.value), else_=Fate.UNSENT.value
    )


def _told(fate: Any) -> list[Any]:
    """Return what is asked of each series, in the order of a candidate."""
    size = (
        sa.select(sa.func.coalesce(sa.func.sum(col(DicomInstance.size)), 0))
        .where(col(DicomInstance.series_id) == DicomSeries.id)
        .correlate(DicomSeries)
        .scalar_subquery()
    )
    return [
        col(DicomSeries.id),
        col(DicomSeries.study_instance_uid),
        col(DicomSeries.series_instance_uid),
        fate,
        col(DicomSeries.number_of_series_related_instances),
        size,
        col(DicomSeries.last_received_at),
    ]


async def list_candidates(
    session: AsyncSession,
    cutoffs: Mapping[Fate, datetime],
    now: datetime,
    *,
    after: tuple[datetime, UUID] | None = None,
    series_id: UUID | None = None,
    limit: int = 50,
) -> Sequence[Candidate]:
    """Return series that may be removed, the oldest first.

    Args:
        session: Where to look.
        cutoffs: Which fates, and before when the last case must have ended.
        now: Files of a discarded case that are kept longer than this stay.
        after: Only those behind this place in the order.
        series_id: Only this one.
        limit: How many at most.
    """
    if not cutoffs:
        return []
    fate = _fate(await proving_targets(session))
    due = [
        sa.and_(fate == one.value, ~_of_series(col(Case.ended_at) > before))
        for one, before in cutoffs.items()
    ]
    last, id_ = col(DicomSeries.last_received_at), col(DicomSeries.id)
    query = sa.select(*_told(fate)).where(*_conditions(now), sa.or_(*due))
    query = query.order_by(last, id_).limit(limit)
    if after is not None:
        query = query.where(sa.or_(last > after[0], sa.and_(last == after[0], id_ > after[1])))
    if series_id is not None:
        query = query.where(id_ == series_id)
    rows = (await session.execute(query)).all()
    return [Candidate(r[0], r[1], r[2], Fate(r[3]), r[4], int(r[5]), r[6]) for r in rows]


async def lock_dispatches(session: AsyncSession, series_id: UUID) -> Sequence[Dispatch]:
    """Return what was sent of a series; nobody sends it again meanwhile."""
    query = (
        select(Dispatch)
        .where(col(Dispatch.series_id) == series_id)
        .order_by(col(Dispatch.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).all()


async def lock_series_of(
    session: AsyncSession, study_instance_uid: str, uids: Sequence[str]
) -> Sequence[DicomSeries]:
    """Return the series of a study that have images, locked: none arrives meanwhile.

    Args:
        session: The transaction, which has locked the study.
        study_instance_uid: Of which study.
        uids: Only these series; none: all.
    """
    query = (
        select(DicomSeries)
        .where(
            col(DicomSeries.study_instance_uid) == study_instance_uid,
            col(DicomSeries.number_of_series_related_instances) > 0,
        )
        .order_by(col(DicomSeries.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if uids:
        query = query.where(col(DicomSeries.series_instance_uid).in_(uids))
    return (await session.scalars(query)).all()


async def case_states(session: AsyncSession, series_id: UUID) -> Sequence[CaseState]:
    """Return the states of the cases that a series belongs to."""
    query = (
        select(Case.state)
        .join(CaseSeries, col(CaseSeries.case_id) == Case.id)
        .where(col(CaseSeries.series_id) == series_id)
    )
    return [CaseState(state) for state in await session.scalars(query)]


async def instance_uids(session: AsyncSession, series_id: UUID) -> set[str]:
    """Return the SOP Instance UIDs of a series."""
    query = select(DicomInstance.sop_instance_uid).where(col(DicomInstance.series_id) == series_id)
    return set((await session.scalars(query)).all())


async def take_out(session: AsyncSession, series_id: UUID) -> tuple[int, int]:
    """Move the images of a series from the index to the files that go; say how many and bytes."""
    instance = col(DicomInstance.series_id) == series_id
    rows = sa.select(
        col(DicomInstance.key), col(DicomInstance.series_id), col(DicomInstance.size)
    ).where(instance)
    # A file that is on its way out may have come back under its name, and go again.
    known = sa.select(col(RemovedFile.key)).where(col(RemovedFile.series_id) == series_id)
    fresh = rows.where(col(DicomInstance.key).not_in(known))
    await session.execute(sa.insert(RemovedFile).from_select(["key", "series_id", "size"], fresh))
    counted = await session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(col(DicomInstance.size)), 0)).where(
            instance
        )
    )
    count, size = counted.one()
    await session.execute(sa.delete(DicomInstance).where(instance))
    return count, int(size)


async def series_with_removed_files(session: AsyncSession, limit: int) -> Sequence[UUID]:
    """Return series of which files are on their way out."""
    query = select(RemovedFile.series_id).distinct().limit(limit)
    return (await session.scalars(query)).all()


async def list_removed_files(
    session: AsyncSession, series_id: UUID, limit: int
) -> Sequence[RemovedFile]:
    """Return files of a series that are on their way out."""
    query = select(RemovedFile).where(col(RemovedFile.series_id) == series_id)
    return (await session.scalars(query.order_by(col(RemovedFile.key)).limit(limit))).all()


async def indexed_keys(session: AsyncSession, keys: Sequence[str]) -> set[str]:
    """Return the places in which an image is that came back meanwhile."""
    uids = [key.rpartition("/")[2].removesuffix(".dcm") for key in keys]
    query = select(DicomInstance.key).where(col(DicomInstance.sop_instance_uid).in_(uids))
    return set((await session.scalars(query)).all())


async def list_holds(
    session: AsyncSession, *, study: str | None, after: str, limit: int
) -> Sequence[StudyHold]:
    """Return studies that are held, in the order of their UIDs."""
    uid = col(StudyHold.study_instance_uid)
    query = select(StudyHold).where(uid > after).order_by(uid).limit(limit)
    if study is not None:
        query = query.where(uid == study)
    return (await session.scalars(query)).all()
