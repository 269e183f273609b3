"""Series whose images were removed, when images come again: they are described anew.

Their rows stay, for the cases that name them. But who sends them this time, and of which patient
they are, say the images that come now: a study that was removed for its wrong patient comes again
under its UIDs with the right one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from workflow_manager.dicom.entries import Arrival, series_row, study_row
from workflow_manager.dicom.models import DicomSeries, DicomStudy

_TABLES = DicomSeries.metadata.tables
_SERIES, _STUDY = _TABLES[DicomSeries.__tablename__], _TABLES[DicomStudy.__tablename__]
_STUDY_UID = _STUDY.c.study_instance_uid
_OF_STUDY = _SERIES.c.study_instance_uid == _STUDY_UID
_KEPT = {"id", "number_of_series_related_instances"}


async def describe_anew(
    session: AsyncSession, missing: Mapping[tuple[str, str], Arrival], now: datetime
) -> set[UUID]:
    """Describe series by what comes now whose images were removed, and studies that were emptied.

    Args:
        session: A transaction that is not read-only.
        missing: An image of each series that the index has no images of, by study and series.
        now: When they came.

    Returns:
        The series that were there. They count as having images; see `leave_removed`.
    """
    first = {place[0]: missing[place] for place in sorted(missing, reverse=True)}
    removed = sa.exists().where(_OF_STUDY, _SERIES.c.removed_at.is_not(None))
    # Two that bring images of one such study do it one after the other.
    locked = (
        sa.select(_STUDY_UID)
        .where(_STUDY_UID.in_(first), removed)
        .order_by(_STUDY_UID)
        .with_for_update(key_share=True)
    )
    studies = (await session.execute(locked)).scalars().all()
    for uid in studies:
        await _describe_study(session, first[uid], now)
    found: set[UUID] = set()
    for place in sorted(missing):
        if place[0] in studies:
            found |= await _describe_series(session, missing[place], now)
    return found


async def _describe_study(session: AsyncSession, arrival: Arrival, now: datetime) -> None:
    """Describe a study by an image, unless it has others."""
    row = study_row(arrival, now)
    has_some = sa.exists().where(_OF_STUDY, _SERIES.c.removed_at.is_(None))
    uid = row.pop("study_instance_uid")
    await session.execute(
        sa.update(_STUDY).where(uid == _STUDY_UID, sa.not_(has_some)).values(**row)
    )


async def _describe_series(session: AsyncSession, arrival: Arrival, now: datetime) -> set[UUID]:
    row: dict[str, Any] = series_row(arrival, now)
    described = (
        sa.update(_SERIES)
        .where(
            _SERIES.c.study_instance_uid == row["study_instance_uid"],
            _SERIES.c.series_instance_uid == row["series_instance_uid"],
            _SERIES.c.removed_at.is_not(None),
        )
        .values({name: value for name, value in row.items() if name not in _KEPT})
        .returning(_SERIES.c.id)
    )
    return set((await session.execute(described)).scalars())


async def leave_removed(session: AsyncSession, series: set[UUID], now: datetime) -> None:
    """Take note that series got no image after all: those that came are elsewhere already."""
    if series:
        left = sa.update(_SERIES).where(_SERIES.c.id.in_(series)).values(removed_at=now)
        await session.execute(left)
