"""At startup: runs whose workflow was never started, or was given up, are not forgotten."""

from scanhub_libraries.database import reading
from scanhub_libraries.logging import get_logger
from workflow_manager.engine import Attempt
from workflow_manager.runs import repository
from workflow_manager.runs.service import ATTEMPTS, attempt_of
from workflow_manager.runs.steps import RunSteps
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_GIVEN_UP = "The run ended without a result, or crashed too often. Start it again."


async def start_missing_runs(wiring: Wiring, do: RunSteps) -> int:
    """Start the runs that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        runs = [attempt_of(run) for run in await repository.list_open_runs(session)]

    async def give_up(attempt: Attempt) -> None:
        logger.error("a run was given up", run_id=attempt.key)
        await do.fail(attempt.key, _GIVEN_UP)

    return await ATTEMPTS.start_missing(wiring.engine, runs, give_up)
