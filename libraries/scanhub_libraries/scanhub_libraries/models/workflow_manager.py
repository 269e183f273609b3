"""Runs, series and dispatches of workflow-manager."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import Name, Percent, WireModel


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


class DispatchOut(WireModel):
    """One series on its way to one target."""

    id: UUID
    target: str
    series_instance_uid: str
    study_instance_uid: str
    task_id: UUID | None
    exam_id: UUID | None
    case_id: UUID | None = None
    priority: Literal["urgent", "normal", "offpeak"] = "normal"
    status: Literal["queued", "sending", "waiting", "sent", "failed", "canceled"]
    instances: int
    sent: int
    attempt: int
    next_attempt_at: datetime | None
    waits_for: Annotated[
        str | None, Field(description="What it waits for, in words; none: for nothing")
    ] = None
    error: str | None
    created_at: datetime
    ended_at: datetime | None


class RedirectIn(WireModel):
    """Where a series is to go instead."""

    target: Name


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
