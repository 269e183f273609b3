"""Queries on cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.database import UtcDateTime, is_postgresql
from workflow_manager.cases.habits import ends_with_its_association
from workflow_manager.cases.models import Case, CaseDispatch, CaseSeries
from workflow_manager.cases.rules import OPEN, CaseKind, CaseState
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.naming import studies_called
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.journal.models import JournalEvent
from workflow_manager.processing.rules import SOURCE
from workflow_manager.routing_rules.models import SeriesDecision

_UNSENT = (DispatchStatus.FAILED, DispatchStatus.CANCELED)
_ENDED = (DispatchStatus.SENT, *_UNSENT)
_MOST_EVENTS = 1000


async def lock_studies(session: AsyncSession, study_instance_uids: Sequence[str]) -> None:
    """Let one transaction at a time decide what becomes of a study; SQLite has one writer anyway.

    Take it first: whoever holds it waits for no row of these studies.
    """
    if is_postgresql(session):
        for uid in sorted(set(study_instance_uids)):
            key = sa.func.hashtextextended(f"case {uid}", 0)
            await session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _is_received() -> sa.ColumnElement[bool]:
    """Return the condition that no module made a series: those are complete when its run ends.

    No AE title is as long as the source of what a module made.
    """
    return col(DicomSeries.source).not_like(f"{SOURCE}{'_' * 32}")


async def list_due_series(
    session: AsyncSession,
    *,
    quiet_since: datetime,
    closed_since: datetime,
    limit: int,
    besides: Sequence[UUID] = (),
) -> Sequence[DicomSeries]:
    """Return series that are not complete, and got nothing for long enough.

    Args:
        session: Where to look.
        quiet_since: Nothing came since then.
        closed_since: The association ended cleanly before then, and nothing came after it; counts
            only where the end of an association means something.
        limit: How many at most.
        besides: Ids that are not looked for.
    """
    last, closed = col(DicomSeries.last_received_at), col(DicomSeries.closed_at)
    query = (
        select(DicomSeries)
        .where(
            col(DicomSeries.complete).is_(False),
            col(DicomSeries.id).not_in(besides),
            _is_received(),
            sa.or_(
                last <= quiet_since,
                sa.and_(closed >= last, closed <= closed_since, ends_with_its_association()),
            ),
        )
        .order_by(col(DicomSeries.id))
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def oldest_waiting(
    session: AsyncSession, *, besides: Sequence[UUID] = ()
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Return since when the series that are not complete got nothing: any, and one that was closed.

    The oldest time of each; what was closed is what `list_due_series` waits shorter for. Then the
    newest time of any.
    """
    last, closed = col(DicomSeries.last_received_at), col(DicomSeries.closed_at)
    ended = sa.case((sa.and_(closed >= last, ends_with_its_association()), closed))
    query = sa.select(sa.func.min(last), sa.func.min(ended), sa.func.max(last)).where(
        col(DicomSeries.complete).is_(False), col(DicomSeries.id).not_in(besides), _is_received()
    )
    row = (await session.execute(query)).one()
    return row[0], row[1], row[2]


async def wait_anew(session: AsyncSession, limit: datetime, now: datetime) -> None:
    """Let what is waited for, and was received after a time to come, count as received now."""

    def not_later(column: Any) -> Any:
        return sa.case((column > limit, sa.literal(now, UtcDateTime())), else_=column)

    last, closed = col(DicomSeries.last_received_at), col(DicomSeries.closed_at)
    ended = sa.case((closed.is_not(None), sa.literal(now, UtcDateTime())))
    await session.execute(
        sa.update(DicomSeries)
        .where(col(DicomSeries.complete).is_(False), last > limit)
        .values(last_received_at=now, closed_at=ended)
    )
    received, opened = col(Case.last_received_at), col(Case.opened_at)
    await session.execute(
        sa.update(Case)
        .where(col(Case.state).in_(OPEN), sa.or_(received > limit, opened > limit))
        .values(last_received_at=not_later(received), opened_at=not_later(opened))
    )


async def find_series(session: AsyncSession, series_instance_uid: str) -> Sequence[DicomSeries]:
    """Return the series of this UID; a broken sender may use it in several studies."""
    query = select(DicomSeries).where(col(DicomSeries.series_instance_uid) == series_instance_uid)
    return (await session.scalars(query)).all()


async def lock_series(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, DicomSeries]:
    """Return series that are not complete, locked; those that somebody else holds are left out."""
    query = (
        select(DicomSeries)
        .where(col(DicomSeries.id).in_(ids), col(DicomSeries.complete).is_(False))
        .order_by(col(DicomSeries.id))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in (await session.scalars(query)).all()}


async def count_instances(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many images series have."""
    series = col(DicomInstance.series_id)
    query = sa.select(series, sa.func.count()).where(series.in_(ids)).group_by(series)
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def last_number(session: AsyncSession, kind: CaseKind, subject: str, rule: str) -> int:
    """Return the number of the newest case of a rule for a subject; 0: there is none."""
    query = select(sa.func.max(Case.number)).where(
        col(Case.kind) == kind, col(Case.subject) == subject, col(Case.rule) == rule
    )
    return await session.scalar(query) or 0


async def find_open_study(session: AsyncSession, study: str, rule: str) -> Case | None:
    """Return the case that gathers the series of a study for a rule."""
    query = select(Case).where(
        col(Case.kind) == CaseKind.STUDY,
        col(Case.subject) == study,
        col(Case.rule) == rule,
        col(Case.state).in_(OPEN),
    )
    found: Case | None = await session.scalar(query)
    return found


@dataclass(frozen=True, slots=True)
class OpenStudy:
    """An open study case, and what still arrives of its study."""

    case: Case
    arriving: int
    descriptions: Sequence[str]


async def list_open_studies(
    session: AsyncSession, *, case_id: UUID | None = None, due: datetime | None = None
) -> Sequence[OpenStudy]:
    """Return the study cases that gather series, with what is needed to judge them.

    Args:
        session: Where to look.
        case_id: Only this one.
        due: Only those that may have to move by then: their time has come, or something arrives.
    """
    arriving = (
        select(sa.func.count())
        .where(
            col(DicomSeries.study_instance_uid) == Case.subject,
            col(DicomSeries.complete).is_(False),
            _is_received(),
        )
        .correlate(Case)
        .scalar_subquery()
    )
    query = (
        sa.select(Case, arriving, col(DicomSeries.series_description))
        .join(CaseSeries, col(CaseSeries.case_id) == Case.id)
        .join(DicomSeries, col(DicomSeries.id) == CaseSeries.series_id)
        .where(col(Case.kind) == CaseKind.STUDY, col(Case.state).in_(OPEN))
        .order_by(col(Case.id))
    )
    if case_id is not None:
        query = query.where(col(Case.id) == case_id)
    if due is not None:
        query = query.where(
            sa.or_(
                col(Case.state) == CaseState.RECEIVING,
                col(Case.waits_until) <= due,
                arriving > 0,
            )
        )
    found: dict[UUID, tuple[Case, int, list[str]]] = {}
    for case, count, description in (await session.execute(query)).all():
        found.setdefault(case.id, (case, count, []))[2].append(description)
    return [OpenStudy(*row) for row in found.values()]


async def next_due_study(session: AsyncSession, *, besides: Sequence[UUID] = ()) -> datetime | None:
    """Return when the first of the study cases that gather series is due."""
    query = sa.select(sa.func.min(col(Case.waits_until))).where(
        col(Case.kind) == CaseKind.STUDY,
        col(Case.state).in_(OPEN),
        col(Case.id).not_in(besides),
    )
    found: datetime | None = await session.scalar(query)
    return found


async def list_series_of(
    session: AsyncSession, case_id: UUID
) -> Sequence[tuple[CaseSeries, str, SeriesDecision | None]]:
    """Return the series of a case, each with its description and the decision it joined by."""
    query = (
        sa.select(CaseSeries, col(DicomSeries.series_description), SeriesDecision)
        .join(DicomSeries, col(DicomSeries.id) == CaseSeries.series_id)
        .outerjoin(SeriesDecision, col(SeriesDecision.id) == CaseSeries.decision_id)
        .where(col(CaseSeries.case_id) == case_id)
        .order_by(col(CaseSeries.series_id))
    )
    return [(row[0], row[1], row[2]) for row in (await session.execute(query)).all()]


async def list_own_series(session: AsyncSession, case_id: UUID) -> Sequence[CaseSeries]:
    """Return the series of a case that were received for it: no module of its made them."""
    query = (
        select(CaseSeries)
        .where(CaseSeries.case_id == case_id, col(CaseSeries.derived_by).is_(None))
        .order_by(col(CaseSeries.series_id))
    )
    return (await session.scalars(query)).all()


async def series_names_of(
    session: AsyncSession, case_ids: Sequence[UUID]
) -> dict[UUID, dict[str, str]]:
    """Return the Series Instance UIDs of cases, each with what the series is called."""
    query = (
        sa.select(
            col(CaseSeries.case_id),
            col(CaseSeries.series_instance_uid),
            col(DicomSeries.series_description),
        )
        .join(DicomSeries, col(DicomSeries.id) == CaseSeries.series_id)
        .where(col(CaseSeries.case_id).in_(case_ids))
        .order_by(col(CaseSeries.series_id))
    )
    found: dict[UUID, dict[str, str]] = {}
    for case_id, uid, description in (await session.execute(query)).all():
        found.setdefault(case_id, {})[uid] = description
    return found


async def series_uids(session: AsyncSession, case_id: UUID) -> list[str]:
    """Return the Series Instance UIDs of a case."""
    query = (
        select(CaseSeries.series_instance_uid)
        .where(col(CaseSeries.case_id) == case_id)
        .order_by(col(CaseSeries.series_id))
    )
    return list((await session.scalars(query)).all())


async def list_dispatches_of(session: AsyncSession, case_id: UUID) -> Sequence[Dispatch]:
    """Return what is sent for a case."""
    query = (
        select(Dispatch)
        .join(CaseDispatch, col(CaseDispatch.dispatch_id) == Dispatch.id)
        .where(col(CaseDispatch.case_id) == case_id)
        .order_by(col(Dispatch.created_at), col(Dispatch.id))
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).all()


async def list_open_dispatches_of(
    session: AsyncSession, case_ids: Sequence[UUID]
) -> dict[UUID, list[Dispatch]]:
    """Return what has not ended of what is sent for cases."""
    if not case_ids:
        return {}
    query = (
        sa.select(col(CaseDispatch.case_id), Dispatch)
        .join(Dispatch, col(Dispatch.id) == CaseDispatch.dispatch_id)
        .where(col(CaseDispatch.case_id).in_(case_ids), col(Dispatch.status).not_in(_ENDED))
        .order_by(col(Dispatch.created_at), col(Dispatch.id))
    )
    found: dict[UUID, list[Dispatch]] = {}
    for case_id, row in (await session.execute(query)).all():
        found.setdefault(case_id, []).append(row)
    return found


async def list_unsettled(
    session: AsyncSession, *, besides: Sequence[UUID] = (), limit: int = 100
) -> Sequence[UUID]:
    """Return cases whose state is not what their dispatches say any more.

    One join from the few cases that may be, and these first: asked otherwise, PostgreSQL reads all
    that was ever sent, or all cases by their ids.
    """
    may_be = col(Case.state).in_((CaseState.DISPATCHING, CaseState.FAILED))
    few = (
        sa.select(col(Case.id), col(Case.state))
        .where(may_be, col(Case.id).not_in(besides))
        .cte("few")
        .prefix_with("MATERIALIZED")
    )
    status, sent = col(Dispatch.status), col(Dispatch.id)
    under_way = sa.func.count(sa.case((status.not_in(_ENDED), sent)))
    unsent = sa.func.count(sa.case((status.in_(_UNSENT), sent)))
    dispatching = few.c.state == CaseState.DISPATCHING
    query = (
        sa.select(few.c.id)
        .join(CaseDispatch, col(CaseDispatch.case_id) == few.c.id, isouter=True)
        .join(Dispatch, sent == CaseDispatch.dispatch_id, isouter=True)
        .group_by(few.c.id, few.c.state)
        .having(
            sa.or_(
                sa.and_(dispatching, under_way == 0),
                sa.and_(
                    sa.not_(dispatching),
                    sa.func.count(sent) > 0,
                    sa.or_(under_way > 0, unsent == 0),
                ),
            )
        )
        .order_by(few.c.id)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def list_cases(
    session: AsyncSession,
    *,
    wanted: dict[str, str | UUID | None],
    series_instance_uid: str | None,
    before: UUID | None,
    limit: int,
    text: str | None = None,
) -> Sequence[Case]:
    """Return cases, newest first.

    Args:
        session: Where to look.
        wanted: Columns and the value each must have; None: any.
        series_instance_uid: Only cases that this series belongs to.
        before: Only cases older than this one.
        limit: How many at most.
        text: Only cases with it in what people call their study or rule by.
    """
    query = select(Case).order_by(col(Case.id).desc()).limit(limit)
    for name, value in wanted.items():
        if value is not None:
            query = query.where(getattr(Case, name) == value)
    if series_instance_uid is not None:
        of_series = select(CaseSeries.case_id).where(
            col(CaseSeries.series_instance_uid) == series_instance_uid
        )
        query = query.where(col(Case.id).in_(of_series))
    if text:
        named = col(Case.study_instance_uid).in_(studies_called(text))
        query = query.where(sa.or_(named, col(Case.rule).icontains(text, autoescape=True)))
    if before is not None:
        query = query.where(col(Case.id) < before)
    return (await session.scalars(query)).all()


async def list_events_of(session: AsyncSession, subjects: Sequence[str]) -> Sequence[JournalEvent]:
    """Return what the journal has of these subjects, oldest first."""
    query = (
        select(JournalEvent)
        .where(col(JournalEvent.subject).in_(subjects))
        .order_by(col(JournalEvent.sequence).desc())
        .limit(_MOST_EVENTS)
    )
    return (await session.scalars(query)).all()[::-1]
