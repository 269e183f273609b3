"""Table: exams."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from exam_manager.searching import folded
from scanhub_libraries.database import UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ItemStatus, PatientPosition


def _day(context: Any) -> date:
    """Return the day of a new exam: planned, or else that on which it was made (UTC)."""
    given = context.get_current_parameters()
    day: date = given.get("scheduled_on") or given["datetime_created"].date()
    return day


def search_text(name: str, description: str) -> str:
    """Return what a search looks at."""
    return folded(f"{name} {description}")


def _search_text(context: Any) -> str:
    given = context.get_current_parameters()
    return search_text(given["name"], given.get("description") or "")


def accession_folded(number: str | None) -> str | None:
    """Return an accession number as searches look at it."""
    return None if number is None else folded(number)


def _accession_folded(context: Any) -> str | None:
    return accession_folded(context.get_current_parameters().get("accession_number"))


class Exam(Table, table=True):
    """An exam, or a template of one."""

    __tablename__ = "exam"
    __mapper_args__ = {"eager_defaults": True}
    __table_args__ = (
        sa.Index("ix_exam_is_template_datetime_created", "is_template", "datetime_created"),
        sa.Index("ix_exam_is_template_day_id", "is_template", "day", "id"),
        sa.Index(
            "ix_exam_protocol_id_protocol_version", "protocol_id", "protocol_version", unique=True
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    patient_id: UUID | None = Field(default=None, foreign_key="patient.id", index=True)
    name: str = Field(max_length=200)
    description: str = Field(default="", sa_type=sa.Text)
    indication: str | None = Field(default=None, sa_type=sa.Text)
    comment: str | None = Field(default=None, sa_type=sa.Text)
    status: ItemStatus = Field(sa_type=text_enum(ItemStatus))
    is_template: bool
    accession_number: str | None = Field(default=None, max_length=200)
    study_instance_uid: str | None = Field(default=None, max_length=64, unique=True)
    creator: str = Field(max_length=200)
    datetime_created: datetime = Field(sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
    """Counts the edits of people, not what the platform notes."""
    scheduled_on: date | None = Field(default=None, index=True)
    patient_position: PatientPosition | None = Field(
        default=None, sa_type=text_enum(PatientPosition)
    )
    day: date | None = Field(default=None, nullable=False, sa_column_kwargs={"default": _day})
    """Where the worklist has it: the day it is planned for, or else that on which it was made."""
    search_text: str | None = Field(
        default=None, nullable=False, sa_type=sa.Text, sa_column_kwargs={"default": _search_text}
    )
    """Name and description, folded."""
    accession_folded: str | None = Field(
        default=None, sa_type=sa.Text, sa_column_kwargs={"default": _accession_folded}
    )
    revision: int = Field(default=1, sa_type=sa.BigInteger)
    """Counts every change of the exam or of anything below it; not on the wire."""

    template_id: UUID | None = Field(default=None, index=True)
    """The template it was made from, which may be gone by now."""
    template_version: int | None = None
    """The protocol version of that template."""
    protocol_id: UUID | None = None
    """Templates only: what the versions of one protocol have in common."""
    protocol_version: int | None = None
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    released_by: str | None = Field(default=None, max_length=200)
    release_comment: str | None = Field(default=None, sa_type=sa.Text)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """No new exams are made from it since then."""
