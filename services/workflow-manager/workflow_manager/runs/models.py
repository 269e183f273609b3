"""A run."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_jobs.parameters import hidden
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from workflow_manager.database import Table
from workflow_manager.dispatch.rules import Priority
from workflow_manager.runs.rules import RunStatus


class Run(Table, table=True):
    """One run of a job. Its id is the claim on the task, so claiming again is harmless."""

    __tablename__ = "run"

    id: UUID = Field(primary_key=True)
    task_id: UUID = Field(index=True)
    exam_id: UUID | None = Field(default=None, index=True)
    workflow_id: UUID | None = Field(default=None)
    job_id: str = Field(max_length=200)
    status: RunStatus = Field(default=RunStatus.QUEUED, sa_type=text_enum(RunStatus), index=True)
    progress: int = Field(default=0)
    error: str | None = Field(default=None, sa_type=sa.Text)
    result_id: UUID | None = Field(default=None)
    attempt: int = Field(default=1, description="Which run of the task this is")
    inputs: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Input task to result"
    )
    job_version: str = Field(default="", max_length=100)
    parameters: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="All of them, defaults too"
    )
    secret_parameters: list[str] = Field(
        default_factory=list, sa_type=JSONDocument, description="Names of those that nobody is told"
    )
    device_id: UUID | None = Field(
        default=None, index=True, description="The scanner whose data they are, if known"
    )
    provenance: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="`inputs` and `machine`"
    )
    report: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Values that the job found"
    )
    warnings: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    exit_code: int | None = Field(default=None)
    input_at_fault: bool = Field(default=False)
    timed_out: bool = Field(default=False)
    log_tail: str = Field(default="", sa_type=sa.Text)
    retry_of: UUID | None = Field(default=None, description="The run that it does over again")
    priority: Priority = Field(default=Priority.NORMAL, sa_type=text_enum(Priority))
    deadline_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    waits_for: str | None = Field(default=None, sa_type=sa.Text)
    waits_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    review: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="By a person, before it begins"
    )
    put_off: int = Field(default=0, description="How often it went back into its queue")
    cancel_requested: bool = Field(default=False)
    requested_by: str = Field(default="", max_length=256)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)

    @property
    def waits_for_review(self) -> bool:
        """A person has to decide whether it begins."""
        return self.status is RunStatus.WAITING and self.review.get("state") == "waiting"

    @property
    def told_parameters(self) -> dict[str, Any]:
        """What it was told, without what is secret."""
        return hidden(self.parameters, self.secret_parameters)

    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
