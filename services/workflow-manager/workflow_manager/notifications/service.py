"""Notifications: queued, ended, asked for again. Sending is in workflow.py."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, ScanHubError, UnprocessableError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import JournalEntry, NotificationOut, NotificationTest
from scanhub_libraries.models.routing_rule import RuleOptions
from workflow_manager.cases.models import Case
from workflow_manager.engine.attempts import Attempt, Attempts, key_of
from workflow_manager.inserting import insert_new
from workflow_manager.journal.service import append, own_event
from workflow_manager.notifications.composing import Subject, compose_and_send
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.preview import sample
from workflow_manager.notifications.rules import (
    EVENT_OF,
    Channel,
    NotificationEvent,
    NotificationStatus,
    is_wanted,
    recipients,
)
from workflow_manager.notifications.sending import DeliveryError, reason_of
from workflow_manager.routing_rules.models import StoredRule
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
ATTEMPTS = Attempts(kind="notification", queue="notifications")


def _as_uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def shown_recipient(channel: Channel, recipient: str) -> str:
    """Return a recipient without what is secret: the path of a webhook often is."""
    if channel is Channel.EMAIL:
        return recipient
    try:
        parts = urlsplit(recipient)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname or ''}"


def attempt_of(notification: Notification) -> Attempt:
    """Return the attempt that comes next; messages to one server take turns."""
    shown = shown_recipient(notification.channel, notification.recipient)
    server = shown[:200] if notification.channel is Channel.WEBHOOK else "email"
    key = key_of(notification.id, notification.attempt)
    return Attempt(key, server, notification.next_attempt_at)


def describe(notification: Notification) -> NotificationOut:
    """Return a notification as it is shown."""
    shown = shown_recipient(notification.channel, notification.recipient)
    return NotificationOut.model_validate({**notification.model_dump(), "recipient": shown})


def event_of(notification: Notification, event_type: EventType) -> Event:
    """Return the event that tells of a notification; not its text, and not to whom."""
    data: dict[str, Any] = {
        "notification_id": str(notification.id),
        "case_id": str(notification.case_id),
        "rule": notification.rule,
        "event": notification.event.value,
        "channel": notification.channel.value,
        "attempt": notification.attempt,
        "error": notification.error,
    }
    return own_event(event_type, notification.id, data)


def end(
    notification: Notification, status: NotificationStatus, *, error: str | None = None
) -> Event:
    """End a notification and return the event that tells so."""
    notification.status, notification.error = status, error
    notification.ended_at, notification.next_attempt_at = utc_now(), None
    sent = status is NotificationStatus.SENT
    told = EventType.NOTIFICATION_SENT if sent else EventType.NOTIFICATION_FAILED
    return event_of(notification, told)


async def queue_for(session: AsyncSession, entry: JournalEntry) -> Sequence[Notification]:
    """Queue what the rule of a case tells of its event; doing it again changes nothing."""
    case_id = _as_uuid(entry.data.get("case_id"))
    case = None if case_id is None else await session.get(Case, case_id)
    if case is None or not case.rule:
        return []
    try:
        options = RuleOptions.model_validate(case.options)
    except ValidationError:  # of another version: what is told of other cases must not wait for it
        logger.exception("the rule of a case cannot be read", case_id=str(case.id), rule=case.rule)
        return []
    event = EVENT_OF[entry.type]
    requested = bool(entry.data.get("notification_requested", False))
    if not is_wanted(options, event, requested=requested):
        return []
    rows = [
        Notification(
            id=uuid5(entry.id, f"{channel.value}:{recipient}"),
            case_id=case.id,
            rule=case.rule,
            event=event,
            details=str(entry.data.get("notification_details") or "")[:10_000],
            reason=str(entry.data.get("reason") or "")[:10_000],
            channel=channel,
            recipient=recipient,
        )
        for channel, recipient in recipients(options)
    ]
    new = [row for row in rows if await insert_new(session, row, "id")]
    await append(session, [event_of(row, EventType.NOTIFICATION_QUEUED) for row in new])
    return rows


async def get_notification(
    session: AsyncSession, notification_id: UUID, *, lock: bool = False
) -> Notification:
    """Return a notification; `lock` to change it."""
    row = await session.get(
        Notification, notification_id, with_for_update=lock, populate_existing=lock
    )
    if row is None:
        raise NotFoundError(f"There is no notification {notification_id}.")
    return row


async def retry_now(wiring: Wiring, session: AsyncSession, notification_id: UUID) -> Notification:
    """Make the next attempt now, also after the last one, with the rule as it is by now."""
    row = await get_notification(session, notification_id, lock=True)
    if row.status in {NotificationStatus.SENT, NotificationStatus.SENDING}:
        raise ConflictError(f"The notification is {row.status.value} already.")
    row.attempt += 1
    row.status, row.ended_at, row.next_attempt_at = NotificationStatus.QUEUED, None, None
    await session.flush()
    await append(session, [event_of(row, EventType.NOTIFICATION_QUEUED)])
    await session.commit()
    await ATTEMPTS.start(wiring.engine, attempt_of(row))
    return row


async def options_of(session: AsyncSession, rule: str) -> RuleOptions:
    """Return a rule as it is now."""
    row = await session.get(StoredRule, rule)
    if row is None:
        raise NotFoundError(f"There is no rule {rule!r}.")
    return RuleOptions.model_validate(row.document)


async def try_out(
    settings: WorkflowManagerSettings, rule: str, options: RuleOptions, event: NotificationEvent
) -> list[NotificationTest]:
    """Send a sample to everybody whom a rule tells, now and once; say what failed.

    Raises:
        UnprocessableError: The rule tells nobody.
    """
    goals = recipients(options)
    if not goals:
        raise UnprocessableError(
            f"Rule {rule!r} tells nobody: it has neither webhook nor e-mail.", field="rule"
        )
    delivery = new_id()
    subject = sample(rule, event, str(delivery))
    return [await _try_one(settings, options, subject, goal, delivery) for goal in goals]


async def _try_one(
    settings: WorkflowManagerSettings,
    options: RuleOptions,
    subject: Subject,
    goal: tuple[Channel, str],
    delivery: UUID,
) -> NotificationTest:
    detail = "It was taken."
    try:
        await compose_and_send(settings, options, subject, goal, delivery)
    except (DeliveryError, ScanHubError) as error:
        return NotificationTest(
            channel=goal[0].value,
            recipient=shown_recipient(*goal),
            ok=False,
            detail=reason_of(error),
        )
    return NotificationTest(
        channel=goal[0].value, recipient=shown_recipient(*goal), ok=True, detail=detail
    )
