"""Patients."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.exams.models import Exam
from exam_manager.patients import rules
from exam_manager.patients.models import Patient
from exam_manager.searching import escaped, folded, search_terms
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import BasePatient, PatientOut
from scanhub_libraries.models.patient import FLAGS
from scanhub_libraries.versions import check_version

_PATIENT = Patient.__table__  # type: ignore[attr-defined]
_SHOWN = [column for column in _PATIENT.c if column.name in PatientOut.model_fields]


class PatientOrder(StrEnum):
    """What a list of patients is ordered by."""

    CREATED = "created"
    """Oldest record first."""
    NEWEST = "-created"
    """Newest record first."""
    NAME = "name"
    """Last name, then first name."""
    BIRTH_DATE = "birth_date"


ORDERS: dict[PatientOrder, tuple[sa.ColumnElement[object], ...]] = {
    PatientOrder.CREATED: (_PATIENT.c.id,),
    PatientOrder.NEWEST: (_PATIENT.c.id,),
    PatientOrder.NAME: (
        sa.func.lower(_PATIENT.c.last_name),
        sa.func.lower(_PATIENT.c.first_name),
        _PATIENT.c.id,
    ),
    PatientOrder.BIRTH_DATE: (_PATIENT.c.birth_date, _PATIENT.c.id),
}
"""Columns by which each order goes. Ids are in the order of making."""


def select_patients(
    *, search: str | None, patient_id: str | None, birth_date: date | None
) -> sa.Select[tuple[object, ...]]:
    """Return the query of the patients that a search finds.

    Args:
        search: Words; each is in a name.
        patient_id: How the hospital's number begins.
        birth_date: Born on this day.
    """
    text = _PATIENT.c.search_text
    query = sa.select(*_SHOWN).where(
        *(text.like(f"%{term}%", escape="\\") for term in search_terms(search or ""))
    )
    if patient_id:
        begins = f"{escaped(folded(patient_id.strip()))}%"
        query = query.where(_PATIENT.c.patient_id_folded.like(begins, escape="\\"))
    return query if birth_date is None else query.where(_PATIENT.c.birth_date == birth_date)


async def list_patients(
    session: AsyncSession, query: sa.Select[tuple[object, ...]]
) -> list[PatientOut]:
    """Return the patients of a query."""
    rows = (await session.execute(query)).mappings()
    return [PatientOut.model_validate(dict(row)) for row in rows]


def _searched(patient: BasePatient, number: str | None) -> dict[str, Any]:
    """Return the columns that searches look at."""
    return {
        "search_text": folded(f"{patient.first_name} {patient.last_name} {patient.first_name}"),
        "patient_id_folded": None if number is None else folded(number),
    }


async def create_patient(
    session: AsyncSession, patient: BasePatient, *, now: datetime, record_id: UUID | None = None
) -> PatientOut:
    """Create a patient; the id of the record is a new one, unless it has one already."""
    await _check_number(session, patient.patient_id, None)
    searched = _searched(patient, patient.patient_id)
    row = Patient(**patient.model_dump(), **searched, datetime_created=now)
    row.id = record_id or row.id
    session.add(row)
    _emit(session, EventType.PATIENT_CREATED, row)
    await session.flush()
    return PatientOut.model_validate(row)


async def _check_number(session: AsyncSession, number: str | None, own_id: UUID | None) -> None:
    """Refuse a number of the hospital that another patient has."""
    if number is not None:
        query = sa.select(_PATIENT.c.id).where(_PATIENT.c.patient_id_folded == folded(number))
        rules.check_number_free(await session.scalar(query), own_id)


async def get_patient(session: AsyncSession, patient_id: UUID) -> PatientOut:
    """Return a patient."""
    return PatientOut.model_validate(await _get(session, patient_id))


async def update_patient(
    session: AsyncSession,
    patient_id: UUID,
    patient: BasePatient,
    *,
    if_match: str | None,
    now: datetime,
) -> PatientOut:
    """Replace what is known of a patient; the number stays where the caller does not know it."""
    row = await _get(session, patient_id, lock=True)
    check_version(if_match, row.version)
    given = patient.model_dump()
    for name in ("patient_id", *FLAGS):
        if name not in patient.model_fields_set:
            given[name] = getattr(row, name)
    await _check_number(session, given["patient_id"], patient_id)
    row.sqlmodel_update({**given, **_searched(patient, given["patient_id"])})
    row.version += 1
    row.datetime_updated = now
    _emit(session, EventType.PATIENT_UPDATED, row)
    await session.flush()
    return PatientOut.model_validate(row)


async def delete_patient(session: AsyncSession, patient_id: UUID, *, if_match: str | None) -> None:
    """Delete a patient who has no exams."""
    row = await _get(session, patient_id, lock=True)
    check_version(if_match, row.version)
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
