"""The table of notifications."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime, text_enum
from workflow_manager.database import Table
from workflow_manager.notifications.rules import Channel, NotificationEvent, NotificationStatus


class Notification(Table, table=True):
    """One message about one case to one recipient; its text is made when it is sent."""

    __tablename__ = "notification"
    __table_args__ = (
        sa.Index("ix_notification_status_id", "status", "id"),
        sa.Index("ix_notification_case_id_id", "case_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID
    rule: str = Field(max_length=200)
    event: NotificationEvent = Field(sa_type=text_enum(NotificationEvent))
    details: str = Field(default="", sa_type=sa.Text, description="What modules had to say")
    reason: str = Field(default="", sa_type=sa.Text, description="Why the case is in this state")
    channel: Channel = Field(sa_type=text_enum(Channel))
    recipient: str = Field(sa_type=sa.Text, description="URL of the webhook, or the address")
    status: NotificationStatus = Field(
        default=NotificationStatus.QUEUED, sa_type=text_enum(NotificationStatus)
    )
    attempt: int = Field(default=1, description="The attempt that comes next or is under way")
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_type=sa.Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
