"""Decides what is sent next: priorities, pauses, off-peak hours, so many at once for each target.

The rows say what is to be sent, the desk takes them in turn and starts a durable workflow for each
attempt. It hears of what is new from the journal, and looks at the clock each second. A target
that is slow or dead has places of its own only, so it holds up no other.
"""

import time
from collections import Counter
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import Repeating
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.pausing import ALL
from workflow_manager.dispatch.rules import DispatchStatus, urgent_first
from workflow_manager.dispatch.service import KIND, QUEUE, end, get_dispatch, key_of, queue_again
from workflow_manager.engine import WorkflowState
from workflow_manager.journal.service import append
from workflow_manager.senders.port import SendReport
from workflow_manager.targets.models import Target
from workflow_manager.targets.repository import pauses
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
MOST_AT_ONCE = 32
"""Series that one process sends at the same time, to all targets together."""
_LOOK_S = 1.0
_PAUSE_S = 0.02


class DispatchDesk:
    """Starts attempts to send as their turn comes."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._seen = wiring.tail.last
        self._looked_at = 0.0
        self._turns: Counter[str] = Counter()
        self._repeating = Repeating("choosing what is sent", self._round, _PAUSE_S)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    async def stop(self) -> None:
        """Begin nothing more."""
        await self._repeating.stop()

    async def _round(self) -> None:
        if await self._something_new() or time.monotonic() - self._looked_at >= _LOOK_S:
            self._looked_at = time.monotonic()
            await self.look()

    async def _something_new(self) -> bool:
        """Wait for events, a second at most; say whether one of them may let something begin."""
        tail = self._wiring.tail
        await tail.wait(self._seen, _LOOK_S)
        events = await tail.read(self._seen)
        if events:
            self._seen = events[-1].sequence
        return any(event.type.startswith(("dispatch.", "target.")) for event in events)

    async def look(self) -> None:
        """Start what is due."""
        now, window = utc_now(), self._wiring.settings.offpeak
        async with reading(self._wiring.sessions) as session:
            paused = await pauses(session)
            names = await repository.targets_with_work(session, now, offpeak=window.is_open(now))
        if ALL in paused:
            return
        waiting = sorted(set(names) - set(paused), key=lambda name: self._turns[name])
        while waiting:  # one each in turn, so that a long queue holds up no short one
            waiting = [name for name in waiting if await self._start_one(name)]

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
            dispatch_id, attempt = dispatch.id, dispatch.attempt
        self._turns[name] += 1
        await self._begin(dispatch_id, attempt)
        return True

    async def _is_full(self, session: AsyncSession, target: Target) -> bool:
        at_once = int(target.document.get("at_once", 1))
        return await repository.count_sending(session, target.name) >= at_once

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
                besides=list(self._wiring.sending),
            )
            if found is not None:
                return found
        return None

    async def _begin(self, dispatch_id: UUID, attempt: int) -> None:
        sending = self._wiring.sending
        sending[dispatch_id] = SendReport()
        try:
            await self._wiring.engine.start(
                KIND, key_of(dispatch_id, attempt), queue=QUEUE, partition=str(dispatch_id)
            )
        except BaseException:
            sending.pop(dispatch_id, None)  # the sweep starts it
            raise


async def start_missing_attempts(wiring: Wiring) -> int:
    """Start the attempts that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        under_way = await repository.list_sending(session)
    keys = [key_of(dispatch_id, attempt) for dispatch_id, attempt in under_way]
    states = await wiring.engine.states(KIND, keys)
    started = 0
    for (dispatch_id, attempt), key in zip(under_way, keys, strict=True):
        state = states.get(key)
        if state is None:
            await wiring.engine.start(KIND, key, queue=QUEUE, partition=str(dispatch_id))
            started += 1
        elif state is not WorkflowState.ACTIVE:
            await _queue_given_up(wiring, dispatch_id, attempt)
    return started


async def _queue_given_up(wiring: Wiring, dispatch_id: UUID, given_up: int) -> None:
    """The engine gave the attempt up: make the next one."""
    async with transaction(wiring.sessions) as session:
        dispatch = await get_dispatch(session, dispatch_id, lock=True)
        if dispatch.status is not DispatchStatus.SENDING or dispatch.attempt != given_up:
            return  # it went on while we looked
        queue_again(dispatch)
    wiring.sending.pop(dispatch_id, None)
    logger.warning("an attempt to send was given up", dispatch_id=str(dispatch_id))
