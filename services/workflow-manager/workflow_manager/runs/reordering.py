"""Runs that have not begun, put into another order by a person."""

from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.events import EventType
from workflow_manager.dispatch.rules import Priority
from workflow_manager.journal.service import append
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import NOT_BEGUN, RunStatus
from workflow_manager.runs.service import (
    ATTEMPTS,
    event_of,
    get_run,
    key_of,
    start_run,
)
from workflow_manager.runs.waiting import wait_for_hours
from workflow_manager.wiring import Wiring


async def change_priority(wiring: Wiring, run_id: UUID, priority: Priority) -> Run:
    """Give a run that has not begun another place in its queue.

    It gets a workflow of another key: the one that waits finds that it is not meant any more.

    Raises:
        ConflictError: It has begun, or ended, or is being stopped.
    """
    async with transaction(wiring.sessions) as session:
        run = await get_run(session, run_id, lock=True)
        if run.status not in NOT_BEGUN or run.cancel_requested:
            what = "is being stopped" if run.cancel_requested else f"is {run.status.value}"
            raise ConflictError(f"The run {what}: only one that has not begun has a priority.")
        if run.priority is priority:
            return run
        before = key_of(run)
        run.priority, run.put_off = priority, run.put_off + 1
        if not run.waits_for_review:
            run.status, run.waits_for, run.waits_until = RunStatus.QUEUED, None, None
            wait_for_hours(run, wiring.settings.offpeak, utc_now())
        await session.flush()
        await append(session, [event_of(run, EventType.RUN_PRIORITY)])
    await wiring.engine.withdraw(ATTEMPTS.kind, before)
    await start_run(wiring, run)
    return run
