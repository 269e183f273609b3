"""Job SDK: what processing code imports. It works without the platform.

Names are imported when they are asked for: a job that reconstructs does not wait for the network.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scanhub_jobs.errors import JobCancelledError, JobError, JobInputError

if TYPE_CHECKING:
    from scanhub_jobs.backend import Event
    from scanhub_jobs.declaring import Job, Skip, job
    from scanhub_jobs.hooks import SessionContext, on_session_end, on_session_start
    from scanhub_jobs.images.metadata import summary
    from scanhub_jobs.job_context import JobContext
    from scanhub_jobs.network.peer import Peer
    from scanhub_jobs.network.web import WebPeer
    from scanhub_jobs.results import JobResult, State, execute
    from scanhub_jobs.retention import Retention

__all__ = [
    "Event",
    "Job",
    "JobCancelledError",
    "JobContext",
    "JobError",
    "JobInputError",
    "JobResult",
    "Peer",
    "Retention",
    "SessionContext",
    "Skip",
    "State",
    "WebPeer",
    "execute",
    "job",
    "on_session_end",
    "on_session_start",
    "summary",
]
_WHERE = {
    "Event": "backend",
    "Job": "declaring",
    "JobContext": "job_context",
    "JobResult": "results",
    "Peer": "network.peer",
    "Retention": "retention",
    "SessionContext": "hooks",
    "Skip": "declaring",
    "State": "results",
    "WebPeer": "network.web",
    "execute": "results",
    "job": "declaring",
    "on_session_end": "hooks",
    "on_session_start": "hooks",
    "summary": "images.metadata",
}


def __getattr__(name: str) -> Any:
    """Import a name."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
