"""Decides which run of modules begins next: slots, priorities, off-peak hours.

Between two looks it sleeps: until off-peak hours begin, or until the journal or the end of a run
wakes it.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import SOON_S, Repeating, earlier
from workflow_manager.dispatch.rules import urgent_first
from workflow_manager.engine import Attempt
from workflow_manager.job_sessions import repository as job_sessions
from workflow_manager.job_sessions.folders import drop_session
from workflow_manager.journal.service import append
from workflow_manager.processing import repository
from workflow_manager.processing.folders import drop_all
from workflow_manager.processing.parts import key_of, parse_key
from workflow_manager.processing.queueing import ATTEMPTS, get_run
from workflow_manager.processing.rules import RunState
from workflow_manager.processing.steps import ProcessingSteps
from workflow_manager.processing.telling import event_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_LONGEST_S = 10.0
_GIVEN_UP = "The server crashed too often during this step. Try it again from the failed step."


class ProcessingDesk:
    """Starts runs of modules as their turn comes."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._do = ProcessingSteps(wiring)
        self._turn = 0
        self._repeating = Repeating(
            "choosing what is processed",
            self.look,
            _LONGEST_S,
            due=self.until_due,
            begin_after=SOON_S,
        )
        wiring.tail.wake_on(("processing.",), self._repeating.wake)
        wiring.pauses.wake_on(self._repeating.wake)
        wiring.processing_ended = self._repeating.wake

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    async def stop(self) -> None:
        """Begin nothing more."""
        await self._repeating.stop()

    async def look(self) -> None:
        """Start what is due, as long as there are slots in this process."""
        await self._pass_deadlines()
        await self._free_slots()
        while self._has_slot():
            key = await self._take()
            if key is None:
                return
            self._turn += 1
            run_id = UUID(parse_key(key)[0])
            self._wiring.processing.setdefault(run_id, asyncio.Event())
            try:
                await ATTEMPTS.start(self._wiring.engine, Attempt(key, None))
            except BaseException:
                self._wiring.processing.pop(run_id, None)  # the sweep starts it
                raise

    def _has_slot(self) -> bool:
        taken = len(self._wiring.processing)
        free = taken < self._wiring.settings.module_slots
        return free and self._wiring.engine.is_open(ATTEMPTS.queue)

    async def _free_slots(self) -> None:
        """Free those of runs that another process took out of the queue, and that have ended."""
        held = set(self._wiring.processing)
        if not held:
            return
        async with reading(self._wiring.sessions) as session:
            running = await repository.list_open(session, RunState.RUNNING)
        for elsewhere in held.difference(running):
            self._wiring.processing.pop(elsewhere, None)

    async def _pass_deadlines(self) -> None:
        """End reviews that nobody has made in time, and runs that did not begin in time."""
        async with reading(self._wiring.sessions) as session:
            overdue = await repository.list_overdue(session, utc_now())
            late = await repository.list_late(session, utc_now())
        for run_id in late:
            await self._do.end_unbegun(run_id)
        for run_id in overdue:
            await self._do.pass_deadline(run_id)

    async def until_due(self) -> float | None:
        """Return when off-peak hours begin, a review is due, or a run is late [s]."""
        async with reading(self._wiring.sessions) as session:
            due = await repository.next_deadline(session), await repository.next_late(session)
        now = utc_now()
        until = [None if at is None else (at - now).total_seconds() for at in due]
        return earlier(self._wiring.settings.offpeak.seconds_to_opening(now), *until)

    async def _take(self) -> str | None:
        """Take the run whose turn it is out of the queue; return the key of its workflow."""
        now, window = utc_now(), self._wiring.settings.offpeak
        async with reading(self._wiring.sessions) as session:
            if not await repository.list_open(session, RunState.QUEUED):
                return None
        async with transaction(self._wiring.sessions) as session:
            run = await repository.find_due(
                session,
                urgent_first=urgent_first(self._turn + 1),
                offpeak=window.is_open(now),
                gpus=None if self._wiring.presence.is_alone else len(self._wiring.gpus.names),
            )
            if run is None:
                return None
            run.state, run.reason = RunState.RUNNING, "It begins."
            run.started_at = run.started_at or now  # it may go on behind a gate
            await session.flush()
            await append(session, [event_of(run, EventType.PROCESSING_STARTED)])
            return key_of(run)


async def start_missing_processing(wiring: Wiring, do: ProcessingSteps) -> int:
    """Start the runs that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        runs = await repository.list_running(session)
    attempts = [Attempt(key_of(run), None) for run in runs]
    return await ATTEMPTS.start_missing(wiring.engine, attempts, partial(_give_up, do))


async def _give_up(do: ProcessingSteps, attempt: Attempt) -> None:
    logger.error("a run of modules was given up", run_id=attempt.key)
    await do.fail(parse_key(attempt.key)[0], _GIVEN_UP)


async def drop_old_files(wiring: Wiring) -> int:
    """Remove logs and files of runs that ended long ago; say of how many."""
    before = utc_now() - timedelta(days=wiring.settings.module_keep_days)
    async with reading(wiring.sessions) as session:
        ids = await repository.list_old(session, before)
    for run_id in ids:
        await asyncio.to_thread(drop_all, wiring.lake.root, run_id)
        async with transaction(wiring.sessions) as session:
            (await get_run(session, run_id, lock=True)).removed_at = utc_now()
    return len(ids) + await _drop_old_sessions(wiring, before)


async def _drop_old_sessions(wiring: Wiring, before: datetime) -> int:
    """Remove what jobs left that nobody will want any more."""
    async with reading(wiring.sessions) as session:
        ids = await job_sessions.list_old_sessions(session, before, utc_now())
    for session_id in ids:
        async with transaction(wiring.sessions) as session:
            await job_sessions.remove_session(session, session_id)
        await asyncio.to_thread(drop_session, wiring.lake.root, session_id)
    return len(ids)
