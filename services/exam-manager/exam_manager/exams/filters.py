"""Which exams a list is to show."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Query
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.searching import search_terms
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.models import ItemStatus
from scanhub_libraries.models.fields import ShortText

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_BEGINS_DATE = re.compile(r"\d{4}(-\d{2}){0,2}")


@dataclass(frozen=True, slots=True)
class ExamFilter:
    """What the exams of a list have in common; None: no matter."""

    status: Annotated[
        list[ItemStatus] | None,
        Query(max_length=len(ItemStatus), description="Only exams in this status, or in one of"),
    ] = None
    device_id: Annotated[
        UUID | None, Query(description="Only exams with an acquisition planned for this device")
    ] = None
    since: Annotated[date | None, Query(description="Only exams of this day or later")] = None
    until: Annotated[date | None, Query(description="Only exams of this day or earlier")] = None
    search: Annotated[
        ShortText | None,
        Query(
            description="Words: each in a name of the patient or in the exam's name or "
            "description, or the beginning of the accession number, the patient number or the "
            "date of birth (1975-12-10)"
        ),
    ] = None

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same for the database."""
        found: list[sa.ColumnElement[bool]] = []
        if self.status:
            found.append(_EXAM.c.status.in_(self.status))
        if self.device_id is not None:
            found.append(_on_device(self.device_id))
        if self.since is not None:
            found.append(_EXAM.c.day >= self.since)
        if self.until is not None:
            found.append(_EXAM.c.day <= self.until)
        return [*found, *map(_has_word, search_terms(self.search or ""))]


def _has_word(term: str) -> sa.ColumnElement[bool]:
    of_patient = [
        col(Patient.search_text).like(f"%{term}%", escape="\\"),
        col(Patient.patient_id_folded).like(f"{term}%", escape="\\"),
    ]
    born = _days_of(term)
    if born is not None:
        of_patient.append(col(Patient.birth_date).between(*born))
    return sa.or_(
        _of_patient(sa.or_(*of_patient)),
        _EXAM.c.search_text.like(f"%{term}%", escape="\\"),
        _EXAM.c.accession_folded.like(f"{term}%", escape="\\"),
    )


def _days_of(term: str) -> tuple[date, date] | None:
    """Return the days that a word may mean which begins a date: a year, a month or a day."""
    if not _BEGINS_DATE.fullmatch(term):
        return None
    parts = [int(part) for part in term.split("-")]
    try:
        if len(parts) == len(("year", "month", "day")):
            return date(*parts), date(*parts)
        months = parts[1:] * 2 or [1, 12]
        first, last = (date(parts[0], month, 1) for month in months)
    except ValueError:
        return None
    return first, last.replace(day=monthrange(last.year, last.month)[1])


def _of_patient(condition: Any) -> sa.ColumnElement[bool]:
    return col(Exam.patient_id).in_(sa.select(col(Patient.id)).where(condition))


def _on_device(device_id: UUID) -> sa.ColumnElement[bool]:
    tasks = (
        sa.select(col(Workflow.exam_id))
        .join(Task, col(Task.workflow_id) == col(Workflow.id))
        .where(col(Task.device_id) == device_id)
    )
    return col(Exam.id).in_(tasks)


ExamFilterDep = Annotated[ExamFilter, Depends()]
