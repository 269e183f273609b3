"""Exams and workflows: the two upper levels of the tree exam, workflow, task, result."""

import unicodedata
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from scanhub_libraries.models.enums import ItemStatus, PatientPosition
from scanhub_libraries.models.fields import Name, Text, WireModel, check_dicom_text
from scanhub_libraries.models.patient import PatientOut
from scanhub_libraries.models.task import TaskOut


def _trimmed(value: Any) -> Any:
    """Return a number without spaces around it, each accent in its letter."""
    return unicodedata.normalize("NFC", value).strip(" ") if isinstance(value, str) else value


AccessionNumber = Annotated[
    str,
    BeforeValidator(_trimmed),
    StringConstraints(max_length=16),
    Field(description="Accession Number (0008,0050) of the images"),
    AfterValidator(lambda value: check_dicom_text(value, "SH")),
]
"""A longer one would be cut in the images, and name the order of somebody else."""


class BaseWorkflow(WireModel):
    """What a person enters about a workflow."""

    exam_id: UUID | None = None
    name: Name
    description: Text = ""
    comment: Text | None = None
    status: ItemStatus = ItemStatus.NEW
    is_template: bool = False


class WorkflowOut(BaseWorkflow):
    """A workflow as stored, with its tasks in order."""

    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    version: int
    tasks: list[TaskOut] = []


class BaseExam(WireModel):
    """What a person enters about an exam."""

    patient_id: UUID | None = None
    name: Name
    description: Text = ""
    indication: Text | None = None
    comment: Text | None = None
    status: ItemStatus = ItemStatus.NEW
    is_template: bool = False
    accession_number: AccessionNumber | None = None
    scheduled_on: Annotated[
        date | None, Field(description="The day it is planned for; without it that of its making")
    ] = None
    patient_position: Annotated[
        PatientPosition | None,
        Field(
            description="How the patient lies, Patient Position (0018,5100); each scan keeps in "
            "its acquisition_limits what it was at its start. null: not told yet. A PUT that does "
            "not name it leaves it as it is."
        ),
    ] = None


class ExamOut(BaseExam):
    """An exam as stored, with the whole tree below it."""

    id: UUID
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None = None
    version: int
    accession_number: Annotated[
        str | None, Field(description="Accession Number (0008,0050) of the images")
    ] = None
    study_instance_uid: Annotated[
        str | None, Field(description="Study Instance UID of the images (none for a template)")
    ] = None
    template_id: Annotated[
        UUID | None, Field(description="The template it was made from, which may be gone by now")
    ] = None
    template_version: Annotated[
        int | None, Field(description="The protocol_version of that template")
    ] = None
    template_note: Annotated[
        str | None,
        Field(description="In the answer to a copy: why another version may be the better choice"),
    ] = None
    protocol_id: Annotated[
        UUID | None, Field(description="Templates: what the versions of one protocol share")
    ] = None
    protocol_version: Annotated[
        int | None, Field(description="Templates: which version of the protocol, from 1")
    ] = None
    released_at: Annotated[datetime | None, Field(description="Templates: frozen since then")] = (
        None
    )
    released_by: str | None = None
    release_comment: str | None = None
    retired_at: Annotated[
        datetime | None, Field(description="Templates: no new exams are made from it since then")
    ] = None
    workflows: list[WorkflowOut] = []


class ExamSummary(WireModel):
    """An exam without its tree, for lists."""

    id: UUID
    patient_id: UUID | None
    name: str
    description: str
    indication: str | None
    status: ItemStatus
    accession_number: str | None
    study_instance_uid: str | None
    creator: str
    datetime_created: datetime
    datetime_updated: datetime | None
    tasks_total: int
    tasks_finished: int
    scheduled_on: date | None = None
    tasks_failed: Annotated[int, Field(description="How many tasks failed")] = 0
    device_ids: Annotated[
        list[UUID], Field(description="The devices that its acquisitions are planned for")
    ] = []


class WorklistItem(WireModel):
    """One row of the worklist."""

    exam: ExamSummary
    patient: PatientOut
