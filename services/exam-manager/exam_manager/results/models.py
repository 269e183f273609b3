"""Table: results."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ResultType


class Result(Table, table=True):
    """What a task left in the lake."""

    __tablename__ = "result"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    task_id: UUID = Field(foreign_key="task.id", ondelete="CASCADE", index=True)
    claim_id: UUID | None = None
    """The claim under which it was made."""
    type: ResultType = Field(default=ResultType.NOT_SET, sa_type=text_enum(ResultType))
    directory: str = Field(default="", max_length=200)
    files: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    meta: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    datetime_created: datetime = Field(sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
