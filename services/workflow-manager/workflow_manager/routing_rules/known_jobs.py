"""The jobs that a rule is about to name: asked for before a transaction begins, it takes long."""

from collections.abc import Mapping
from contextlib import suppress

from scanhub_libraries.database import reading
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models import RuleIn
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.modules.models import Module
from workflow_manager.modules.repository import list_modules
from workflow_manager.wiring import Wiring

KnownJobs = Mapping[str, JobDefinition]


async def known_jobs(wiring: Wiring, rule: RuleIn) -> KnownJobs:
    """Return the jobs of the installation; none, where the rule names no module that is one."""
    if not rule.processing_module:
        return {}
    async with reading(wiring.sessions) as session:
        named = [m for m in await list_modules(session) if m.name in rule.processing_module]
    ids = {module.document.get("job", "") for module in named if _is_job(module)}
    found: dict[str, JobDefinition] = {}
    for job_id in sorted(ids):
        with suppress(NotFoundError):  # the module says that it is not installed
            found[job_id] = await wiring.jobs.get_job(job_id)
    return found


def _is_job(module: Module) -> bool:
    return module.document.get("runner") == "job"
