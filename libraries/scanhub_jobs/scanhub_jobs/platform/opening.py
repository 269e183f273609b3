"""The context of a job that the platform runs."""

from typing import Any

from scanhub_jobs.job_context import AnyParams, JobContext
from scanhub_jobs.platform.backend import PlatformBackend, open_platform


def platform_context(url: str, token: str) -> JobContext[Any]:
    """Return the context of the run that a token is for, with its parameters as they were given.

    Raises:
        NotInJobError: The run has ended.
        PlatformError: The platform does not answer.
    """
    return context_over(open_platform(url, token))


def context_over(backend: PlatformBackend, params: Any = None) -> JobContext[Any]:
    """Return a context; its connections go with it.

    Args:
        backend: Of the run.
        params: The parameters as the job declares them; None: as they were given.
    """
    given = AnyParams(**backend.briefing.parameters) if params is None else params
    context: JobContext[Any] = JobContext(backend, given)
    context.on_close(backend.close)
    return context
