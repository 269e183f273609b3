"""Runs that have not begun and are to end, or wait no more: nobody waits for a place for that."""

import asyncio
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.journal.service import append
from workflow_manager.runs import repository, reviewing
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import NOT_BEGUN, RunStatus, overdue_words
from workflow_manager.runs.service import ATTEMPTS, event_of, get_run, is_overdue, key_of
from workflow_manager.runs.steps import RunSteps
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_SELDOM_S = 10.0


class RunKeeper:
    """Ends runs that were stopped or are late before they began; those that run end themselves.

    Args:
        wiring: The database, the run engine.
        do: The ways in which a run ends.
    """

    def __init__(self, wiring: Wiring, do: RunSteps) -> None:
        self._wiring, self._do = wiring, do
        self._ending: dict[UUID, asyncio.Task[bool]] = {}
        self._repeating = Repeating(
            "ending runs", self.look, _SELDOM_S, due=self.until_due, begin_after=SOON_S
        )
        wiring.tail.wake_on(("run.queued", "run.waiting", "run.priority"), self._repeating.wake)
        wiring.runs_due = self._repeating.wake

    def start(self) -> None:
        """Begin."""
        self._repeating.start()

    async def stop(self) -> None:
        """End; what was withdrawn and has not ended is found by the next sweep."""
        await self._repeating.stop()
        for task in self._ending.values():
            task.cancel()
        await asyncio.gather(*self._ending.values(), return_exceptions=True)

    async def look(self) -> None:
        """End what is to end, each by itself: one may have to wait for exam-manager."""
        self._ending = {id_: task for id_, task in self._ending.items() if not task.done()}
        async with reading(self._wiring.sessions) as session:
            due = await repository.list_due(session, utc_now())
        for run in due:
            if not run.cancel_requested and not is_overdue(run):
                await (
                    reviewing.pass_deadline(self._wiring, run.id)
                    if run.waits_for_review
                    else self._queue(run)
                )
            elif run.id not in self._ending and await self._withdraw(run):
                ending = end_unbegun(self._wiring, self._do, run.id)
                self._ending[run.id] = asyncio.create_task(ending, name=f"ending run {run.id}")

    async def until_due(self) -> float | None:
        """Return when the next run that has not begun is to end, or waits no more [s]."""
        async with reading(self._wiring.sessions) as session:
            due_at = await repository.next_due(session)
        now = utc_now()
        return None if due_at is None or due_at <= now else (due_at - now).total_seconds()

    async def _withdraw(self, run: Run) -> bool:
        if run.review.get("state") in {"waiting", "rejected"}:
            return True  # it has no workflow
        return await self._wiring.engine.withdraw(ATTEMPTS.kind, key_of(run))

    async def _queue(self, run: Run) -> None:
        """Note that a run waits for its turn only."""
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            if row.status is RunStatus.WAITING and row.waits_until == run.waits_until:
                row.status, row.waits_for, row.waits_until = RunStatus.QUEUED, None, None
                await session.flush()
                await append(session, [event_of(row, EventType.RUN_QUEUED)])


async def end_unbegun(wiring: Wiring, do: RunSteps, run_id: UUID) -> bool:
    """End a run that never began, as it was stopped or is late; False: it is neither."""
    async with reading(wiring.sessions) as session:
        run = await get_run(session, run_id)
    if run.status not in NOT_BEGUN:
        return False
    if run.cancel_requested:
        await do.cancel(str(run_id))
        return True
    if is_overdue(run):
        await do.fail(str(run_id), overdue_words(run.deadline_at))
        return True
    return False
