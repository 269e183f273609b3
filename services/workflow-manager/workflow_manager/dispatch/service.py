"""Dispatches: queued, retried, redirected, ended. Sending is in desk.py and workflow.py."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import Event, EventType
from workflow_manager.cases.links import redirect_cases
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.delivered import forget_all
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED, DispatchStatus, Priority, highest
from workflow_manager.engine.attempts import Attempt, Attempts, key_of
from workflow_manager.journal.service import append, own_event
from workflow_manager.routing_rules.references import check_unnamed
from workflow_manager.targets.models import Target
from workflow_manager.targets.repository import list_targets
from workflow_manager.targets.service import delete_target, get_target
from workflow_manager.wiring import Wiring

ATTEMPTS = Attempts(kind="dispatch", queue="dispatch")


def event_of(dispatch: Dispatch, event_type: EventType) -> Event:
    """Return the event that tells of a dispatch."""
    data: dict[str, Any] = {
        "dispatch_id": str(dispatch.id),
        "target": dispatch.target,
        "series_instance_uid": dispatch.series_instance_uid,
        "task_id": str(dispatch.task_id) if dispatch.task_id else None,
        "exam_id": str(dispatch.exam_id) if dispatch.exam_id else None,
        "case_id": str(dispatch.case_id) if dispatch.case_id else None,
        "priority": dispatch.priority.value,
        "status": dispatch.status.value,
        "instances": dispatch.instances,
        "sent": dispatch.sent,
        "sent_before": dispatch.sent_before,
        "error": dispatch.error,
        "attempt": dispatch.attempt,
        "next_attempt_at": dispatch.next_attempt_at.isoformat()
        if dispatch.next_attempt_at
        else None,
    }
    return own_event(event_type, dispatch.id, data)


def attempt_of(dispatch_id: UUID, attempt: int) -> Attempt:
    """Return an attempt, to start it; the next one waits for its end, canceled or not."""
    return Attempt(key_of(dispatch_id, attempt), str(dispatch_id))


async def queue_dispatches(
    session: AsyncSession,
    series: DicomSeries,
    *,
    instances: int,
    targets: Sequence[str] | None = None,
    priority: Priority = Priority.NORMAL,
    case_id: UUID | None = None,
) -> list[Event]:
    """Queue a complete series for its targets; repeating it is harmless.

    Images that came after the series was sent are sent too: those alone. The desk hears of the
    events once they are committed: nobody has to start anything.

    Args:
        session: The transaction.
        series: What is sent.
        instances: How many images it has by now.
        targets: Names of targets; by default every enabled one.
        priority: Which series goes first; a higher one than before counts for what still waits.
        case_id: On whose behalf.

    Returns:
        The events to append.
    """
    if targets is None:
        enabled = await list_targets(session, enabled_only=True)
        targets = [target.name for target in enabled if target.document.get("direction") != "pull"]
    events: list[Event] = []
    for name in targets:
        dispatch = await session.get(
            Dispatch, dispatch_id_of(series.id, name), with_for_update=True, populate_existing=True
        )
        if dispatch is None:
            dispatch = _new_dispatch(series, name, instances)
            dispatch.priority, dispatch.case_id = priority, case_id
            session.add(dispatch)
            events.append(await _first_event(session, dispatch))
            continue
        dispatch.priority = highest([dispatch.priority, priority])
        if dispatch.removed_at is not None:  # it came again: a new series to its target
            dispatch.instances = dispatch.sent = dispatch.sent_before = dispatch.stored = 0
            dispatch.removed_at = None
        if instances > dispatch.instances and _queue_late(dispatch, instances):
            dispatch.case_id = case_id or dispatch.case_id
            events.append(event_of(dispatch, EventType.DISPATCH_QUEUED))
    await session.flush()
    return events


def dispatch_id_of(series_id: UUID, target: str) -> UUID:
    """Return the id of what is sent of a series to a target."""
    return uuid5(series_id, target)


def _new_dispatch(series: DicomSeries, target: str, instances: int) -> Dispatch:
    return Dispatch(
        id=dispatch_id_of(series.id, target),
        target=target,
        series_id=series.id,
        series_instance_uid=series.series_instance_uid,
        study_instance_uid=series.study_instance_uid,
        task_id=series.task_id,
        exam_id=series.exam_id,
        instances=instances,
    )


async def _first_event(session: AsyncSession, dispatch: Dispatch) -> Event:
    """Tell of a new dispatch; one whose target is gone has failed, so that it can be sent again."""
    if await session.get(Target, dispatch.target) is not None:
        return event_of(dispatch, EventType.DISPATCH_QUEUED)
    reason = f"There is no target {dispatch.target!r}: configure it, then send again."
    return end(dispatch, DispatchStatus.FAILED, error=reason)


def _queue_late(dispatch: Dispatch, instances: int) -> bool:
    """Note images that came late; say whether that makes another attempt.

    An attempt that waits will find them by itself. One under way looks again when it is through.
    What failed is tried again: the target may be back.
    """
    dispatch.instances = instances
    unconfirmed = dispatch.status is DispatchStatus.WAITING and bool(dispatch.stored)
    if dispatch.status not in ENDED and not unconfirmed:
        return False
    dispatch.sent_before = dispatch.sent
    queue_again(dispatch)
    return True


def queue_again(dispatch: Dispatch) -> None:
    """Make another attempt, as soon as its turn has come."""
    dispatch.attempt += 1
    dispatch.status, dispatch.ended_at, dispatch.next_attempt_at = DispatchStatus.QUEUED, None, None


async def get_dispatch(session: AsyncSession, dispatch_id: UUID, *, lock: bool = False) -> Dispatch:
    """Return a dispatch; `lock` to change it."""
    dispatch = await session.get(
        Dispatch, dispatch_id, with_for_update=lock, populate_existing=lock
    )
    if dispatch is None:
        raise NotFoundError(f"There is no dispatch {dispatch_id}.")
    return dispatch


def end(dispatch: Dispatch, status: DispatchStatus, *, error: str | None = None) -> Event:
    """End a dispatch and return the event that tells so."""
    dispatch.status, dispatch.error, dispatch.ended_at = status, error, utc_now()
    dispatch.next_attempt_at = None
    sent = status is DispatchStatus.SENT
    return event_of(dispatch, EventType.DISPATCH_SENT if sent else EventType.DISPATCH_FAILED)


async def retry_now(session: AsyncSession, dispatch_id: UUID, *, again: bool = False) -> Dispatch:
    """Make the next attempt now, also after the last one, and outside of off-peak hours.

    Args:
        session: The transaction.
        dispatch_id: Which one.
        again: Send everything once more, from the archive, also what is there.
    """
    dispatch = await get_dispatch(session, dispatch_id, lock=True)
    refused = {DispatchStatus.SENDING} if again else {DispatchStatus.SENT, DispatchStatus.SENDING}
    if dispatch.status in refused:
        raise ConflictError(f"The series is {dispatch.status.value} already.")
    await get_target(session, dispatch.target)
    if again:
        await forget_all(session, dispatch)
    if dispatch.priority is Priority.OFFPEAK:
        dispatch.priority = Priority.NORMAL
    queue_again(dispatch)
    await session.flush()
    await append(session, [event_of(dispatch, EventType.DISPATCH_QUEUED)])
    return dispatch


async def cancel_dispatch(
    wiring: Wiring, session: AsyncSession, dispatch_id: UUID, reason: str
) -> Dispatch:
    """End what has not been sent yet; what is there stays there."""
    dispatch = await get_dispatch(session, dispatch_id, lock=True)
    if dispatch.status in ENDED:
        raise ConflictError(f"The series is {dispatch.status.value} already.")
    event = end(dispatch, DispatchStatus.CANCELED, error=reason)
    await session.flush()
    await append(session, [event])
    stop_sending(wiring, dispatch_id)
    return dispatch


def stop_sending(wiring: Wiring, dispatch_id: UUID) -> None:
    """Let what is being sent end after the instance that is under way.

    Another process finds out by itself, when it notes how far it is.
    """
    report = wiring.sending.get(dispatch_id)
    if report is not None:
        report.stop.set()


async def change_target(
    wiring: Wiring, session: AsyncSession, dispatch_id: UUID, target: str, *, actor: str
) -> Dispatch:
    """Send a series elsewhere: this dispatch ends, another one is queued."""
    await get_target(session, target)
    dispatch = await get_dispatch(session, dispatch_id, lock=True)
    if dispatch.target == target:
        raise ConflictError(f"The series goes to {target!r} already.")
    if dispatch.status is DispatchStatus.SENT:
        raise ConflictError("The series is sent already.")
    if dispatch.status not in ENDED:
        reason = f"Sent to {target!r} instead, by {actor}."
        await cancel_dispatch(wiring, session, dispatch_id, reason)
    series = await session.get(DicomSeries, dispatch.series_id)
    if series is None:
        raise NotFoundError("The series is not in the index any more.")
    other_id = dispatch_id_of(series.id, target)
    await redirect_cases(session, dispatch_id, other_id)
    other = await session.get(Dispatch, other_id, with_for_update=True, populate_existing=True)
    if other is None:
        other = _new_dispatch(series, target, dispatch.instances)
        session.add(other)
    elif other.status in {DispatchStatus.FAILED, DispatchStatus.CANCELED}:
        queue_again(other)
    else:
        return other
    other.priority, other.case_id = dispatch.priority, dispatch.case_id
    await session.flush()
    await append(session, [event_of(other, EventType.DISPATCH_QUEUED)])
    return other


async def remove_target(wiring: Wiring, session: AsyncSession, target: Target) -> None:
    """Delete a target; what was on its way there ends, with a reason.

    Raises:
        ConflictError: A rule names it.
    """
    await check_unnamed(session, target.name)
    reason = f"Target {target.name!r} was deleted."
    ended = await repository.list_open_dispatches(session, target.name)
    events = [end(dispatch, DispatchStatus.CANCELED, error=reason) for dispatch in ended]
    await delete_target(session, target)
    await append(session, events)
    for dispatch in ended:
        stop_sending(wiring, dispatch.id)
