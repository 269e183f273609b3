"""Runs, series and dispatches of workflow-manager."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import Name, ShortText, WireModel


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


class StudyNames(WireModel):
    """What people call a study by, as its first image named it."""

    patient_name: Annotated[str, Field(description="PatientName (0010,0010)")] = ""
    patient_id: Annotated[str, Field(description="PatientID (0010,0020)")] = ""
    study_description: Annotated[str, Field(description="StudyDescription (0008,1030)")] = ""
    accession_number: Annotated[str, Field(description="AccessionNumber (0008,0050)")] = ""


class DispatchOut(StudyNames):
    """One series on its way to one target."""

    id: UUID
    target: str
    series_instance_uid: str
    study_instance_uid: str
    series_description: Annotated[str, Field(description="SeriesDescription (0008,103E)")] = ""
    task_id: UUID | None
    exam_id: UUID | None
    case_id: UUID | None = None
    priority: Literal["urgent", "normal", "offpeak"] = "normal"
    status: Literal["queued", "sending", "waiting", "sent", "failed", "canceled"]
    instances: Annotated[int, Field(description="Images of the series")]
    sent: Annotated[int, Field(description="Images that the target has")]
    sent_before: Annotated[
        int,
        Field(
            description="Of those, images that it had already when others came late: they were not "
            "sent again"
        ),
    ] = 0
    stored: Annotated[
        int, Field(description="Images that the node took and has not confirmed to keep yet")
    ] = 0
    attempt: int
    next_attempt_at: datetime | None
    waits_for: Annotated[
        str | None, Field(description="What it waits for, in words; none: for nothing")
    ] = None
    error: str | None
    created_at: datetime
    ended_at: datetime | None
    removed_at: Annotated[
        datetime | None,
        Field(description="Its images left the archive then; the numbers tell of before"),
    ] = None


class SendFailure(WireModel):
    """An instance that was not sent, and why."""

    sop_instance_uid: str
    reason: str


class TranscodedInstance(WireModel):
    """An instance that was sent in another encoding than it is stored in."""

    sop_instance_uid: str
    transfer_syntax_uid: Annotated[str, Field(description="As which it was sent")]


class CommitmentAsked(WireModel):
    """A request to a node to confirm that it keeps what it took (PS3.4 Annex J)."""

    transaction_uid: Annotated[str, Field(description="TransactionUID (0008,1195)")]
    attempt: Annotated[int, Field(description="Of which attempt")]
    instances: Annotated[int, Field(description="Instances that it was asked about")]
    failures: Annotated[int, Field(description="Instances that it said it does not keep")]
    requested_at: datetime
    answered_at: Annotated[datetime | None, Field(description="None: it has not answered yet")]


class DispatchDetail(DispatchOut):
    """A dispatch with what could not be sent, what was transcoded, and what shall be confirmed."""

    failures: Annotated[list[SendFailure], Field(description="At most 1000, by UID")]
    transcoded: Annotated[
        list[TranscodedInstance], Field(description="At most 1000, by UID; the others went as is")
    ] = []
    transcoded_instances: Annotated[int, Field(description="How many were transcoded")] = 0
    commitments: Annotated[
        list[CommitmentAsked],
        Field(description="What the node was asked to confirm; at most 100, newest first"),
    ] = []


class CommitmentOut(WireModel):
    """What another node asked us to keep (storage commitment, PS3.4 Annex J)."""

    id: UUID
    peer_aet: Annotated[str, Field(description="AE title of who asked")]
    own_aet: Annotated[str, Field(description="AE title that it called")]
    address: Annotated[str, Field(description="Host that the request came from")]
    transaction_uid: Annotated[str, Field(description="TransactionUID (0008,1195)")]
    instances: Annotated[int, Field(description="Instances that it asked about")]
    kept: Annotated[int | None, Field(description="Instances that we said we keep")]
    state: Annotated[
        Literal["waiting", "reported", "failed"],
        Field(description="waiting: it has not heard yet; failed: it could not be told"),
    ]
    attempt: int
    next_attempt_at: datetime | None
    error: Annotated[str | None, Field(description="Why it was not told")]
    received_at: datetime
    ended_at: datetime | None


class CommitmentReference(WireModel):
    """An instance that another node asked about."""

    sop_class_uid: str
    sop_instance_uid: str
    failure: Annotated[
        str | None, Field(description="Why we said that we do not keep it, in words; None: we do")
    ] = None


class CommitmentDetail(CommitmentOut):
    """What another node asked us to keep, instance by instance."""

    references: Annotated[
        list[CommitmentReference], Field(description="At most 1000; what is not kept comes first")
    ]


class SendIn(WireModel):
    """What is to be sent by hand, and where to."""

    study_instance_uid: ShortText
    series_instance_uids: Annotated[
        list[ShortText], Field(max_length=1000, description="Empty: all series of the study")
    ] = []
    target: Name
    priority: Literal["urgent", "normal", "offpeak"] = "normal"
    again: Annotated[bool, Field(description="Send also what is there already")] = False


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
