"""Processes that share the work, and queues that somebody paused."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from workflow_manager.database import Table


class Worker(Table, table=True):
    """A process of this service: a server, a worker that serves queues, or a receiver."""

    __tablename__ = "worker"

    name: str = Field(primary_key=True, max_length=200, description="Its name in the run engine")
    kind: str = Field(max_length=16)
    host: str = Field(max_length=256)
    pid: int
    version: str = Field(max_length=64)
    queues: list[str] = Field(sa_type=JSONDocument, description="Of which it does the work")
    paused: list[str] = Field(sa_type=JSONDocument, description="Of which it begins nothing now")
    drains: bool = Field(default=False)
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class WorkerDrain(Table, table=True):
    """A process that is to begin nothing more; one of the same name that starts later does."""

    __tablename__ = "worker_drain"

    name: str = Field(primary_key=True, max_length=200)
    started_at: datetime = Field(sa_type=UtcDateTime, description="When the process was started")
    reason: str = Field(default="", sa_type=sa.Text)
    drained_by: str = Field(max_length=256)
    drained_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class QueuePause(Table, table=True):
    """A queue that is paused in every process; survives restarts."""

    __tablename__ = "queue_pause"

    queue: str = Field(primary_key=True, max_length=32)
    reason: str = Field(default="", sa_type=sa.Text)
    paused_by: str = Field(max_length=256)
    paused_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
