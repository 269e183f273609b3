"""Which exams a list is to show."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, Query
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.searching import search_terms
from scanhub_libraries.models import ItemStatus
from scanhub_libraries.models.fields import ShortText

_EXAM = Exam.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ExamFilter:
    """What the exams of a list have in common; None: no matter."""

    status: Annotated[ItemStatus | None, Query(description="Only exams in this status")] = None
    since: Annotated[date | None, Query(description="Only exams of this day or later")] = None
    until: Annotated[date | None, Query(description="Only exams of this day or earlier")] = None
    search: Annotated[
        ShortText | None,
        Query(
            description="Words: each in a name of the patient or in the exam's name or "
            "description, or the beginning of the accession number or patient number"
        ),
    ] = None

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same for the database."""
        found: list[sa.ColumnElement[bool]] = []
        if self.status is not None:
            found.append(_EXAM.c.status == self.status)
        if self.since is not None:
            found.append(_EXAM.c.day >= self.since)
        if self.until is not None:
            found.append(_EXAM.c.day <= self.until)
        return [*found, *map(_has_word, search_terms(self.search or ""))]


def _has_word(term: str) -> sa.ColumnElement[bool]:
    patient = _of_patient(
        sa.or_(
            col(Patient.search_text).like(f"%{term}%", escape="\\"),
            col(Patient.patient_id_folded).like(f"{term}%", escape="\\"),
        )
    )
    return sa.or_(
        patient,
        _EXAM.c.search_text.like(f"%{term}%", escape="\\"),
        _EXAM.c.accession_folded.like(f"{term}%", escape="\\"),
    )


def _of_patient(condition: Any) -> sa.ColumnElement[bool]:
    return col(Exam.patient_id).in_(sa.select(col(Patient.id)).where(condition))


ExamFilterDep = Annotated[ExamFilter, Depends()]
