"""Decides what is sent next: priorities, pauses, off-peak hours, so many at once for each target.

The rows say what is to be sent, the desk takes them in turn and starts a durable workflow for each
attempt. Between two looks it sleeps: until the next attempt is due, or until the journal tells of
something that may let one begin. A target that is slow or dead has places of its own only, so it
holds up no other.
"""

from collections import Counter
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.target import MOST_COMMITMENT_S
from scanhub_libraries.repeating import SOON_S, Repeating, earlier
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.pausing import ALL
from workflow_manager.dispatch.rules import DispatchStatus, longest_wait_s, urgent_first
from workflow_manager.dispatch.service import ATTEMPTS, attempt_of, end, get_dispatch, queue_again
from workflow_manager.engine import Attempt
from workflow_manager.engine.attempts import parse_key
from workflow_manager.journal.service import append
from workflow_manager.senders.port import SendReport
from workflow_manager.targets.models import Target
from workflow_manager.targets.repository import pauses
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
MOST_AT_ONCE = 32
"""Series that one process sends at the same time, to all targets together.

The second half of these places is for targets that have none: a few that are slow or dead, with
many series at once, leave a place for every other.
"""
_LONGEST_S = 10.0
"""So often is looked for what nobody told of [s]."""


class DispatchDesk:
    """Starts attempts to send as their turn comes."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._longest_s = longest_wait_s((*wiring.settings.dispatch_backoff_s, MOST_COMMITMENT_S))
        self._turns: Counter[str] = Counter()
        self._repeating = Repeating(
            "choosing what is sent", self.look, _LONGEST_S, due=self.until_due, begin_after=SOON_S
        )
        wiring.tail.wake_on(("dispatch.", "target."), self._repeating.wake)
        wiring.pauses.wake_on(self._repeating.wake)
        wiring.attempt_ended = self._repeating.wake

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    async def stop(self) -> None:
        """Begin nothing more."""
        await self._repeating.stop()

    async def look(self) -> None:
        """Start what is due."""
        now, window = utc_now(), self._wiring.settings.offpeak
        async with reading(self._wiring.sessions) as session:
            paused = await pauses(session)
            names = await repository.targets_with_work(
                session, now, offpeak=window.is_open(now), longest_s=self._longest_s
            )
            under_way = {row[0] for row in await repository.list_under_way(session)}
        for elsewhere in set(self._wiring.sending) - under_way:
            self._wiring.sending.pop(elsewhere, None)  # another process was faster, and is through
        if ALL in paused or not self._wiring.engine.is_open(ATTEMPTS.queue):
            return
        waiting = sorted(set(names) - set(paused), key=lambda name: self._turns[name])
        while waiting:  # one each in turn, so that a long queue holds up no short one
            waiting = [name for name in waiting if await self._start_one(name)]

    async def until_due(self) -> float | None:
        """Return when the next attempt is due, or off-peak hours begin [s]."""
        if not self._wiring.engine.is_open(ATTEMPTS.queue):
            return None
        now, window = utc_now(), self._wiring.settings.offpeak
        async with reading(self._wiring.sessions) as session:
            due = await repository.next_attempt_at(session, now)
        seconds = None if due is None else (due - now).total_seconds()
        return earlier(seconds, window.seconds_to_opening(now))

    async def _start_one(self, name: str) -> bool:
        """Start the next one for a target; say whether there may be more."""
        if len(self._wiring.sending) >= MOST_AT_ONCE:
            return False
        async with transaction(self._wiring.sessions) as session:
            target = await session.get(Target, name, with_for_update=True, populate_existing=True)
            if target is not None and await self._is_full(session, target):
                return False
            dispatch = await self._find(session, name)
            if dispatch is None:
                return False
            if target is None or not target.enabled:
                gone = "was deleted" if target is None else "is switched off"
                event = end(dispatch, DispatchStatus.FAILED, error=f"Target {name!r} {gone}.")
                await session.flush()
                await append(session, [event])
                return True
            dispatch.status, dispatch.next_attempt_at = DispatchStatus.SENDING, None
            dispatch.under_way = dispatch.attempt
            dispatch_id, attempt = dispatch.id, dispatch.attempt
        self._turns[name] += 1
        await self._begin(dispatch_id, attempt)
        return True

    async def _is_full(self, session: AsyncSession, target: Target) -> bool:
        sending = await repository.count_under_way(session, target.name)
        if sending and len(self._wiring.sending) >= MOST_AT_ONCE // 2:
            return True
        return sending >= int(target.document.get("at_once", 1))

    async def _find(self, session: AsyncSession, name: str) -> Dispatch | None:
        now = utc_now()
        urgent = urgent_first(self._turns[name] + 1)
        for kind in (urgent, not urgent):
            found = await repository.find_due(
                session,
                name,
                now,
                urgent=kind,
                offpeak=self._wiring.settings.offpeak.is_open(now),
                longest_s=self._longest_s,
            )
            if found is not None:
                return found
        return None

    async def _begin(self, dispatch_id: UUID, attempt: int) -> None:
        sending = self._wiring.sending
        sending[dispatch_id] = SendReport()
        try:
            await ATTEMPTS.start(self._wiring.engine, attempt_of(dispatch_id, attempt))
        except BaseException:
            sending.pop(dispatch_id, None)  # the sweep starts it
            raise


async def start_missing_attempts(wiring: Wiring) -> int:
    """Start the attempts that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        under_way = [attempt_of(*row) for row in await repository.list_under_way(session)]
    return await ATTEMPTS.start_missing(wiring.engine, under_way, partial(_queue_given_up, wiring))


async def _queue_given_up(wiring: Wiring, given_up: Attempt) -> None:
    """The engine gave the attempt up: let the desk choose when the next one begins."""
    dispatch_id, attempt = parse_key(given_up.key)
    async with transaction(wiring.sessions) as session:
        dispatch = await get_dispatch(session, dispatch_id, lock=True)
        if dispatch.under_way != attempt:
            return  # it went on while we looked
        dispatch.under_way = None
        if dispatch.status is DispatchStatus.SENDING:
            queue_again(dispatch)
    logger.warning("an attempt to send was given up", dispatch_id=str(dispatch_id))
