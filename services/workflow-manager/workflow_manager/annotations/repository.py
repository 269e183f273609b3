"""Queries on annotations."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.annotations.models import Annotation
from workflow_manager.dicom.models import DicomInstance, DicomSeries


async def find_image(
    session: AsyncSession, sop_instance_uid: str
) -> tuple[DicomInstance, DicomSeries] | None:
    """Return an image and its series."""
    query = (
        sa.select(DicomInstance, DicomSeries)
        .join(DicomSeries, col(DicomSeries.id) == col(DicomInstance.series_id))
        .where(col(DicomInstance.sop_instance_uid) == sop_instance_uid)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def list_of_series(
    session: AsyncSession,
    series_instance_uid: str,
    *,
    deleted: bool,
    after: UUID | None,
    limit: int,
) -> Sequence[tuple[Annotation, bool]]:
    """Return annotations, oldest first, and whether the image of each is still the same."""
    query = (
        sa.select(Annotation, _same_image())
        .where(col(Annotation.series_instance_uid) == series_instance_uid)
        .order_by(col(Annotation.id))
        .limit(limit)
    )
    if not deleted:
        query = query.where(col(Annotation.deleted_at).is_(None))
    if after is not None:
        query = query.where(col(Annotation.id) > after)
    return [(row[0], bool(row[1])) for row in (await session.execute(query)).all()]


async def is_current(session: AsyncSession, annotation: Annotation) -> bool:
    """Say whether the image is the one that it was drawn on."""
    query = sa.select(_same_image()).where(col(Annotation.id) == annotation.id)
    return bool(await session.scalar(query))


def _same_image() -> sa.ColumnElement[bool]:
    return (
        select(DicomInstance.sop_instance_uid)
        .join(DicomSeries, col(DicomSeries.id) == col(DicomInstance.series_id))
        .where(
            DicomInstance.sop_instance_uid == Annotation.sop_instance_uid,
            DicomInstance.sha256 == Annotation.sha256,
            DicomSeries.series_instance_uid == Annotation.series_instance_uid,
        )
        .correlate(Annotation)
        .exists()
    )


async def forget(session: AsyncSession, study: str, series: str) -> int:
    """Delete what was drawn on the images of a series, for good; say how much it was."""
    where = (
        col(Annotation.study_instance_uid) == study,
        col(Annotation.series_instance_uid) == series,
    )
    count = await session.scalar(sa.select(sa.func.count(col(Annotation.id))).where(*where))
    await session.execute(sa.delete(Annotation).where(*where))
    return count or 0
