"""The jobs of this installation: those of the platform, and those of packages beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scanhub_libraries.errors import ConflictError, NotFoundError
from workflow_manager.jobs.built_in import BUILT_IN
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.jobs.entry_points import EntryPointJobs
from workflow_manager.jobs.servers import server_jobs


class JobRegistry:
    """Knows the jobs. Packages that are installed while the service runs are found too.

    Args:
        servers: Reconstruction servers: address (host:port) by name.
    """

    def __init__(self, servers: Mapping[str, str] | None = None) -> None:
        self._servers = {job.id: job for job in server_jobs(servers or {})}
        self._entry_points = EntryPointJobs()

    async def list_jobs(self) -> list[JobDefinition]:
        """Return all jobs, those of the platform first; what cannot run says why in `problem`."""
        others = await self._entry_points.list_jobs()
        return distinct([*BUILT_IN.values(), *self._servers.values(), *others])

    async def get_job(self, job_id: str) -> JobDefinition:
        """Return a job by its id, also one that cannot run.

        Raises:
            NotFoundError: There is none; the text names those that there are.
        """
        own = BUILT_IN.get(job_id) or self._servers.get(job_id)
        if own is not None:
            return own
        for job in await self._entry_points.named(job_id):
            return job
        jobs = await self.list_jobs()
        known = ", ".join(job.id for job in jobs if not job.problem)
        raise NotFoundError(f"There is no job {job_id!r} in this installation; there is: {known}.")

    async def usable_job(self, job_id: str) -> JobDefinition:
        """Return a job that can run.

        Raises:
            NotFoundError: There is none of this id.
            ConflictError: It cannot run; the text says why.
        """
        job = await self.get_job(job_id)
        if job.problem:
            raise ConflictError(f"The job {job_id!r} cannot run. {job.problem}")
        return job


def distinct(jobs: Iterable[JobDefinition]) -> list[JobDefinition]:
    """Let the first job of each id be the one that runs; the others say so."""
    first: dict[str, JobDefinition] = {}
    told = []
    for job in jobs:
        other = first.setdefault(job.id, job)
        if other is job:
            told.append(job)
        else:
            owner = other.package or "the platform"
            problem = f"There is another job of this name, of {owner}: give it another name."
            told.append(replace(job, problem=problem))
    return told
