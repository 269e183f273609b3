"""How a device or a job takes a task, reports on it and ends it (additive to ScanHub's wire)."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from scanhub_libraries.models.enums import ItemStatus
from scanhub_libraries.models.fields import Percent, WireModel
from scanhub_libraries.models.patient import PatientOut
from scanhub_libraries.models.result import SetResult
from scanhub_libraries.models.task import TaskOut

_LONGEST_REASON = 4000


def _storable(value: Any) -> Any:
    """Return a text as a database can hold it, cut where it is too long.

    What a device says of its failure may be anything. Refused for a character, the failure itself
    would get lost, and the task would be at work for ever.
    """
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


Reason = Annotated[str, BeforeValidator(_storable), Field(max_length=_LONGEST_REASON)]


class ClaimTask(WireModel):
    """Who takes the task: a device or a run. Repeating with the same `claim_id` is harmless."""

    claim_id: UUID
    device_id: UUID | None = None
    run_id: UUID | None = None
    workflow_id: Annotated[
        UUID | None,
        Field(
            description="Where the claimant takes the task to be. Given, the claim is refused "
            "unless the plan says so, and names the device."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_claimant(self) -> "ClaimTask":
        if (self.device_id is None) == (self.run_id is None):
            raise ValueError("give exactly one of device_id and run_id")
        return self


class TaskClaim(WireModel):
    """What the claimant needs: the task, the patient, a token for this task alone."""

    claim_id: UUID
    task: TaskOut
    task_token: str
    exam_id: UUID
    exam_name: str
    study_instance_uid: str
    accession_number: str | None
    patient: PatientOut
    sequence_updated_at: Annotated[
        datetime | None, Field(description="When what is said of the task's sequence last changed")
    ] = None


class TaskReport(WireModel):
    """What the claimant says on its way."""

    claim_id: UUID
    status: (
        Literal[ItemStatus.INPROGRESS, ItemStatus.PAUSED, ItemStatus.ERROR, ItemStatus.CANCELED]
        | None
    ) = None
    progress: Percent | None = None
    message: Reason | None = None


class ReportOfTask(TaskReport):
    """One of many reports."""

    task_id: UUID


class TaskReports(WireModel):
    """What many claimants say on their way: of a fleet of devices, in one request."""

    reports: Annotated[list[ReportOfTask], Field(max_length=500)]


class RefusedReport(WireModel):
    """A report that was not taken; the others were."""

    task_id: UUID
    claim_id: UUID
    detail: Annotated[str, Field(description="Why, for a person to read")]


class ReleaseTask(WireModel):
    """The claimant gives the task back, with a reason a person can read."""

    claim_id: UUID
    status: Literal[ItemStatus.UPDATED, ItemStatus.ERROR, ItemStatus.CANCELED]
    reason: Reason


class FinishTask(WireModel):
    """The data is stored: result and task end together."""

    claim_id: UUID
    result_id: UUID
    result: SetResult
