"""Runs, series, targets and dispatches of workflow-manager."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from scanhub_libraries.models.fields import Name, Percent, WireModel

AETitle = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=16, pattern=r"^[\x20-\x5B\x5D-\x7E]+$"
    ),
]


class JobOut(WireModel):
    """A job in the form in which ScanHub lists them."""

    job_id: str
    job_name: str
    repository: str
    location: str


class RunOut(WireModel):
    """One run of a job."""

    id: UUID
    task_id: UUID
    exam_id: UUID | None
    job_id: str
    status: Literal["queued", "running", "succeeded", "failed", "canceled"]
    progress: Percent
    error: str | None
    result_id: UUID | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class PreviewOut(WireModel):
    """An image of a scan that still runs. Not for diagnosis."""

    task_id: UUID
    acquisition_id: UUID
    number: Annotated[int, Field(description="From 1, in the order in which they were made")]
    rows: int
    columns: int
    slice: int
    contrast: int
    phase: int
    repetition: int
    set: int
    made_at: datetime
    image: Annotated[str, Field(description="Path of the image (PNG)")]


class TargetIn(WireModel):
    """A DICOM node that images are sent to."""

    name: Name
    target_type: Literal["dicom"] = "dicom"
    ip: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    port: Annotated[int, Field(ge=1, le=65535)]
    aet_target: AETitle
    aet_source: AETitle = "SCANHUB"
    enabled: bool = True
    comment: str = ""


class TargetOut(TargetIn):
    """A target as stored."""

    created_at: datetime
    updated_at: datetime | None = None


class TargetTest(WireModel):
    """What came of a connection test (C-ECHO)."""

    ok: bool
    detail: str


class DispatchOut(WireModel):
    """One series on its way to one target."""

    id: UUID
    target: str
    series_instance_uid: str
    study_instance_uid: str
    task_id: UUID | None
    exam_id: UUID | None
    status: Literal["queued", "sending", "waiting", "sent", "failed", "canceled"]
    instances: int
    sent: int
    attempt: int
    next_attempt_at: datetime | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None


class SeriesOut(WireModel):
    """A series of the DICOM index."""

    study_instance_uid: str
    series_instance_uid: str
    modality: str
    series_description: str
    series_number: int | None
    patient_id: str
    patient_name: str
    instances: int
    task_id: UUID | None
    complete: bool
    received_at: datetime


class InstanceOut(WireModel):
    """An image of the DICOM index."""

    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
    size_bytes: int
    sha256: str


class JournalEntry(WireModel):
    """One event of the journal; `sequence` is the id of the event stream."""

    sequence: int
    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    actor: str | None
    correlation_id: str | None
    data: dict[str, Any]
