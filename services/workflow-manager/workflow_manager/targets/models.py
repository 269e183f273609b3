"""The table of targets."""

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
    tested_at: datetime | None = Field(
        default=None,
        sa_type=UtcDateTime,
        description="When somebody tested the connection with these settings last",
    )
    test_problem: str = Field(
        default="", sa_type=sa.Text, description="What was wrong then; empty: nothing"
    )


class TargetChange(StrEnum):
    """How a version of a target came about."""

    CREATED = "created"
    UPDATED = "updated"
    REVERTED = "reverted"
    DELETED = "deleted"


class TargetVersion(Table, table=True):
    """One version of a target; never changed, and kept when the target is deleted."""

    __tablename__ = "target_version"
    __table_args__ = (sa.UniqueConstraint("name", "version"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(max_length=200)
    version: int
    change: TargetChange = Field(sa_type=text_enum(TargetChange))
    document: dict[str, Any] = Field(
        sa_type=JSONDocument, description="Settings, and the names of the secrets; never a secret"
    )
    author: str = Field(max_length=256)
    comment: str = Field(default="", sa_type=sa.Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DispatchPause(Table, table=True):
    """Sending that somebody paused; survives restarts."""

    __tablename__ = "dispatch_pause"

    target: str = Field(primary_key=True, max_length=200, description="Empty: every target")
    reason: str = Field(default="", sa_type=sa.Text)
    paused_by: str = Field(max_length=256)
    paused_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
