"""What a job is told about the patient and the study: one JSON file, no platform needed."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanhub_jobs.errors import JobInputError

_FORBIDDEN_IN_NAMES = str.maketrans(dict.fromkeys("\\^=", " "))


def person_name(last_name: str, first_name: str) -> str:
    """Write a name as DICOM PN; its delimiters inside a component become blanks (PS3.5 6.2.1)."""
    parts = [
        " ".join("".join(c if c.isprintable() else " " for c in part).split())
        for part in (
            last_name.translate(_FORBIDDEN_IN_NAMES),
            first_name.translate(_FORBIDDEN_IN_NAMES),
        )
    ]
    return "^".join(parts).rstrip("^")[:64]


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JobPatient(_Described):
    """The patient as the images shall name them."""

    id: str = ""
    name: str = Field("", description="DICOM PN, family name first: see person_name")
    birth_date: date | None = None
    sex: Literal["M", "F", "O", ""] = ""
    weight_kg: float | None = Field(None, gt=0, lt=1000)
    height_m: float | None = Field(None, gt=0, lt=3)
    medical_alerts: tuple[str, ...] = Field((), description="Medical Alerts (0010,2000)")
    allergies: tuple[str, ...] = Field((), description="Allergies (0010,2110)")
    pregnancy_status: Literal[1, 2, 3, 4] | None = Field(
        None, description="Pregnancy Status (0010,21C0): not, possibly, definitely, unknown"
    )


class JobStudy(_Described):
    """The study that the images belong to."""

    instance_uid: str | None = None
    id: str = ""
    accession_number: str = ""
    study_date: date | None = None
    study_time: time | None = None
    description: str = ""
    referring_physician: str = ""


class JobSeries(_Described):
    """The series that the job makes."""

    number: int | None = Field(None, ge=0, le=2_147_483_647)
    description: str = ""
    protocol_name: str = ""
    body_part: str = ""
    patient_position: str | None = Field(
        None, description="Patient Position (0018,5100) that was planned: `HFS`"
    )


class JobEquipment(_Described):
    """The scanner, where the platform knows it better than the raw data."""

    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    station_name: str = ""
    institution: str = ""


class JobProcessing(_Described):
    """What the images shall say of how they were made."""

    job: str = Field("Image reconstruction", description="Name of the job")
    version: str = ""
    started_at: datetime | None = None
    station_name: str = ""
    details: str = Field("", description="Such as the parameters and the SHA-256 of the raw data")


class ReconstructionContext(_Described):
    """Everything a job knows beside its input data."""

    run_id: str = Field(min_length=1, description="Images of the same run bear the same UIDs")
    acquired_at: datetime | None = Field(None, description="When the raw data were stored")
    patient: JobPatient = JobPatient()
    study: JobStudy = JobStudy()
    series: JobSeries = JobSeries()
    equipment: JobEquipment = JobEquipment()
    processing: JobProcessing = JobProcessing()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the context file; a broken one is a reason, not a traceback."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise JobInputError(f"The job context {path.name} cannot be used: {error}") from error
