"""Queries on the index."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.dicom.models import DicomInstance, DicomSeries


async def find_series(session: AsyncSession, study: str, series: str) -> DicomSeries | None:
    """Return a series by its UIDs."""
    query = select(DicomSeries).where(
        DicomSeries.study_instance_uid == study, DicomSeries.series_instance_uid == series
    )
    found: DicomSeries | None = await session.scalar(query)
    return found


async def list_series(
    session: AsyncSession,
    *,
    study_instance_uid: str | None = None,
    series_instance_uid: str | None = None,
    task_id: UUID | None = None,
    limit: int = 100,
) -> Sequence[tuple[DicomSeries, int]]:
    """Return series with their number of instances, newest first."""
    count = (
        select(sa.func.count())
        .where(DicomInstance.series_id == DicomSeries.id)
        .correlate(DicomSeries)
        .scalar_subquery()
    )
    query = sa.select(DicomSeries, count)
    if study_instance_uid is not None:
        query = query.where(col(DicomSeries.study_instance_uid) == study_instance_uid)
    if series_instance_uid is not None:
        query = query.where(col(DicomSeries.series_instance_uid) == series_instance_uid)
    if task_id is not None:
        query = query.where(col(DicomSeries.task_id) == task_id)
    query = query.order_by(col(DicomSeries.id).desc()).limit(limit)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


async def list_instances(
    session: AsyncSession, series_instance_uid: str
) -> Sequence[DicomInstance]:
    """Return the instances of a series in the order of their number."""
    query = (
        select(DicomInstance)
        .join(DicomSeries, col(DicomSeries.id) == DicomInstance.series_id)
        .where(DicomSeries.series_instance_uid == series_instance_uid)
        .order_by(col(DicomInstance.instance_number), col(DicomInstance.sop_instance_uid))
    )
    return (await session.scalars(query)).all()
