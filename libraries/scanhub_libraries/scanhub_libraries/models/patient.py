"""Patients."""

import unicodedata
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models.enums import Gender, ItemStatus
from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel

LONGEST = 64
"""Characters of a Person Name or a Long String in DICOM (PS3.5 section 6.2, VR PN and LO)."""
_DELIMITERS = {"PN": "\\^=", "LO": "\\"}


def _check_characters(value: str, vr: str) -> str:
    """Refuse what would end a value in DICOM, or begin another one."""
    control = [letter for letter in value if unicodedata.category(letter) == "Cc"]
    if control or any(letter in value for letter in _DELIMITERS[vr]):
        raise ValueError(
            f"contains a control character or one of {' '.join(_DELIMITERS[vr])}, "
            "which DICOM uses to separate values: leave it out"
        )
    return value


class _Patient(WireModel):
    first_name: Name
    last_name: Name
    birth_date: date
    sex: Gender
    height: Annotated[float, Field(gt=0, le=280, description="Height [cm]")]
    weight: Annotated[float, Field(gt=0, le=500, description="Weight [kg]; it bounds the SAR")]
    issuer: ShortText
    status: ItemStatus = ItemStatus.NEW
    comment: Text | None = None
    patient_id: Annotated[
        str | None,
        Field(
            max_length=LONGEST,
            description="The hospital's number, Patient ID (0010,0020) of the images; unique. "
            "A PUT that does not name it leaves it as it is.",
        ),
    ] = None


class BasePatient(_Patient):
    """What a person enters about a patient."""

    @field_validator("patient_id", mode="before")
    @classmethod
    def _trimmed(cls, value: Any) -> Any:
        return (value.strip(" ") or None) if isinstance(value, str) else value

    @field_validator("patient_id")
    @classmethod
    def _one_value(cls, value: str | None) -> str | None:
        return None if value is None else _check_characters(value, "LO")

    @field_validator("first_name", "last_name")
    @classmethod
    def _one_component(cls, value: str, info: ValidationInfo) -> str:
        whole = f"{value}^{info.data.get('first_name', '')}".rstrip("^")
        if len(whole) > LONGEST:
            raise ValueError(f"is too long: a name in DICOM has {LONGEST} characters in all")
        return _check_characters(value, "PN")

    @field_validator("birth_date")
    @classmethod
    def _born(cls, value: date) -> date:
        if value > utc_now().date():
            raise ValueError("lies in the future")
        if value.year < 1880:  # noqa: PLR2004 - older than any living person
            raise ValueError("lies before 1880")
        return value


class PatientOut(_Patient):
    """A patient as stored."""

    id: UUID
    datetime_created: datetime
    datetime_updated: datetime | None = None
    version: Annotated[int, Field(description="Counts the edits; the ETag for If-Match")] = 1
