"""Table: tasks of every type in one table."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import DAGType, ItemStatus, TaskType


class Task(Table, table=True):
    """A task; `task_type` says which of the nullable columns it uses."""

    __tablename__ = "task"
    __table_args__ = (sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    workflow_id: UUID | None = Field(
        default=None, foreign_key="workflow.id", ondelete="CASCADE", index=True
    )
    position: int = 0
    name: str = Field(max_length=200)
    description: str = Field(default="", sa_type=sa.Text)
    task_type: TaskType = Field(sa_type=text_enum(TaskType))
    destination: str = Field(default="", max_length=200)
    status: ItemStatus = Field(sa_type=text_enum(ItemStatus))
    status_reason: str | None = Field(default=None, sa_type=sa.Text)
    progress: int = 0
    is_template: bool
    creator: str = Field(max_length=200)
    datetime_created: datetime = Field(sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
    """Counts the edits of people; progress and status do not make an edit stale."""

    device_id: UUID | None = Field(default=None, index=True)
    sequence_id: str | None = Field(
        default=None, foreign_key="sequence.id", index=True, max_length=36
    )
    acquisition_parameter: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    acquisition_limits: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    calibration: list[str] = Field(default_factory=list, sa_type=JSONDocument)

    dag_type: DAGType | None = Field(default=None, sa_type=text_enum(DAGType))
    dag_id: str | None = Field(default=None, max_length=200)
    input_task_ids: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    parameter: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)

    claim_id: UUID | None = None
    """The claim that holds the task, or the last one that did."""
    claim_active: bool = False
    claim_device_id: UUID | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    template_id: UUID | None = None
    """The task of the template it was copied from, which may be gone by now."""
    template_values: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    """What the template says where the task deviates from it; None: not made from a template."""

    repeat_of: UUID | None = None
    """The task that this one does over again, which may be gone by now."""
    repeat_reason: str | None = Field(default=None, max_length=200)
