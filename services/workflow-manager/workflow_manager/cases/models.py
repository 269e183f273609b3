"""The tables of cases."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from workflow_manager.cases.rules import CaseKind, CaseState, CaseWish
from workflow_manager.database import Table


class Case(Table, table=True):
    """What follows for a series or a study by one rule, or by none."""

    __tablename__ = "image_case"
    __table_args__ = (
        # Two services that decide at once make one case.
        sa.UniqueConstraint("kind", "subject", "rule", "number"),
        # When each rule last fired.
        sa.Index("ix_image_case_rule_opened_at", "rule", "opened_at"),
        # Pages of lists, newest first: of a state, of a rule.
        sa.Index("ix_image_case_state_id", "state", "id"),
        sa.Index("ix_image_case_rule_id", "rule", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: CaseKind = Field(sa_type=text_enum(CaseKind))
    subject: str = Field(max_length=64, description="Id of the series, or Study Instance UID")
    rule: str = Field(default="", max_length=200, description="Name of the rule; empty: by none")
    number: int = Field(
        default=1, description="More than 1: a follow-up, for images that came late"
    )
    action: str = Field(max_length=32, description="Action of the rule; none: there is no rule")
    rule_version: int | None = Field(default=None)
    options: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONDocument, description="The rule as it was in force"
    )
    targets: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    priority: str = Field(default="normal", max_length=32)
    study_instance_uid: str = Field(max_length=64, index=True)
    task_id: UUID | None = Field(default=None, description="Of our own scan")
    exam_id: UUID | None = Field(default=None, index=True)
    state: CaseState = Field(sa_type=text_enum(CaseState))
    reason: str = Field(default="", sa_type=sa.Text, description="Why it is in this state")
    waits_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    wish: CaseWish | None = Field(default=None, sa_type=text_enum(CaseWish))
    wished_by: str | None = Field(default=None, max_length=256)
    opened_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_received_at: datetime = Field(sa_type=UtcDateTime, description="Of its newest image")
    complete_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    complete_reason: str | None = Field(default=None, sa_type=sa.Text)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    files_kept_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    notification_details: str = Field(
        default="", sa_type=sa.Text, description="What its modules have to say, a line each"
    )
    notification_requested: bool = Field(
        default=False, description="A module asks that somebody be told"
    )


class HastySender(Table, table=True):
    """A sender whose series went on after their association had ended."""

    __tablename__ = "hasty_sender"

    sender: str = Field(primary_key=True, max_length=330, description="AE title @ address")
    seen_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CaseSeries(Table, table=True):
    """A series of a case, as it was when it joined."""

    __tablename__ = "image_case_series"

    case_id: UUID = Field(foreign_key="image_case.id", primary_key=True)
    series_id: UUID = Field(foreign_key="dicom_series.id", primary_key=True, index=True)
    series_instance_uid: str = Field(max_length=64, index=True)
    instances: int
    decision_id: UUID | None = Field(default=None, description="The decision that it joined by")
    derived_by: UUID | None = Field(
        default=None, description="The run of modules that made it; none: it was received"
    )


class CaseDispatch(Table, table=True):
    """What is sent for a case; cases that ask for the same target share it."""

    __tablename__ = "image_case_dispatch"

    case_id: UUID = Field(foreign_key="image_case.id", primary_key=True)
    dispatch_id: UUID = Field(primary_key=True, index=True)
