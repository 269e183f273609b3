"""The attributes of the index, by level: which are columns, which are kept with them. Pure.

PS3.18 tables 10.6.3-3 to 10.6.3-5 say what QIDO-RS answers for a study, a series and an instance;
PS3.4 tables C.6-1 to C.6-4 what C-FIND matches. What tells nothing of the images but of the index
itself (counts, modalities of a study, places to retrieve from) is computed, and not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """What a query asks for, from the top."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that has a column of its own."""

    keyword: str
    level: Level
    column: str
    length: int | None = None
    """Most characters of the column; None: a number."""
    person: bool = False
    """A person's name; the column `<column>_key` holds what names are compared by."""
    standard: bool = True
    """QIDO-RS answers it without being asked for (includefield)."""


_TEXT, _CODE, _SHORT = 1024, 64, 32
_S, _E, _I = Level.STUDY, Level.SERIES, Level.INSTANCE
COLUMNS = (
    Attribute("StudyDate", _S, "study_date", _CODE),
    Attribute("StudyTime", _S, "study_time", _SHORT),
    Attribute("AccessionNumber", _S, "accession_number", _CODE),
    Attribute("ReferringPhysicianName", _S, "referring_physician_name", _TEXT, person=True),
    Attribute("PatientName", _S, "patient_name", _TEXT, person=True),
    Attribute("PatientID", _S, "patient_id", 256),
    Attribute("IssuerOfPatientID", _S, "issuer_of_patient_id", _TEXT, standard=False),
    Attribute("PatientBirthDate", _S, "patient_birth_date", _CODE),
    Attribute("PatientSex", _S, "patient_sex", _CODE),
    Attribute("StudyID", _S, "study_id", _CODE),
    Attribute("StudyDescription", _S, "study_description", _TEXT),
    Attribute("Modality", _E, "modality", _CODE),
    Attribute("SeriesNumber", _E, "series_number"),
    Attribute("SeriesDescription", _E, "series_description", _TEXT),
    Attribute("BodyPartExamined", _E, "body_part_examined", _CODE),
    Attribute("ProtocolName", _E, "protocol_name", _TEXT, standard=False),
    Attribute("PerformedProcedureStepStartDate", _E, "performed_procedure_step_start_date", _CODE),
    Attribute("PerformedProcedureStepStartTime", _E, "performed_procedure_step_start_time", _SHORT),
    Attribute("InstanceNumber", _I, "instance_number"),
    Attribute("Rows", _I, "rows"),
    Attribute("Columns", _I, "columns"),
    Attribute("BitsAllocated", _I, "bits_allocated"),
    Attribute("NumberOfFrames", _I, "number_of_frames"),
)
STUDY_TAGS = (
    "SpecificCharacterSet",
    "TimezoneOffsetFromUTC",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "OtherPatientIDs",
    "InstitutionName",
)
"""Kept with the study as its first image has them."""
SERIES_TAGS = (
    "SpecificCharacterSet",
    "TimezoneOffsetFromUTC",
    "RequestAttributesSequence",
    "SeriesDate",
    "SeriesTime",
    "Laterality",
    "Manufacturer",
    "ManufacturerModelName",
    "InstitutionName",
    "StationName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "MagneticFieldStrength",
    "FrameOfReferenceUID",
    "PatientPosition",
    "ScanningSequence",
    "SequenceVariant",
    "SequenceName",
)
"""Kept with the series as its first image has them."""


def some(tags: Mapping[str, Any], keywords: tuple[str, ...]) -> dict[str, Any]:
    """Return those tags that are there."""
    return {keyword: tags[keyword] for keyword in keywords if keyword in tags}
