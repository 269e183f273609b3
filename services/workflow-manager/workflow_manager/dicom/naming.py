"""What people call studies and series by, for lists in which they look for them."""

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from scanhub_libraries.models import StudyNames
from workflow_manager.dicom.columns import person_key
from workflow_manager.dicom.models import DicomSeries, DicomStudy


async def study_names(session: AsyncSession, uids: Collection[str]) -> dict[str, StudyNames]:
    """Return whose studies these are, by Study Instance UID."""
    columns = (
        col(DicomStudy.patient_name),
        col(DicomStudy.patient_id),
        col(DicomStudy.study_description),
        col(DicomStudy.accession_number),
    )
    uid = col(DicomStudy.study_instance_uid)
    rows = await session.execute(sa.select(uid, *columns).where(uid.in_(set(uids))))
    return {
        row["study_instance_uid"]: StudyNames.model_validate(row, from_attributes=True)
        for row in rows.mappings()
    }


async def series_descriptions(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what series are called, by their id in the index."""
    query = sa.select(col(DicomSeries.id), col(DicomSeries.series_description))
    rows = await session.execute(query.where(col(DicomSeries.id).in_(set(ids))))
    return {row[0]: row[1] for row in rows}


def studies_called(text: str) -> sa.Select[str]:
    """Return the query for the studies in whose names a text occurs, without regard to case.

    It looks at every study, for a part of a name has no place in an index: about 0.1 s of one
    processor for 100,000 of them (SQLite).
    """
    uid = col(DicomStudy.study_instance_uid)
    conditions = [
        column.icontains(text, autoescape=True)
        for column in (
            col(DicomStudy.patient_id),
            col(DicomStudy.study_description),
            col(DicomStudy.accession_number),
        )
    ]
    name = person_key(text)
    if name:
        conditions.append(col(DicomStudy.patient_name_key).contains(name, autoescape=True))
    return sa.select(uid).where(sa.or_(uid == text, *conditions))
