"""Notifications of rules: who was told of what, and whether it arrived."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel
from scanhub_libraries.models.routing_rule import RuleName

_Channel = Literal["webhook", "email"]
_Event = Annotated[Literal["RECEIVED", "COMPLETED", "ERROR"], Field(description="What it tells of")]


class NotificationOut(WireModel):
    """One message about one case to one recipient."""

    id: UUID
    case_id: UUID
    rule: str
    event: _Event
    channel: _Channel
    recipient: Annotated[
        str, Field(description="The address, or the server of the webhook: its path may be secret")
    ]
    status: Literal["queued", "sending", "waiting", "sent", "failed"]
    attempt: int
    next_attempt_at: datetime | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None


class NotificationTestIn(WireModel):
    """Which rule's notifications are tried out."""

    rule: RuleName
    event: _Event = "COMPLETED"


class NotificationTest(WireModel):
    """What came of a sample to one recipient."""

    channel: _Channel
    recipient: str
    ok: bool
    detail: str
