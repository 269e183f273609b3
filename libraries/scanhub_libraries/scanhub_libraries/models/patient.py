"""Patients."""

import unicodedata
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models.enums import Gender, ItemStatus, PregnancyStatus
from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel, check_dicom_text

LONGEST = 64
"""Characters of a Person Name or a Long String in DICOM (PS3.5 section 6.2, VR PN and LO)."""


_EARLIEST_ZONE = timedelta(hours=14)
"""UTC+14 is where a day begins first: who is born there now is born tomorrow in UTC."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates: they show a text, and what follows it, in another order."""


def _check_visible(value: str) -> str:
    """Refuse what a person would read as another name, or as none."""
    if _TURNS.intersection(value):
        raise ValueError("contains a character that turns the order of the text: leave it out")
    if all(unicodedata.category(letter)[0] in "CZ" for letter in value):
        raise ValueError("shows nothing: enter it as it is to be read")
    return value


def _composed(value: str) -> str:
    """Return a text with each accent in its letter: archives compare names by their bytes."""
    return unicodedata.normalize("NFC", value)


def _alert(value: str) -> str:
    """Return one alert as it is shown and stands in the images."""
    value = _composed(value).strip()
    if not value:
        raise ValueError("shows nothing: name it, or leave it out")
    return check_dicom_text(_check_visible(value), "LO")


Alert = Annotated[str, Field(max_length=LONGEST), AfterValidator(_alert)]
Alerts = Annotated[list[Alert], Field(max_length=16)]
FLAGS = ("implants", "allergies", "medical_alerts", "pregnancy_status")
"""What a scan has to mind; ScanHub's clients do not know it, and a PUT of theirs leaves it."""


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
    implants: Annotated[
        Alerts | None,
        Field(
            description="Implants and other metal in the body, each with its conditions for MR; "
            "[]: none; null: nobody has asked. With one, a named person confirms each scan. A PUT "
            "that does not name it leaves it as it is."
        ),
    ] = None
    allergies: Annotated[
        Alerts,
        Field(
            description="Allergies (0010,2110), to contrast agents above all. A PUT that does not "
            "name them leaves them as they are."
        ),
    ] = []
    medical_alerts: Annotated[
        Alerts,
        Field(
            description="Medical Alerts (0010,2000): what staff has to know, as an infection. A "
            "PUT that does not name them leaves them as they are."
        ),
    ] = []
    pregnancy_status: Annotated[
        PregnancyStatus | None,
        Field(
            description="Pregnancy Status (0010,21C0); null: nobody has asked. If there may be a "
            "pregnancy, a named person confirms each scan. A PUT that does not name it leaves it "
            "as it is."
        ),
    ] = None


class BasePatient(_Patient):
    """What a person enters about a patient."""

    @field_validator("patient_id", mode="before")
    @classmethod
    def _trimmed(cls, value: Any) -> Any:
        return (_composed(value).strip(" ") or None) if isinstance(value, str) else value

    @field_validator("patient_id")
    @classmethod
    def _one_value(cls, value: str | None) -> str | None:
        return None if value is None else check_dicom_text(_check_visible(value), "LO")

    @field_validator("first_name", "last_name")
    @classmethod
    def _one_component(cls, value: str, info: ValidationInfo) -> str:
        value = _composed(value)
        whole = f"{value}^{info.data.get('first_name', '')}".rstrip("^")
        if len(whole) > LONGEST:
            raise ValueError(f"is too long: a name in DICOM has {LONGEST} characters in all")
        return check_dicom_text(_check_visible(value), "PN")

    @field_validator("birth_date")
    @classmethod
    def _born(cls, value: date) -> date:
        if value > (utc_now() + _EARLIEST_ZONE).date():
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
