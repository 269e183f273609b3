"""The tables of the cleaner: studies that must stay, and files that are on their way out."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime
from workflow_manager.database import Table


class StudyHold(Table, table=True):
    """A study of which nothing is removed, whatever the settings say."""

    __tablename__ = "study_hold"

    study_instance_uid: str = Field(
        primary_key=True, max_length=64, foreign_key="dicom_study.study_instance_uid"
    )
    reason: str = Field(sa_type=sa.Text)
    held_by: str = Field(max_length=256)
    held_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class RemovedFile(Table, table=True):
    """A file whose image has left the index; the row goes once the file is gone."""

    __tablename__ = "removed_file"

    key: str = Field(primary_key=True, max_length=255, description="Below the root of the lake")
    series_id: UUID = Field(foreign_key="dicom_series.id", index=True)
    size: int = Field(sa_type=sa.BigInteger, description="[byte]")
