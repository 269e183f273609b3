"""Table: workflows."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.database import UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ItemStatus


class Workflow(Table, table=True):
    """A workflow of an exam, or a template of one."""

    __tablename__ = "workflow"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    exam_id: UUID | None = Field(
        default=None, foreign_key="exam.id", ondelete="CASCADE", index=True
    )
    position: int = 0
    """Order within the exam; not on the wire."""
    name: str = Field(max_length=200)
    description: str = Field(default="", sa_type=sa.Text)
    comment: str | None = Field(default=None, sa_type=sa.Text)
    status: ItemStatus = Field(sa_type=text_enum(ItemStatus))
    is_template: bool
    creator: str = Field(max_length=200)
    datetime_created: datetime = Field(sa_type=UtcDateTime)
    datetime_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
