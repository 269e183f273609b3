"""Queries on rules, their versions and their decisions."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.routing_rules.models import RuleVersion, SeriesDecision, StoredRule


async def list_rules(session: AsyncSession) -> Sequence[StoredRule]:
    """Return the rules in the order in which they are looked at."""
    query = select(StoredRule).order_by(col(StoredRule.position), col(StoredRule.name))
    return (await session.scalars(query)).all()


async def last_version(session: AsyncSession, name: str) -> int:
    """Return the number of the newest version of a rule, deleted ones too; 0: there was none."""
    query = select(sa.func.max(RuleVersion.version)).where(col(RuleVersion.name) == name)
    return await session.scalar(query) or 0


async def list_versions(
    session: AsyncSession, name: str, *, limit: int, before: int | None
) -> Sequence[RuleVersion]:
    """Return versions of a rule, newest first."""
    query = select(RuleVersion).where(col(RuleVersion.name) == name)
    if before is not None:
        query = query.where(col(RuleVersion.version) < before)
    query = query.order_by(col(RuleVersion.version).desc()).limit(limit)
    return (await session.scalars(query)).all()


async def find_version(session: AsyncSession, name: str, version: int) -> RuleVersion | None:
    """Return one version of a rule."""
    query = select(RuleVersion).where(
        col(RuleVersion.name) == name, col(RuleVersion.version) == version
    )
    found: RuleVersion | None = await session.scalar(query)
    return found


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
