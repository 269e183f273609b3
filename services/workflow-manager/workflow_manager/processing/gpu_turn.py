"""A module that needs graphics processors waits for them, and says so with the case."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.cases.service import get_case
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.modules.job import find_sdk_job
from workflow_manager.processing.queueing import get_run
from workflow_manager.processing.step_plan import StepPlan
from workflow_manager.wiring import Wiring


@asynccontextmanager
async def gpus_for(
    wiring: Wiring, plan: StepPlan, cancel: asyncio.Event
) -> AsyncIterator[tuple[str, ...]]:
    """Lend a module what it asks for, for as long as the block takes.

    Raises:
        UnavailableError: This process never has so many.
    """

    async def waits(what: str) -> None:
        async with transaction(wiring.sessions) as session:
            case = await get_case(session, plan.case.id, lock=True)
            run = await get_run(session, plan.run.id, lock=True)
            run.reason = case.reason = f"{plan.words}, waits for {what}."

    count = await _asked(wiring.jobs, plan.module)
    async with wiring.gpus.held(count, cancel, waits) as held:
        yield held


def visible(wiring: Wiring, module: ModuleSettings, held: Sequence[str]) -> dict[str, str]:
    """Return the variables that name what it was lent; in a container there are no others."""
    return {} if module.runner == "container" else wiring.gpus.variables(held)


async def _asked(registry: JobRegistry, module: ModuleSettings) -> int:
    """Return how many a module asks for: at least as many as its job."""
    if module.runner != "job":
        return module.gpus
    try:
        return max(module.gpus, (await find_sdk_job(registry, module.job)).gpus)
    except ScanHubError:  # what runs it says so
        return module.gpus
