"""Series on their way to targets."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from workflow_manager.database import Table
from workflow_manager.dispatch.rules import DispatchStatus, Priority


class Dispatch(Table, table=True):
    """A series on its way to a target."""

    __tablename__ = "dispatch"

    id: UUID = Field(primary_key=True)
    target: str = Field(max_length=200, index=True)
    series_id: UUID = Field(foreign_key="dicom_series.id", index=True)
    series_instance_uid: str = Field(max_length=64, index=True)
    study_instance_uid: str = Field(max_length=64)
    task_id: UUID | None = Field(default=None)
    exam_id: UUID | None = Field(default=None, index=True)
    case_id: UUID | None = Field(default=None, index=True)
    priority: Priority = Field(default=Priority.NORMAL, sa_type=text_enum(Priority))
    status: DispatchStatus = Field(
        default=DispatchStatus.QUEUED, sa_type=text_enum(DispatchStatus), index=True
    )
    instances: int = Field(default=0)
    sent: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Instances that are there"
    )
    failures: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Instance and reason, last attempt"
    )
    attempt: int = Field(default=1, description="The attempt that comes next or is under way")
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_type=sa.Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
