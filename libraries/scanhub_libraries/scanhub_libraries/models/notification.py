"""Notifications of rules: who was told of what, and whether it arrived."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import WireModel
from scanhub_libraries.models.routing_rule import RoutingRule, RuleName

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


class NotificationPreviewIn(WireModel):
    """A rule as it is being written, and which of its messages is wanted."""

    rule: RoutingRule
    event: _Event = "COMPLETED"


class NotificationPreview(WireModel):
    """A message as it would be sent, about a sample; no patient is named."""

    channel: _Channel
    subject: Annotated[str, Field(description="Of an e-mail; empty for a webhook")]
    text: Annotated[str, Field(description="What is sent; empty: it cannot be made")]
    content_type: str
    error: Annotated[str | None, Field(description="Why it cannot be made")] = None


class NotificationSettings(WireModel):
    """How this server tells people and programs; set where it is started, never secrets."""

    mail_server: Annotated[str | None, Field(description="Host and port; none: no e-mails")]
    mail_security: Literal["none", "starttls", "tls"]
    mail_login: bool
    email_from: str
    phi: Annotated[bool, Field(description="Messages may name patients")]
    webhook_http: Annotated[bool, Field(description="Webhooks may go without TLS")]
    webhook_local: Annotated[bool, Field(description="Webhooks may go to this machine")]
    webhook_signed: bool
    retry_after_s: Annotated[list[float], Field(description="Pauses between attempts [s]")]
