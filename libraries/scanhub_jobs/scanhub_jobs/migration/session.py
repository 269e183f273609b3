"""Session data, session files, and who the job is, by their old names."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from scanhub_jobs.artifacts import FilesView
from scanhub_jobs.data import DataView
from scanhub_jobs.errors import JobError
from scanhub_jobs.job_context import JobContext


def _data(job_name: str | None) -> Mapping[str, Any]:
    context = JobContext.current()
    if job_name in {None, context.job.name}:
        return context.data
    found: DataView = context.upstream(str(job_name)).data
    return found


def _files(job_name: str | None) -> FilesView:
    context = JobContext.current()
    if job_name in {None, context.job.name}:
        return context.files
    return context.upstream(str(job_name)).files


def set_session_data(name: str, value: Any) -> str:
    """Store a value of this job; return its name."""
    JobContext.current().data[name] = value
    return name


def get_session_data(name: str, default: Any = None, job_name: str | None = None) -> Any:
    """Return a value of this job, or of one that it needs; `default` when it is missing."""
    return _data(job_name).get(name, default)


def has_session_data(name: str, job_name: str | None = None) -> bool:
    """Say whether there is such a value."""
    return name in _data(job_name)


def remove_session_data(name: str) -> int:
    """Remove a value of this job; return how many there were."""
    return int(JobContext.current().data.pop(name, _MISSING) is not _MISSING)


_MISSING = object()


def upload_session_file(
    file: Path | str | bytes | BinaryIO,
    name: str,
    meta: Mapping[str, Any] | None = None,
    content_type: str | None = None,
    ext: str | None = None,
) -> str:
    """Store a file of this job; return its name. A stream stays open, `meta` as it is."""
    described = {**(meta or {}), **({"ext": ext} if ext else {})}
    JobContext.current().files.put(name, file, content_type=content_type, meta=described)
    return name


def download_session_file(
    name: str, filename: Path | str | None = None, job_name: str | None = None
) -> io.BytesIO | None:
    """Return a file, or write it to `filename` and return None; None when it is missing."""
    files = _files(job_name)
    if name not in files:
        return None
    if filename is None:
        return io.BytesIO(files.get(name))
    files.save(name, filename)
    return None


def get_session_file(
    name: str, select: Iterable[str] | None = None, job_name: str | None = None
) -> dict[str, Any] | None:
    """Return what is known of a file, or some of it; None when it is missing."""
    files = _files(job_name)
    if name not in files:
        return None
    found = files.stat(name).model_dump()
    wanted = None if select is None else set(select)
    return {k: v for k, v in found.items() if wanted is None or k in wanted}


def has_session_file(name: str, job_name: str | None = None) -> bool:
    """Say whether there is such a file."""
    return name in _files(job_name)


def remove_session_file(name: str) -> None:
    """Remove a file of this job if it is there."""
    JobContext.current().files.discard(name)


def get_session_id() -> str:
    """Return the id of the session."""
    return JobContext.current().session.id


def get_job_id() -> str:
    """Return the id of the job."""
    return JobContext.current().job.id


def get_job_name() -> str:
    """Return the name of the job."""
    return JobContext.current().job.name


def get_job_event() -> str:
    """Return the event that the job runs for."""
    return str(JobContext.current().job.event)


def get_job_service_name() -> str:
    """Return the package that the job comes with."""
    return JobContext.current().job.service


def get_peer_id() -> str | None:
    """Return the name of the node that sent the images; None: no node did."""
    sender = JobContext.current().sender
    return None if sender is None else sender.name


def get_db_info() -> NoReturn:
    """Say that there is no database for jobs.

    Raises:
        JobError: Always.
    """
    raise JobError("Jobs get no access to a database: use session data and files.")


def run_pre_services(**_: Any) -> None:
    """Do nothing: what prepares a session is a hook, see `session_hooks`."""


def run_post_services(**_: Any) -> None:
    """Do nothing: what ends a session is a hook, and `Retention` says how long things are kept.

    It removed the patient's images, also those that had come meanwhile; nothing does that here.
    """
