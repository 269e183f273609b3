"""Patients."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.exams.models import Exam
from exam_manager.patients import rules
from exam_manager.patients.models import Patient
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import BasePatient, PatientOut


def matches(search: str) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that every word of a search is in a patient's names."""
    text = col(Patient.search_text)
    return [text.like(f"%{term}%", escape="\\") for term in rules.search_terms(search)]


def _search_text(patient: BasePatient) -> str:
    return f"{patient.first_name} {patient.last_name} {patient.first_name}".casefold()


async def create_patient(
    session: AsyncSession, patient: BasePatient, *, now: datetime
) -> PatientOut:
    """Create a patient."""
    row = Patient(**patient.model_dump(), search_text=_search_text(patient), datetime_created=now)
    session.add(row)
    _emit(session, EventType.PATIENT_CREATED, row)
    await session.flush()
    return PatientOut.model_validate(row)


async def list_patients(
    session: AsyncSession, *, search: str | None, after: UUID | None, limit: int | None
) -> list[PatientOut]:
    """Return patients in the order in which they were made."""
    query = sa.select(Patient.__table__).order_by(col(Patient.id)).limit(limit)  # type: ignore[attr-defined]
    if after is not None:
        query = query.where(col(Patient.id) > after)
    if search:
        query = query.where(*matches(search))
    rows = (await session.execute(query)).mappings()
    return [PatientOut.model_validate(dict(row)) for row in rows]


async def get_patient(session: AsyncSession, patient_id: UUID) -> PatientOut:
    """Return a patient."""
    return PatientOut.model_validate(await _get(session, patient_id))


async def update_patient(
    session: AsyncSession, patient_id: UUID, patient: BasePatient, *, now: datetime
) -> PatientOut:
    """Replace what is known of a patient."""
    row = await _get(session, patient_id, lock=True)
    row.sqlmodel_update(patient.model_dump())
    row.search_text = _search_text(patient)
    row.datetime_updated = now
    _emit(session, EventType.PATIENT_UPDATED, row)
    await session.flush()
    return PatientOut.model_validate(row)


async def delete_patient(session: AsyncSession, patient_id: UUID) -> None:
    """Delete a patient who has no exams."""
    row = await _get(session, patient_id, lock=True)
    query = sa.select(col(Exam.id)).where(col(Exam.patient_id) == patient_id).order_by(col(Exam.id))
    rules.check_no_exams((await session.scalars(query)).all())
    await session.delete(row)
    _emit(session, EventType.PATIENT_DELETED, row)


async def _get(session: AsyncSession, patient_id: UUID, *, lock: bool = False) -> Patient:
    row = await session.get(Patient, patient_id, with_for_update=lock)
    if row is None:
        raise NotFoundError(f"There is no patient {patient_id}.")
    return row


def _emit(session: AsyncSession, event_type: EventType, row: Patient) -> None:
    emit(session, event_type, row.id, {"patient_id": str(row.id), "status": row.status.value})
