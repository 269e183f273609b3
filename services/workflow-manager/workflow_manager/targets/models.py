"""The table of targets."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from workflow_manager.database import Table


class Target(Table, table=True):
    """A place that images are sent to, or fetched from."""

    __tablename__ = "target"

    name: str = Field(primary_key=True, max_length=200)
    target_type: str = Field(default="dicom", max_length=32)
    enabled: bool = Field(default=True)
    document: dict[str, Any] = Field(
        sa_type=JSONDocument, description="Settings of its type, without the secrets"
    )
    sealed: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="Secrets by name, each encrypted"
    )
    version: int = 1
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DispatchPause(Table, table=True):
    """Sending that somebody paused; survives restarts."""

    __tablename__ = "dispatch_pause"

    target: str = Field(primary_key=True, max_length=200, description="Empty: every target")
    reason: str = Field(default="", sa_type=sa.Text)
    paused_by: str = Field(max_length=256)
    paused_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
