"""Decides what is fetched next: pauses, off-peak hours, so many at once from each source.

The rows say what is wanted; the desk takes them in turn and starts a durable workflow for each
attempt. Between two looks it sleeps until the journal tells of something that may let one begin,
or until off-peak hours do.
"""

import asyncio
import shutil
from collections import Counter
from functools import partial
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.engine import Attempt
from workflow_manager.retrieval import repository
from workflow_manager.retrieval.fetching import has_room
from workflow_manager.retrieval.inbox import FOLDER
from workflow_manager.retrieval.rules import AccessionState, RetrievalState
from workflow_manager.retrieval.service import ATTEMPTS, attempt_of, get_retrieval
from workflow_manager.retrieval.sources import MOST_AT_ONCE
from workflow_manager.retrieval.workflow import finish, parse_key
from workflow_manager.targets.models import Target
from workflow_manager.wiring import Wiring

_LONGEST_S = 10.0
"""So often is looked for what nobody told of [s]."""
_GIVEN_UP = "The service ended several times while it fetched this: try it again."


class RetrievalDesk:
    """Starts to fetch as the turn of each accession number comes."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._turns: Counter[UUID] = Counter()
        self._repeating = Repeating(
            "choosing what is fetched",
            self.look,
            _LONGEST_S,
            due=self.until_offpeak,
            begin_after=SOON_S,
        )
        wiring.tail.wake_on(("retrieval.", "target."), self._repeating.wake)
        wiring.pauses.wake_on(self._repeating.wake)

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    async def stop(self) -> None:
        """Begin nothing more."""
        await self._repeating.stop()

    async def look(self) -> None:
        """Start what is due; retrievals take turns, so that a long list holds up no short one."""
        if not self._wiring.engine.is_open(ATTEMPTS.queue):
            return
        if not await has_room(self._wiring):
            return  # it is looked again soon
        offpeak = self._wiring.settings.offpeak.is_open(utc_now())
        async with reading(self._wiring.sessions) as session:
            waiting = await repository.list_waiting(session, offpeak=offpeak)
        ids = sorted((id_ for id_, _ in waiting), key=lambda id_: self._turns[id_])
        while ids:
            ids = [id_ for id_ in ids if await self._start_one(id_)]

    async def until_offpeak(self) -> float | None:
        """Return when off-peak hours begin [s]; None: they are now."""
        return self._wiring.settings.offpeak.seconds_to_opening(utc_now())

    async def _start_one(self, retrieval_id: UUID) -> bool:
        """Start the next accession number of a retrieval; say whether there may be more."""
        async with transaction(self._wiring.sessions) as session:
            retrieval = await get_retrieval(session, retrieval_id, lock=True)
            if retrieval.state is not RetrievalState.RUNNING:
                return False
            target = await session.get(Target, retrieval.source, with_for_update=True)
            running = await repository.count_running(session)
            at_once = 1 if target is None else int(target.document.get("at_once", 1))
            if running.get(retrieval.source, 0) >= at_once or sum(running.values()) >= MOST_AT_ONCE:
                return False
            row = await repository.lock_next(session, retrieval_id)
            if row is None:
                return False
            row.state, row.started_at = AccessionState.RUNNING, utc_now()
            attempt = attempt_of(row.retrieval_id, row.number, row.attempt)
        self._turns[retrieval_id] += 1
        await ATTEMPTS.start(self._wiring.engine, attempt)
        return True


async def start_missing_fetches(wiring: Wiring) -> int:
    """Start what has no workflow: the process died between the two; end what was given up."""
    async with reading(wiring.sessions) as session:
        running = await repository.list_running(session)
    attempts = [attempt_of(*row) for row in running]
    started = await ATTEMPTS.start_missing(wiring.engine, attempts, partial(_give_up, wiring))
    await _clear_folders(wiring, {id_ for id_, _, _ in running})
    return started


async def _give_up(wiring: Wiring, given_up: Attempt) -> None:
    await finish(wiring, *parse_key(given_up.key), _GIVEN_UP)


async def _clear_folders(wiring: Wiring, running: set[UUID]) -> None:
    """Remove what retrievals left that are not under way: copies of what their source has."""
    left = set(await wiring.lake.list_folders(FOLDER)) - {str(id_) for id_ in running}
    if not left:
        return
    async with reading(wiring.sessions) as session:
        begun = {str(id_) for id_, _, _ in await repository.list_running(session)}
    for name in left - begun:
        await asyncio.to_thread(shutil.rmtree, wiring.lake.root / FOLDER / name, ignore_errors=True)
