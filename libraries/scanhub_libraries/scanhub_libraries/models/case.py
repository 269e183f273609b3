"""Cases: what follows for a series or a study by one rule."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel
from scanhub_libraries.models.routing_rule import RuleDecisionOut
from scanhub_libraries.models.workflow_manager import DispatchOut, JournalEntry, StudyNames

CaseKindName = Literal["series", "study"]
CaseStateName = Literal[
    "receiving", "waiting", "complete", "dispatching", "done", "failed", "discarded"
]


class CaseOut(StudyNames):
    """What follows for a series or a study by one rule, and where it stands."""

    id: UUID
    number: Annotated[int, Field(description="From 1; more: a follow-up for images that came late")]
    kind: CaseKindName
    rule: Annotated[str | None, Field(description="Null: there was no rule, or none fired")]
    rule_version: int | None
    action: Annotated[str, Field(description="Action of the rule; none: there was no rule")]
    study_instance_uid: str
    series_instance_uids: list[str]
    series_descriptions: Annotated[
        list[str], Field(description="SeriesDescription (0008,103E) of each, in the same order")
    ]
    task_id: UUID | None
    exam_id: UUID | None
    state: CaseStateName
    reason: Annotated[str, Field(description="Why it is in this state")]
    waits_until: Annotated[
        datetime | None, Field(description="Null: it does not wait, or not for a time")
    ]
    wish: Annotated[
        Literal["complete", "discard"] | None,
        Field(description="Asked for by a person; done when nothing arrives any more"),
    ]
    wished_by: str | None
    targets: list[str]
    priority: Literal["normal", "urgent", "offpeak"]
    opened_at: datetime
    last_received_at: datetime
    complete_at: datetime | None
    complete_reason: Annotated[str | None, Field(description="Why nothing more is waited for")]
    ended_at: datetime | None
    files_kept_until: Annotated[
        datetime | None, Field(description="Of a case that was discarded: not before")
    ]


class CaseSeriesOut(WireModel):
    """A series of a case, as it was when it joined."""

    series_instance_uid: str
    series_description: str
    instances: int
    decision: Annotated[
        RuleDecisionOut | None, Field(description="By which it joined: each rule, and why")
    ]


class CaseDetail(CaseOut):
    """A case with all that is known of it."""

    series: list[CaseSeriesOut]
    dispatches: list[DispatchOut]
    timeline: Annotated[
        list[JournalEntry],
        Field(description="Of the case, its series and its dispatches, oldest first"),
    ]
