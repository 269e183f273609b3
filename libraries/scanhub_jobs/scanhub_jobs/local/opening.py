"""Contexts over a folder: for a test, a notebook, or a process that `scanhub-jobs run` started."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, Field

from scanhub_jobs.backend import Document, Event, JobInfo, Reads, RunInfo, SessionInfo, Subject
from scanhub_jobs.declaring import Job
from scanhub_jobs.job_context import AnyParams, JobContext
from scanhub_jobs.local.backend import InMemory, JsonLines, LocalBackend, LocalPeers, peers_of
from scanhub_jobs.local.folder import the_subject
from scanhub_jobs.local.raw import RAW_DATA, read_input
from scanhub_jobs.local.stores import write_whole


class LocalRun(Document):
    """What a process must know to run a job locally; one JSON file."""

    kind: str = "local"
    folder: Path
    out: Path
    entry: str = Field(description="module:function")
    reads: Reads = Reads.IMAGES
    run: RunInfo
    parameters: dict[str, Any] = {}
    peers: LocalPeers = LocalPeers()
    stop_file: Path
    result_file: Path


def open_session(out: Path) -> SessionInfo:
    """Return the session of an output folder; the first who asks begins it."""
    path = out / "session.json"
    if path.is_file():
        return SessionInfo.model_validate_json(path.read_bytes())
    session = SessionInfo(id=str(uuid4()), created_at=datetime.now(UTC).replace(microsecond=0))
    write_whole(path, session.model_dump_json(indent=2).encode())
    return session


def needed_by(job: Job[Any], others: Mapping[str, Job[Any]]) -> list[str]:
    """Return the names of all jobs whose data a job may read: what it needs, and what they need."""
    found: dict[str, None] = {}
    waiting = [(name, job.needed.get(name) or others.get(name)) for name in job.manifest.needs]
    while waiting:
        name, needed = waiting.pop(0)
        if name in found:
            continue
        found[name] = None
        if needed is not None:
            waiting += [(n, needed.needed.get(n) or others.get(n)) for n in needed.manifest.needs]
    return list(found)


def run_info(
    job: Job[Any],
    session: SessionInfo,
    subject: Subject,
    *,
    attempt: int = 1,
    others: Mapping[str, Job[Any]] | None = None,
) -> RunInfo:
    """Return what a job is told when it starts now."""
    limit = job.manifest.timeout_s
    return RunInfo(
        job=JobInfo(
            id=f"{session.id}/{job.name}/{subject.event}/{subject.key}",
            name=job.name,
            version=job.manifest.version,
            service=job.manifest.entry.partition(":")[0].partition(".")[0],
            event=subject.event,
            attempt=attempt,
            deadline=None if limit is None else datetime.now(UTC) + timedelta(seconds=limit),
        ),
        session=session,
        subject=subject,
        upstream=frozenset(needed_by(job, others or {})),
    )


def _nothing(_: JobContext) -> None:
    """Stands where no job is given: a context to look around in."""


def local_context(
    folder: Path | str,
    *,
    job: Job[Any] | None = None,
    params: Mapping[str, Any] | BaseModel | None = None,
    out: Path | str | None = None,
    event: Event | None = None,
    series: str | None = None,
    study: str | None = None,
    peers: Mapping[str, Any] | None = None,
    sender: str | None = None,
) -> JobContext[Any]:
    """Return a context over a folder of DICOM files.

    Args:
        folder: Searched for DICOM files, with the folders in it; or one file. For a job that reads
            raw data, for those.
        job: The job it is for; none: a nameless one without parameters.
        params: Its parameters, or a pydantic model of any kind where no job is given.
        out: Where data, files and images go; none: a folder that goes with the process.
        event: What has happened; none: the first that the job is for.
        series: SeriesInstanceUID, where there are several.
        study: StudyInstanceUID, where there are several.
        peers: DICOM nodes by name, each a `Peer` or its fields.
        sender: Name of the node that the images are to have come from.

    Raises:
        ImageFolderError: There are no images in the folder.
        SeriesNotFoundError: There are several series, and it is not said which.
        ParameterError: The parameters are not those of the job.
    """
    anonymous = Job.of(_nothing, "local") if job is None else job
    found = read_input(Path(folder), anonymous.manifest.reads)
    happens = event or anonymous.manifest.events[0]
    subject = (
        RAW_DATA
        if found.raw_data
        else the_subject(found.instances, happens, series=series, study=study)
    )
    given = (
        params if job is None and isinstance(params, BaseModel) else anonymous.parameters(params)
    )
    root = Path(tempfile.mkdtemp(prefix="scanhub-jobs-") if out is None else out)
    session = open_session(root)
    backend = LocalBackend(
        run_info(anonymous, session, subject),
        found.instances,
        root,
        peers=peers_of(peers, sender),
        reporter=InMemory(),
        raw_data=found.raw_data,
        reference=found.reference(session),
    )
    context: JobContext[Any] = JobContext(backend, given)
    if out is None:
        context.on_close(shutil.rmtree, root)
    return context


def open_run(document: Mapping[str, Any], params: Any = None) -> JobContext[Any]:
    """Return the context of a run that a document describes."""
    run = LocalRun.model_validate(document)
    found = read_input(run.folder, run.reads)
    backend = LocalBackend(
        run.run,
        found.instances,
        run.out,
        peers=run.peers,
        reporter=JsonLines(run.stop_file),
        raw_data=found.raw_data,
        reference=found.reference(run.run.session),
    )
    return JobContext(backend, AnyParams(**run.parameters) if params is None else params)


def write_run(run: LocalRun, path: Path) -> None:
    """Write the document that describes a run; keys of peers are paths, they stay in it."""
    write_whole(path, json.dumps(run.model_dump(mode="json"), indent=2).encode())
    path.chmod(0o600)
