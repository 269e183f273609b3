"""At startup: runs whose workflow was never started, or was given up, are not forgotten."""

from scanhub_libraries.database import reading
from scanhub_libraries.logging import get_logger
from workflow_manager.engine import WorkflowState
from workflow_manager.runs import repository
from workflow_manager.runs.service import KIND, QUEUE
from workflow_manager.runs.steps import RunSteps
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_GIVEN_UP = "The run ended without a result, or crashed too often. Start it again."


async def start_missing_runs(wiring: Wiring, do: RunSteps) -> int:
    """Start the runs that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        runs = await repository.list_open_runs(session)
    states = await wiring.engine.states(KIND, [str(run.id) for run in runs])
    started = 0
    for run in runs:
        state = states.get(str(run.id))
        if state is None:
            await wiring.engine.start(KIND, str(run.id), queue=QUEUE)
            started += 1
        elif state is not WorkflowState.ACTIVE:
            logger.error("a run was given up", run_id=str(run.id))
            await do.fail(str(run.id), _GIVEN_UP)
    return started
