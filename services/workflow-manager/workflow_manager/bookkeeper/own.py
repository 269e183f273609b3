"""What this installation received, routed and processed itself, for whoever asks as mercure does.

A case is a task; what was reported and is here too is told once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.bookkeeper.models import MercureFile, MercureSeries
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case, CaseSeries
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.journal import repository as journal
from workflow_manager.journal.models import JournalEvent
from workflow_manager.processing import repository as processing
from workflow_manager.processing.models import ProcessingStep
from workflow_manager.processing.rules import SOURCE
from workflow_manager.selftest.models import SelfTest

_MOST_EVENTS = 1000


async def find_case(session: AsyncSession, task_id: str) -> Case | None:
    """Return the case that is meant by a task of mercure's; None: it is none of ours."""
    try:
        return await session.get(Case, UUID(task_id))
    except ValueError:
        return None


async def list_series(
    session: AsyncSession, *, series_uid: str, before: UUID | None, limit: int
) -> Sequence[DicomSeries]:
    """Return series that were received and not reported, newest first."""
    reported = sa.exists().where(
        col(MercureSeries.series_uid) == col(DicomSeries.series_instance_uid)
    )
    made_here = col(DicomSeries.source).like(f"{SOURCE}{'_' * 32}")
    query = select(DicomSeries).where(~reported, ~made_here)
    if series_uid:
        query = query.where(col(DicomSeries.series_instance_uid) == series_uid)
    if before is not None:
        query = query.where(col(DicomSeries.id) < before)
    return (await session.scalars(query.order_by(col(DicomSeries.id).desc()).limit(limit))).all()


async def list_cases(
    session: AsyncSession, *, before: UUID | None, limit: int
) -> Sequence[tuple[Case, DicomSeries | None]]:
    """Return cases, newest first, each with the first of its series."""
    query = select(Case).order_by(col(Case.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(Case.id) < before)
    found = (await session.scalars(query)).all()
    first = await _first_series(session, [case.id for case in found])
    return [(case, first.get(case.id)) for case in found]


async def _first_series(session: AsyncSession, case_ids: Sequence[UUID]) -> dict[UUID, DicomSeries]:
    query = (
        sa.select(col(CaseSeries.case_id), DicomSeries)
        .join(DicomSeries, col(DicomSeries.id) == CaseSeries.series_id)
        .where(col(CaseSeries.case_id).in_(case_ids), col(CaseSeries.derived_by).is_(None))
        .order_by(col(CaseSeries.series_id).desc())
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}  # the first one stays


async def series_of(session: AsyncSession, case: Case) -> list[DicomSeries]:
    """Return the series that were received for a case."""
    ids = [row.series_id for row in await cases.list_own_series(session, case.id)]
    rows = await session.scalars(
        select(DicomSeries).where(col(DicomSeries.id).in_(ids)).order_by(col(DicomSeries.id))
    )
    return list(rows.all())


async def images_of(session: AsyncSession, case: Case) -> int:
    """Return how many images were received for a case."""
    return sum(row.instances for row in await cases.list_own_series(session, case.id))


async def study_of(session: AsyncSession, case: Case) -> DicomStudy | None:
    """Return the study of a case."""
    return await session.get(DicomStudy, case.study_instance_uid)


async def dispatches_of(session: AsyncSession, case: Case) -> Sequence[Dispatch]:
    """Return what is sent for a case."""
    return await cases.list_dispatches_of(session, case.id)


async def events_of(session: AsyncSession, case: Case) -> list[JournalEvent]:
    """Return what the journal has of a case, in order."""
    dispatches = await cases.list_dispatches_of(session, case.id)
    series = await cases.series_uids(session, case.id)
    subjects = [*series, *(str(row.id) for row in dispatches)]
    asked = journal.Asked(case_id=case.id)
    found = [
        *await cases.list_events_of(session, subjects),
        *await journal.find_events(session, asked, limit=_MOST_EVENTS, newest=True),
    ]
    by_number = {event.sequence or 0: event for event in found}
    return [by_number[number] for number in sorted(by_number)]


async def list_files(
    session: AsyncSession, *, series_uid: str, since: datetime | None, skip: int, limit: int
) -> Sequence[tuple[DicomInstance, str]]:
    """Return images that were not reported, as they came.

    Args:
        session: Where to look.
        series_uid: Of this series alone; empty: of all.
        since: Those that came then or later; None: all.
        skip: How many of the first of them to leave out.
        limit: How many at most.
    """
    image = DicomInstance
    reported = sa.exists().where(col(MercureFile.file_uid) == col(image.sop_instance_uid))
    query = (
        sa.select(image, col(DicomSeries.series_instance_uid))
        .join(DicomSeries, col(DicomSeries.id) == image.series_id)
        .where(~reported)
        .order_by(col(image.received_at), col(image.sop_instance_uid))
        .offset(skip)
        .limit(limit)
    )
    if series_uid:
        query = query.where(col(DicomSeries.series_instance_uid) == series_uid)
    if since is not None:
        query = query.where(col(image.received_at) >= since)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def steps_of(session: AsyncSession, case: Case) -> list[ProcessingStep]:
    """Return the modules that ran for a case, as they began."""
    runs = await processing.list_runs(session, case_id=case.id)
    steps = await processing.list_steps(session, [run.id for run in runs])
    began = [
        (step.started_at, step.position, step)
        for each in steps.values()
        for step in each
        if step.started_at is not None
    ]
    return [step for _, _, step in sorted(began, key=lambda row: row[:2])]


async def list_tests(
    session: AsyncSession, *, before: datetime | None, limit: int
) -> Sequence[SelfTest]:
    """Return self-tests, newest first."""
    query: Any = select(SelfTest).order_by(col(SelfTest.started_at).desc()).limit(limit)
    if before is not None:
        query = query.where(col(SelfTest.started_at) < before)
    return list((await session.scalars(query)).all())
