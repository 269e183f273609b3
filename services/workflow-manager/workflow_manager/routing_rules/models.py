"""The tables of routing rules, and of what they decided."""

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


class RuleChange(StrEnum):
    """How a version of a rule came about."""

    CREATED = "created"
    UPDATED = "updated"
    REVERTED = "reverted"
    DELETED = "deleted"


class StoredRule(Table, table=True):
    """A rule in force."""

    __tablename__ = "routing_rule"

    name: str = Field(primary_key=True, max_length=200)
    position: int = Field(description="Rules are looked at in this order; names settle ties")
    document: dict[str, Any] = Field(sa_type=JSONDocument)
    version: int = 1
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RuleVersion(Table, table=True):
    """One version of a rule; never changed, and kept when the rule is deleted."""

    __tablename__ = "routing_rule_version"
    __table_args__ = (sa.UniqueConstraint("name", "version"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(max_length=200)
    version: int
    change: RuleChange = Field(sa_type=text_enum(RuleChange))
    document: dict[str, Any] = Field(sa_type=JSONDocument)
    author: str = Field(max_length=256)
    comment: str = Field(default="", sa_type=sa.Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class TemporaryRule(Table, table=True):
    """A rule for the series that name it as their forced rule, and for no other."""

    __tablename__ = "temporary_rule"

    name: str = Field(primary_key=True, max_length=200)
    document: dict[str, Any] = Field(sa_type=JSONDocument)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class AwaitedSeries(Table, table=True):
    """A series that somebody else was asked to send, and the rule that is to decide of it alone."""

    __tablename__ = "awaited_series"

    study_instance_uid: str = Field(primary_key=True, max_length=64)
    series_instance_uid: str = Field(primary_key=True, max_length=64)
    rule: str = Field(max_length=200)
    until: datetime = Field(
        sa_type=UtcDateTime, description="What comes later was not asked for any more"
    )


class SeriesDecision(Table, table=True):
    """What was decided for a series when it was complete; once each time it was."""

    __tablename__ = "series_decision"
    __table_args__ = (sa.UniqueConstraint("series_id", "number"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    series_id: UUID = Field(foreign_key="dicom_series.id")
    number: int
    discarded: bool
    reason: str = Field(sa_type=sa.Text)
    selection: dict[str, Any] | None = Field(default=None, sa_type=JSONDocument)
    rule_versions: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    targets: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    decided_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
