"""The jobs that a rule is about to name: asked for before a transaction begins, it takes long."""

from collections.abc import Collection, Mapping
from contextlib import suppress

from scanhub_libraries.database import reading
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models import RuleIn
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.modules.models import Module
from workflow_manager.modules.repository import list_modules
from workflow_manager.routing_rules.repository import HISTORY
from workflow_manager.wiring import Wiring

KnownJobs = Mapping[str, JobDefinition]


async def known_jobs(wiring: Wiring, rule: RuleIn) -> KnownJobs:
    """Return the jobs of the installation; none, where the rule names no module that is one."""
    return await _jobs_of(wiring, rule.processing_module)


async def jobs_of_version(wiring: Wiring, name: str, version: int) -> KnownJobs:
    """Return the same for a rule as it was.

    Raises:
        NotFoundError: There is no such version.
    """
    async with reading(wiring.sessions) as session:
        document = (await HISTORY.get_version(session, name, version)).document
    return await _jobs_of(wiring, document.get("processing_module", []))


async def _jobs_of(wiring: Wiring, modules: Collection[str]) -> KnownJobs:
    if not modules:
        return {}
    async with reading(wiring.sessions) as session:
        named = [m for m in await list_modules(session) if m.name in modules]
    ids = {module.document.get("job", "") for module in named if _is_job(module)}
    found: dict[str, JobDefinition] = {}
    for job_id in sorted(ids):
        with suppress(NotFoundError):  # the module says that it is not installed
            found[job_id] = await wiring.jobs.get_job(job_id)
    return found


def _is_job(module: Module) -> bool:
    return module.document.get("runner") == "job"
