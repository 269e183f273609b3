"""Patients."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models.enums import Gender, ItemStatus
from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel


class BasePatient(WireModel):
    """What a person enters about a patient."""

    first_name: Name
    last_name: Name
    birth_date: date
    sex: Gender
    height: Annotated[float, Field(gt=0, le=280, description="Height [cm]")]
    weight: Annotated[float, Field(gt=0, le=500, description="Weight [kg]; it bounds the SAR")]
    issuer: ShortText
    status: ItemStatus = ItemStatus.NEW
    comment: Text | None = None

    @field_validator("birth_date")
    @classmethod
    def _born(cls, value: date) -> date:
        if value > utc_now().date():
            raise ValueError("lies in the future")
        if value.year < 1880:  # noqa: PLR2004 - older than any living person
            raise ValueError("lies before 1880")
        return value


class PatientOut(BasePatient):
    """A patient as stored."""

    id: UUID
    datetime_created: datetime
    datetime_updated: datetime | None = None
