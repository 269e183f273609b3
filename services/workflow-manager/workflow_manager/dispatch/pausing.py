"""Sending that is paused: of one target or of all; kept in the database, so a restart heeds it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import EventType
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus, OffPeak, Priority
from workflow_manager.journal.service import append, own_event
from workflow_manager.targets.models import DispatchPause
from workflow_manager.targets.service import get_target

ALL = ""
"""In the place of a target: all of them."""


async def pause(session: AsyncSession, target: str, reason: str, *, actor: str) -> DispatchPause:
    """Begin nothing more; what is being sent is sent to its end. Pausing twice changes nothing."""
    if target != ALL:
        await get_target(session, target, lock=True)
    found = await session.get(DispatchPause, target, with_for_update=True)
    if found is not None:
        return found
    row = DispatchPause(target=target, reason=reason, paused_by=actor)
    session.add(row)
    await session.flush()
    await _tell(session, EventType.DISPATCH_PAUSED, target, reason)
    return row


async def resume(session: AsyncSession, target: str) -> None:
    """Go on, at once with what waits for another attempt: whoever resumes has seen to the target.

    Resuming what is not paused changes nothing.
    """
    if target != ALL:
        await get_target(session, target, lock=True)
    found = await session.get(DispatchPause, target, with_for_update=True)
    if found is not None:
        await session.delete(found)
        await session.flush()
        await repository.try_now(session, None if target == ALL else target, utc_now())
        await _tell(session, EventType.DISPATCH_RESUMED, target, found.reason)


async def _tell(session: AsyncSession, event_type: EventType, target: str, reason: str) -> None:
    data = {"target": target or None, "reason": reason}
    await append(session, [own_event(event_type, target[:128] or "all targets", data)])


def waits_for(
    dispatch: Dispatch,
    pauses: dict[str, DispatchPause],
    offpeak: OffPeak,
    now: datetime,
) -> str | None:
    """Say in one sentence what a series waits for; None when it waits for nothing."""
    if dispatch.status not in {DispatchStatus.QUEUED, DispatchStatus.WAITING}:
        return None
    pause = pauses.get(ALL) or pauses.get(dispatch.target)
    if pause is not None:
        since = pause.paused_at.strftime("%Y-%m-%d %H:%M UTC")
        why = f": {pause.reason}" if pause.reason else "."
        return f"Paused by {pause.paused_by} since {since}{why}"
    if dispatch.priority is Priority.OFFPEAK and not offpeak.is_open(now):
        return f"Off-peak hours begin at {offpeak.opens_at(now).isoformat(timespec='minutes')}."
    if dispatch.status is DispatchStatus.WAITING and dispatch.next_attempt_at is not None:
        at = dispatch.next_attempt_at.isoformat(timespec="seconds")
        unconfirmed = dispatch.stored and not dispatch.failures
        what = "The node's confirmation that it keeps the images; asked again at"
        return f"{what if unconfirmed else 'The next attempt, at'} {at}."
    ending = dispatch.under_way is not None
    first = "the attempt before is ending" if ending else "other series go to this target first"
    return f"Its turn: {first}."
