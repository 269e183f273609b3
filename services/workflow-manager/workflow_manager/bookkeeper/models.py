"""The bookkeeper's tables: mercure's, with the indexes that its questions need."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from workflow_manager.database import Table

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class MercureEvent(Table, table=True):
    """Something that happened to a program of mercure."""

    __tablename__ = "bookkeeper_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    sender: str = Field(max_length=200)
    event: str = Field(max_length=64)
    severity: int | None = Field(default=None, description="Null: an event of mercure's web pages")
    user: str = Field(default="", max_length=200)
    description: str = Field(default="", sa_type=sa.Text)


class MercureFile(Table, table=True):
    """A file that was received."""

    __tablename__ = "bookkeeper_file"
    __table_args__ = (sa.Index("ix_bookkeeper_file_series_uid_id", "series_uid", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    filename: str = Field(max_length=1024)
    file_uid: str = Field(max_length=64, index=True)
    series_uid: str = Field(max_length=64)


class MercureSeries(Table, table=True):
    """A series that was received."""

    __tablename__ = "bookkeeper_series"

    id: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    series_uid: str = Field(max_length=64, unique=True)
    study_uid: str = Field(max_length=64, index=True)
    patient_name: str = Field(default="", max_length=1024)
    patient_id: str = Field(default="", max_length=1024)
    accession_number: str = Field(default="", max_length=1024)
    modality: str = Field(default="", max_length=64)
    series_description: str = Field(default="", max_length=1024)
    tags: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)


class MercureTask(Table, table=True):
    """A task: what is done with a series or a study."""

    __tablename__ = "bookkeeper_task"
    __table_args__ = (sa.Index("ix_bookkeeper_task_time_id", "time", "id"),)

    id: str = Field(primary_key=True, max_length=64)
    parent_id: str | None = Field(default=None, max_length=64, index=True)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    series_uid: str = Field(default="", max_length=64, index=True)
    study_uid: str = Field(default="", max_length=64, index=True)
    uid_type: str = Field(default="", max_length=16)
    patient_name: str = Field(default="", max_length=1024)
    patient_id: str = Field(default="", max_length=1024)
    accession_number: str = Field(default="", max_length=1024)
    rule: str = Field(default="", max_length=1024)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    tags: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Header of one of its images"
    )


class MercureTaskEvent(Table, table=True):
    """Something that happened to a task."""

    __tablename__ = "bookkeeper_task_event"
    __table_args__ = (sa.Index("ix_bookkeeper_task_event_task_id_id", "task_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    task_id: str = Field(max_length=64)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    sender: str = Field(max_length=200)
    event: str = Field(max_length=64)
    file_count: int = Field(default=0, sa_type=sa.BigInteger)
    target: str = Field(default="", max_length=1024)
    info: str = Field(default="", sa_type=sa.Text)
    client_timestamp: float | None = Field(default=None, description="Clock of the sender [s]")


class MercureTest(Table, table=True):
    """A self-test."""

    __tablename__ = "bookkeeper_test"

    id: str = Field(primary_key=True, max_length=64)
    type: str = Field(default="", max_length=64)
    rule_type: str = Field(default="", max_length=64)
    time_begin: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    time_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    status: str = Field(default="begin", max_length=64)
    task_id: str | None = Field(default=None, max_length=64, index=True)


class MercureLog(Table, table=True):
    """What a module wrote."""

    __tablename__ = "bookkeeper_log"
    __table_args__ = (sa.Index("ix_bookkeeper_log_task_id_id", "task_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    task_id: str = Field(max_length=64)
    module_name: str = Field(max_length=200)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    logs: str = Field(default="", sa_type=sa.Text)


class MercureOutput(Table, table=True):
    """What a module answered."""

    __tablename__ = "bookkeeper_output"
    __table_args__ = (sa.Index("ix_bookkeeper_output_task_id_id", "task_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    time: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    task_id: str = Field(max_length=64)
    task_acc: str = Field(default="", max_length=1024)
    task_mrn: str = Field(default="", max_length=1024)
    module: str = Field(default="", max_length=200)
    number: int = Field(default=0, description="Place of the module in its chain, from 0")
    settings: Any = Field(default_factory=dict, sa_type=JSONDocument, nullable=False)
    output: Any = Field(
        default_factory=dict,
        sa_type=JSONDocument,
        nullable=False,
        description="Any JSON: what the module wrote",
    )
