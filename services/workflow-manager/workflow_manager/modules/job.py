"""Modules that are jobs of the SDK: Python functions of packages that are installed beside us.

They run as processes with the rights of the server, and reach it over HTTP with a token of their
own. What is asked of them first is to stop; who does not is killed.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from scanhub_jobs.platform.documents import GRACE_S
from scanhub_libraries.errors import ScanHubError, UnprocessableError
from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.jobs.parameters import MISSING, problems_of
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.modules.process import OF_CONTAINERS
from workflow_manager.modules.runner import Ending, Fitness, Work
from workflow_manager.programs.child import Log
from workflow_manager.programs.supervised import Limits, Supervised, run

_WORKER = "scanhub_jobs.platform.worker"


async def find_sdk_job(registry: JobRegistry, job_id: str) -> JobDefinition:
    """Return a job that can be a module.

    Raises:
        ScanHubError: There is none, it cannot run, or it is one for raw data.
    """
    job = await registry.usable_job(job_id)
    if not job.entry or job.reads_raw_data:
        raise UnprocessableError(
            f"The job {job_id!r} works on raw data, and cannot be a module.", field="job"
        )
    return job


async def check_job(registry: JobRegistry, module: ModuleSettings) -> None:
    """Refuse settings of a module that its job does not take; rules may add what is missing.

    A job that is not installed is no reason to refuse a module: `problems` says so.

    Raises:
        UnprocessableError: The text names each, `field` the first.
    """
    if module.runner != "job":
        return
    try:
        job = await find_sdk_job(registry, module.job)
    except ScanHubError:
        return
    wrong = [one for one in problems_of(job.parameters, module.settings) if one[1] != MISSING]
    if wrong:
        text = " ".join(f"{field or 'settings'}: {why}." for field, why in wrong)
        raise UnprocessableError(
            f"The job {job.id!r} does not take these settings. {text}",
            field=f"settings.{wrong[0][0]}".rstrip("."),
        )


class JobRunner:
    """Runs jobs of the SDK.

    Args:
        registry: Knows them.
        writes: Folders in which they may change files, beside their own.
    """

    def __init__(self, registry: JobRegistry, writes: Sequence[Path] = ()) -> None:
        self._registry, self._writes = registry, writes

    async def examine(self, module: ModuleSettings, *, image: bool) -> Fitness:  # noqa: ARG002 - quick
        """Say whether the job is installed, and can run."""
        notes = [
            f"{name} is for containers: it has no effect on a job."
            for name in (*OF_CONTAINERS, "requires_persistence")
            if getattr(module, name)
        ]
        try:
            job = await find_sdk_job(self._registry, module.job)
        except ScanHubError as error:
            return Fitness("job", [error.detail], notes)
        missing = [
            name for name, why in problems_of(job.parameters, module.settings) if why == MISSING
        ]
        if missing:
            notes.append(f"Each rule has to give {', '.join(missing)}.")
        return Fitness("job", [], notes)

    async def run(self, work: Work, cancel: asyncio.Event, log: Log) -> Ending:
        """Run the job in a process that ends with this one."""
        writes = (work.scratch, *self._writes)
        limits = Limits(work.timeout_s, work.memory_bytes, work.cpus, writes)
        home = {"HOME": str(work.scratch), "TMPDIR": str(work.scratch)}
        program = Supervised(
            _WORKER, variables={**home, **work.variables}, folder=work.scratch, limits=limits
        )
        end = await run(program, cancel, log, ask_to_stop=work.ask_to_stop, grace_s=GRACE_S)
        return Ending(exit_code=end.exit_code, canceled=end.canceled, timed_out=end.timed_out)

    async def clear(self, name: str) -> None:
        """Do nothing: a process ends with the server that started it."""
