"""Queries on rules, their versions and their decisions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.history import History
from workflow_manager.routing_rules.models import (
    AwaitedSeries,
    RuleVersion,
    SeriesDecision,
    StoredRule,
    TemporaryRule,
)

HISTORY = History(RuleVersion, "rule")


async def list_rules(session: AsyncSession, *, lock: bool = False) -> Sequence[StoredRule]:
    """Return the rules in the order in which they are looked at; `lock` to change the order."""
    query = select(StoredRule).order_by(col(StoredRule.position), col(StoredRule.name))
    if not lock:
        return (await session.scalars(query)).all()
    # By name, so that nobody waits for one who waits; what was waited for has its new place.
    locking = select(StoredRule).order_by(col(StoredRule.name)).with_for_update()
    rows = await session.scalars(locking.execution_options(populate_existing=True))
    return sorted(rows, key=lambda row: (row.position, row.name))


async def last_fired(session: AsyncSession) -> dict[str, datetime]:
    """Return when each rule last opened a case; those that never did are left out."""
    newest = (
        sa.select(sa.func.max(Case.opened_at))
        .where(col(Case.rule) == StoredRule.name)
        .correlate(StoredRule)
        .scalar_subquery()
    )
    rows = await session.execute(sa.select(col(StoredRule.name), newest))
    fired: dict[str, datetime | None] = {row[0]: row[1] for row in rows.all()}
    return {name: opened_at for name, opened_at in fired.items() if opened_at is not None}


async def find_with_an_instance(
    session: AsyncSession, series_instance_uid: str
) -> tuple[DicomSeries, DicomInstance] | None:
    """Return a series with one of its images; of several with this UID the newest."""
    query = (
        select(DicomSeries.id)
        .where(col(DicomSeries.series_instance_uid) == series_instance_uid)
        .order_by(col(DicomSeries.id).desc())
        .limit(1)
    )
    series_id = await session.scalar(query)
    if series_id is None:
        return None
    found = await list_with_an_instance(session, series_ids=[series_id])
    return found[0] if found else None


async def temporary_rules_of(
    session: AsyncSession, series_ids: Sequence[UUID]
) -> dict[UUID, TemporaryRule]:
    """Return the rule of each series that has one of its own."""
    query = (
        sa.select(col(DicomSeries.id), TemporaryRule)
        .join(TemporaryRule, col(TemporaryRule.name) == DicomSeries.forced_rule)
        .where(col(DicomSeries.id).in_(series_ids))
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def awaited_rules_of(
    session: AsyncSession, series_ids: Sequence[UUID], now: datetime
) -> dict[UUID, str]:
    """Return the rule of each series that somebody was asked to send."""
    place = sa.and_(
        col(AwaitedSeries.study_instance_uid) == col(DicomSeries.study_instance_uid),
        col(AwaitedSeries.series_instance_uid) == col(DicomSeries.series_instance_uid),
    )
    query = (
        sa.select(col(DicomSeries.id), col(AwaitedSeries.rule))
        .join(AwaitedSeries, place)
        .where(col(DicomSeries.id).in_(series_ids), col(AwaitedSeries.until) >= now)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def last_decision(session: AsyncSession, series_id: UUID) -> SeriesDecision | None:
    """Return what was decided last for a series."""
    query = (
        select(SeriesDecision)
        .where(col(SeriesDecision.series_id) == series_id)
        .order_by(col(SeriesDecision.number).desc())
        .limit(1)
    )
    found: SeriesDecision | None = await session.scalar(query)
    return found


async def find_decision(
    session: AsyncSession, series_instance_uid: str
) -> tuple[DicomSeries, SeriesDecision] | None:
    """Return the newest decision for a series."""
    query = (
        sa.select(DicomSeries, SeriesDecision)
        .join(SeriesDecision, col(SeriesDecision.series_id) == DicomSeries.id)
        .where(col(DicomSeries.series_instance_uid) == series_instance_uid)
        .order_by(col(SeriesDecision.id).desc())
        .limit(1)
    )
    row = (await session.execute(query)).first()
    return None if row is None else (row[0], row[1])


async def list_with_an_instance(
    session: AsyncSession, *, series_ids: Sequence[UUID] | None = None, limit: int = 1
) -> Sequence[tuple[DicomSeries, DicomInstance]]:
    """Return series, newest first, each with one image: that with the lowest UID."""
    first = (
        select(sa.func.min(DicomInstance.sop_instance_uid))
        .where(col(DicomInstance.series_id) == DicomSeries.id)
        .correlate(DicomSeries)
        .scalar_subquery()
    )
    query = sa.select(DicomSeries, DicomInstance).join(
        DicomInstance, col(DicomInstance.sop_instance_uid) == first
    )
    if series_ids is not None:
        query = query.where(col(DicomSeries.id).in_(series_ids))
    query = query.order_by(col(DicomSeries.id).desc()).limit(limit)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]
