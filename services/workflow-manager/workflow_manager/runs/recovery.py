"""At startup, and now and then: runs that were never started or were given up, and old logs."""

import asyncio
import time

from scanhub_libraries.database import reading
from scanhub_libraries.logging import get_logger
from workflow_manager.engine import Attempt
from workflow_manager.runs import repository
from workflow_manager.runs.folders import drop_logs
from workflow_manager.runs.keeper import end_unbegun
from workflow_manager.runs.service import ATTEMPTS, attempt_of, id_of
from workflow_manager.runs.steps import RunSteps
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_DAY_S = 86_400
_GIVEN_UP = "The run ended without a result, or crashed too often. Start it again."


async def start_missing_runs(wiring: Wiring, do: RunSteps) -> int:
    """Start the runs that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        open_runs = await repository.list_open_runs(session)
        runs = [attempt_of(run) for run in open_runs if not run.waits_for_review]

    async def give_up(attempt: Attempt) -> None:
        if not await end_unbegun(wiring, do, id_of(attempt.key)):
            logger.error("a run was given up", run_id=attempt.key)
            await do.fail(str(id_of(attempt.key)), _GIVEN_UP)

    return await ATTEMPTS.start_missing(wiring.engine, runs, give_up)


async def drop_old_logs(wiring: Wiring) -> int:
    """Remove the logs of runs that ended long ago; say how many."""
    before = time.time() - wiring.settings.module_keep_days * _DAY_S
    return await asyncio.to_thread(drop_logs, wiring.lake.root, before)
