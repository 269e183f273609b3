"""The table of annotations."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table


class Kind(StrEnum):
    """What is drawn."""

    LENGTH = "length"
    ANGLE = "angle"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    ARROW = "arrow"


class Annotation(Table, table=True):
    """Something that a person drew on one frame of an image; deleted ones stay as a record."""

    __tablename__ = "annotation"
    __table_args__ = (sa.Index(None, "series_instance_uid", "id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    study_instance_uid: str = Field(max_length=64)
    series_instance_uid: str = Field(max_length=64)
    sop_instance_uid: str = Field(max_length=64)
    sha256: str = Field(max_length=64, description="Of the file that it was drawn on")
    frame: int = Field(description="From 1")
    kind: Kind = Field(sa_type=text_enum(Kind))
    points: list[Any] = Field(
        sa_type=JSONDocument, description="Column and row of each [pixel of the stored image]"
    )
    text: str = Field(default="", sa_type=sa.Text)
    version: int = 1
    created_by: str = Field(max_length=256)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_by: str | None = Field(default=None, max_length=256)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_by: str | None = Field(default=None, max_length=256)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
