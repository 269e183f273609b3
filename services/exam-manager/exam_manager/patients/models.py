"""Table: patients."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import Gender, ItemStatus, PregnancyStatus


class Patient(Table, table=True):
    """A patient."""

    __tablename__ = "patient"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    first_name: str = Field(max_length=200)
    last_name: str = Field(max_length=200)
    search_text: str = Field(sa_type=sa.Text)
    """Names, folded."""
    patient_id: str | None = Field(default=None, max_length=64)
    """The hospital's number: DICOM Patient ID (0010,0020)."""
    patient_id_folded: str | None = Field(default=None, sa_type=sa.Text, unique=True, index=True)
    """The number, folded: however it is typed, it is one person."""
    birth_date: date = Field(index=True)
    sex: Gender = Field(sa_type=text_enum(Gender))
    height: float
    weight: float
    issuer: str = Field(max_length=200)
    status: ItemStatus = Field(sa_type=text_enum(ItemStatus))
    comment: str | None = Field(default=None, sa_type=sa.Text)
    implants: list[str] | None = Field(default=None, sa_type=JSONDocument)
    """None: nobody has asked."""
    allergies: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    medical_alerts: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    pregnancy_status: PregnancyStatus | None = Field(
        default=None, sa_type=text_enum(PregnancyStatus)
    )
    datetime_created: datetime = Field(sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
