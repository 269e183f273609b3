"""One short durable workflow per attempt; a failed one starts its successor, later.

A message that was answered is not sent again after a crash, except where the process died between
the answer and its record: nobody can know that. The id of the delivery is the same, so that a
receiver can tell.
"""

from datetime import timedelta
from functools import partial
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.routing_rule import RuleOptions
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseKind
from workflow_manager.dispatch.rules import backoff_s, longest_wait_s
from workflow_manager.engine import Answer, Attempt, WorkflowBody
from workflow_manager.engine.attempts import parse_key
from workflow_manager.journal.service import append
from workflow_manager.notifications import repository
from workflow_manager.notifications.composing import Subject, compose_and_send
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.rules import ENDED, NotificationEvent, NotificationStatus
from workflow_manager.notifications.sending import DeliveryError, reason_of
from workflow_manager.notifications.service import (
    ATTEMPTS,
    attempt_of,
    end,
    event_of,
    get_notification,
)
from workflow_manager.routing_rules.models import StoredRule
from workflow_manager.routing_rules.series_tags import tags_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)


class NotificationSteps:
    """The one step of an attempt, with what it works on."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def deliver(self, key: str) -> Answer:
        """Make the message and hand it over; say what comes next."""
        notification_id, attempt = parse_key(key)
        row = await self._begin(notification_id, attempt)
        if row is None:
            return {}
        try:
            options, subject = await self._subject(row)
            goal = (row.channel, row.recipient)
            await compose_and_send(self._wiring.settings, options, subject, goal, row.id)
        except ScanHubError as error:  # the rule must be changed: trying again changes nothing
            return await self._conclude(row.id, attempt, reason_of(error), final=True)
        except DeliveryError as error:
            return await self._conclude(row.id, attempt, reason_of(error), final=False)
        return await self._conclude(row.id, attempt, None, final=True)

    async def _begin(self, notification_id: UUID, attempt: int) -> Notification | None:
        async with transaction(self._wiring.sessions) as session:
            row = await get_notification(session, notification_id, lock=True)
            if row.status in ENDED or row.attempt != attempt:
                return None  # somebody asked for the next attempt at once
            row.status, row.next_attempt_at = NotificationStatus.SENDING, None
            return row

    async def _subject(self, row: Notification) -> tuple[RuleOptions, Subject]:
        """Return the rule, as it is now or as it was, and what the message is about."""
        async with reading(self._wiring.sessions) as session:
            case = await session.get_one(Case, row.case_id)
            stored = await session.get(StoredRule, row.rule)
            found = await repository.an_image_of(session, case)
        options = RuleOptions.model_validate(case.options if stored is None else stored.document)
        tags = None if found is None else tags_of(*found)
        # mercure tells nothing of the patient before the task exists that the series is given to.
        early = row.event is NotificationEvent.RECEIVED and case.kind is CaseKind.SERIES
        return options, Subject(
            rule=row.rule,
            event=row.event,
            task_id=str(case.id),
            details=row.details,
            reason=row.reason,
            tags=None if early else tags,
            device_serial_number=(tags or {}).get("DeviceSerialNumber", ""),
        )

    async def _conclude(
        self, notification_id: UUID, attempt: int, error: str | None, *, final: bool
    ) -> Answer:
        delays = self._wiring.settings.notification_backoff_s
        async with transaction(self._wiring.sessions) as session:
            row = await get_notification(session, notification_id, lock=True)
            if row.status in ENDED or row.attempt != attempt:
                return {}
            wait_s = None if final else backoff_s(row.attempt, delays, str(row.id))
            answer: Answer = {}
            if error is None:
                event = end(row, NotificationStatus.SENT)
            elif wait_s is None:
                event = end(row, NotificationStatus.FAILED, error=error)
            else:
                row.status, row.error = NotificationStatus.WAITING, error
                row.attempt += 1
                row.next_attempt_at = utc_now() + timedelta(seconds=wait_s)
                event = event_of(row, EventType.NOTIFICATION_RETRY)
                answer = attempt_of(row).as_next(wait_s)
            await session.flush()
            await append(session, [event])
        return answer


def notification_workflow(do: NotificationSteps) -> WorkflowBody:
    """Return the workflow function of an attempt."""
    return ATTEMPTS.workflow("deliver", do.deliver)


async def start_missing_notifications(wiring: Wiring) -> int:
    """Start the attempts that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        open_ = [attempt_of(row) for row in await repository.list_open(session)]
    longest_s = longest_wait_s(wiring.settings.notification_backoff_s)
    next_attempt = partial(_next_attempt, wiring)
    return await ATTEMPTS.start_missing(wiring.engine, open_, next_attempt, longest_s=longest_s)


async def _next_attempt(wiring: Wiring, given_up: Attempt) -> Attempt | None:
    """The engine gave an attempt up: make the next one; None: it went on while we looked."""
    notification_id, attempt = parse_key(given_up.key)
    async with transaction(wiring.sessions) as session:
        row = await get_notification(session, notification_id, lock=True)
        if row.status in ENDED or row.attempt != attempt:
            return None
        row.attempt += 1
        row.status, row.next_attempt_at = NotificationStatus.QUEUED, None
    logger.warning("an attempt to notify was given up", notification_id=str(notification_id))
    return attempt_of(row)
