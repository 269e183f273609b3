"""The tables of jobs of the SDK: each run of one for a subject, and what it left."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table
from workflow_manager.job_sessions.rules import JobState


class JobExecution(Table, table=True):
    """A job that runs for one subject: a series, a study or a patient; with all its attempts."""

    __tablename__ = "job_execution"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "position", "event", "subject"),
        sa.Index(None, "session_id", "job"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    session_id: UUID = Field(description="Id of the run that began the session")
    run_id: UUID = Field(foreign_key="processing_run.id")
    position: int = Field(description="Step of the run, from 1")
    job: str = Field(max_length=100)
    event: str = Field(max_length=32)
    subject: str = Field(max_length=64, description="UID of series or study, or key of the patient")
    state: JobState = Field(default=JobState.WAITING, sa_type=text_enum(JobState))
    attempt: int = Field(default=0, description="From 1 once it runs")
    document: dict[str, Any] = Field(
        sa_type=JSONDocument, description="What the job is told: RunInfo, entry, parameters"
    )
    peers: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    progress: float = Field(default=0.0, description="From 0 to 1")
    message: str = Field(default="", sa_type=sa.Text)
    stop: bool = Field(default=False, description="It was told to stop")
    token_sha256: str | None = Field(
        default=None, max_length=64, unique=True, description="Of the token of the attempt"
    )
    report: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="How it says that it ended"
    )
    reason: str = Field(default="", sa_type=sa.Text)
    failure: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    returned: str = Field(default="", sa_type=sa.Text, description="JSON text; empty: nothing")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SessionValue(Table, table=True):
    """A JSON value that a job left, for what it worked on."""

    __tablename__ = "session_value"

    session_id: UUID = Field(primary_key=True)
    job: str = Field(primary_key=True, max_length=100)
    event: str = Field(primary_key=True, max_length=32)
    subject: str = Field(primary_key=True, max_length=64)
    name: str = Field(primary_key=True, max_length=200)
    text: str = Field(sa_type=sa.Text, description="JSON text, ASCII")
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class SessionFile(Table, table=True):
    """A file that a job left, for what it worked on; its bytes are in the lake."""

    __tablename__ = "session_file"

    session_id: UUID = Field(primary_key=True)
    job: str = Field(primary_key=True, max_length=100)
    event: str = Field(primary_key=True, max_length=32)
    subject: str = Field(primary_key=True, max_length=64)
    name: str = Field(primary_key=True, max_length=150)
    key: str = Field(max_length=32, description="Name of the file in the folder of the session")
    size: int = Field(sa_type=sa.BigInteger, description="[byte]")
    sha256: str = Field(max_length=64)
    content_type: str = Field(max_length=200)
    meta: str = Field(default="{}", sa_type=sa.Text, description="JSON text, ASCII")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class SessionHookRow(Table, table=True):
    """What became of a hook of a session; one that was done is not run again."""

    __tablename__ = "session_hook"

    session_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=200, description="Moment, name and status")
    name: str = Field(max_length=150)
    moment: str = Field(max_length=16)
    done: bool = Field(default=False)
    failure: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    ran_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class SessionEnd(Table, table=True):
    """How a session ended, and how long is kept what its jobs left."""

    __tablename__ = "session_end"

    session_id: UUID = Field(primary_key=True)
    status: str = Field(max_length=16, description="The worst of the ends of its jobs")
    ended_at: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(
        default=None,
        sa_type=UtcDateTime,
        index=True,
        description="Its jobs say so; none: as the platform does",
    )
    hold: bool = Field(default=False, description="Nothing is removed until somebody says so")
    hold_reason: str = Field(default="", sa_type=sa.Text)
