"""Runs of modules, and their steps."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table
from workflow_manager.dispatch.rules import Priority
from workflow_manager.processing.rules import ReviewState, RunState, StepState


class ProcessingRun(Table, table=True):
    """A run of the modules of a case; each retry is a run of its own."""

    __tablename__ = "processing_run"
    __table_args__ = (sa.UniqueConstraint("case_id", "number"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    case_id: UUID = Field(foreign_key="image_case.id")
    number: int
    state: RunState = Field(default=RunState.QUEUED, sa_type=text_enum(RunState), index=True)
    reason: str = Field(default="", sa_type=sa.Text)
    priority: Priority = Field(default=Priority.NORMAL, sa_type=text_enum(Priority))
    first_step: int = Field(default=1, description="Steps before it were done by `continues`")
    continues: UUID | None = Field(default=None, description="The run whose outputs are its input")
    session_id: UUID | None = Field(
        default=None,
        description="The run whose jobs' data and files it goes on with; none: its own",
    )
    requested_by: str = Field(default="", max_length=256)
    cancel_requested_by: str | None = Field(default=None, max_length=256)
    gates_passed: int = Field(
        default=0, description="Reviews that let it go on: behind each it is another workflow"
    )
    gpus: int = Field(default=0, description="Most that one of its modules asks for")
    images: int | None = Field(default=None)
    other_files: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    deadline_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="Its files and logs were removed"
    )


class ProcessingStep(Table, table=True):
    """One module of a run."""

    __tablename__ = "processing_step"

    run_id: UUID = Field(foreign_key="processing_run.id", primary_key=True)
    position: int = Field(primary_key=True, description="From 1")
    module: str = Field(max_length=100)
    module_version: int | None = Field(default=None)
    job: str = Field(default="", max_length=100, description="The job of the SDK that it was")
    state: StepState = Field(default=StepState.WAITING, sa_type=text_enum(StepState))
    reason: str = Field(default="", sa_type=sa.Text)
    exit_code: int | None = Field(default=None)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    output: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="result.json under `value`, or none"
    )
    log_tail: str = Field(default="", sa_type=sa.Text)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ProcessingReview(Table, table=True):
    """A review of a run. It waits as a row: no slot, no thread, no workflow."""

    __tablename__ = "processing_review"

    run_id: UUID = Field(foreign_key="processing_run.id", primary_key=True)
    after_step: int = Field(
        default=0, primary_key=True, description="Behind which step it stands; 0: behind the last"
    )
    state: ReviewState = Field(
        default=ReviewState.WAITING, sa_type=text_enum(ReviewState), index=True
    )
    role: str = Field(max_length=32)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    at_deadline: str = Field(max_length=16)
    overdue: bool = Field(default=False, description="The deadline is over, and that was told")
    asked_at: datetime | None = Field(default_factory=utc_now, sa_type=UtcDateTime)
    indexed: dict[str, Any] = Field(sa_type=JSONDocument, description="What came out")
    decided_by: str | None = Field(default=None, max_length=256)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    comment: str = Field(default="", sa_type=sa.Text)
