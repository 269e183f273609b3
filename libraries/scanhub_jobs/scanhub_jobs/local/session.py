"""A local session: a job and what it needs, for each series, study and patient of a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scanhub_jobs.backend import Event, Producer, Reads, RunInfo, Subject
from scanhub_jobs.declaring import Job
from scanhub_jobs.finding import hooks_of, in_order, jobs_beside
from scanhub_jobs.hooks import HookResult, Moment, SessionContext, SessionHook, run_hooks
from scanhub_jobs.local.backend import LocalPeers
from scanhub_jobs.local.keeping import FolderRecord, note_end
from scanhub_jobs.local.opening import LocalRun, open_session, run_info
from scanhub_jobs.local.raw import read_input
from scanhub_jobs.local.stores import note_producer, write_whole
from scanhub_jobs.local.supervision import Limits, run_attempt
from scanhub_jobs.parameters import shown
from scanhub_jobs.results import JobResult, State

Told = Callable[[RunInfo, dict[str, Any]], None]
_ORDER = tuple(Event)


@dataclass
class LocalSession:
    """What all jobs of a session share."""

    folder: Path
    out: Path
    peers: LocalPeers
    told: Told
    grace_s: float = 5.0
    interrupted: bool = False
    """Somebody pressed Ctrl-C: nothing more is begun"""
    hooks: list[HookResult] = field(default_factory=list)
    """What became of the hooks"""

    def run(
        self, job: Job[Any], parameters: Mapping[str, Any], *, only: str | None = None
    ) -> list[JobResult]:
        """Run what a job needs, then the job, and return how each ended.

        Args:
            job: The job.
            parameters: Its parameters; the jobs that it needs run with their defaults.
            only: UID of the series or study, where not all are meant.

        Raises:
            ParameterError: The parameters are wrong; nothing has run.
            ImageFolderError: There are no images, or for a job that reads them no raw data.
        """
        job.parameters(parameters)
        order = in_order(job)
        inputs = {reads: read_input(self.folder, reads) for reads in {_reads(j) for j in order}}
        hooks = hooks_of(order)
        refusal = self._begin(hooks)
        results: list[JobResult] = []
        for current in order:
            given = parameters if current is job else {}
            for event in sorted(current.manifest.events, key=_ORDER.index):
                for subject in inputs[_reads(current)].subjects(event):
                    meant = {None, subject.series_instance_uid, subject.study_instance_uid}
                    if only in meant and not self.interrupted:
                        work = _Work(current, given, subject, refusal)
                        results.append(self._run_one(work, results))
        write_whole(self.out / "results.json", _document(results))
        self._end(hooks, results, order)
        return results

    def _begin(self, hooks: Sequence[SessionHook]) -> str:
        """Run the hooks of the start; return why no job may run."""
        context, record = SessionContext(open_session(self.out)), FolderRecord(self.out)
        self.hooks = run_hooks(hooks, Moment.START, context, record)
        failed = [hook.name for hook in self.hooks if not hook.done]
        return f"The hook {failed[0]!r} at the start of the session failed." if failed else ""

    def _end(
        self, hooks: Sequence[SessionHook], results: Sequence[JobResult], jobs: Sequence[Job[Any]]
    ) -> None:
        """Run the hooks of the end, and note how long what is there is kept."""
        context = SessionContext(open_session(self.out), results)
        self.hooks += run_hooks(hooks, Moment.END, context, FolderRecord(self.out))
        write_whole(self.out / "hooks.json", _document(self.hooks))
        note_end(self.out, results, [job.manifest.retention for job in jobs])

    def _run_one(self, work: "_Work", before: Sequence[JobResult]) -> JobResult:
        job, parameters, subject = work.job, work.parameters, work.subject
        session, others = open_session(self.out), jobs_beside(job)
        blocking = work.refusal or _blocking(job, subject, before)
        attempts = job.manifest.retries + 1
        for attempt in range(1, attempts + 1):
            info = run_info(job, session, subject, attempt=attempt, others=others)
            producer = Producer(job=job.name, subject=subject)
            result_file = note_producer(self.out, producer) / "result.json"
            if blocking:
                result = _blocked(info, parameters, blocking)
                break
            run = LocalRun(
                folder=self.folder.absolute(),
                out=self.out.absolute(),
                entry=job.manifest.entry,
                reads=job.manifest.reads,
                run=info,
                parameters=dict(parameters),
                peers=self.peers,
                stop_file=result_file.with_name("stop").absolute(),
                result_file=result_file.absolute(),
            )
            limits = Limits(job.manifest.timeout_s, self.grace_s)
            result = run_attempt(run, limits, lambda line, i=info: self.told(i, line))  # type: ignore[misc]
            self.interrupted = limits.interrupted
            if result.state not in {State.FAILED, State.TIMED_OUT} or _hopeless(result):
                break
        result.parameters = shown(job.manifest.parameters, result.parameters)
        write_whole(result_file, result.model_dump_json(indent=2).encode())
        return result


@dataclass(frozen=True)
class _Work:
    """A job, for a subject."""

    job: Job[Any]
    parameters: Mapping[str, Any]
    subject: Subject
    refusal: str = ""
    """Why nothing of the session may run"""


def _reads(job: Job[Any]) -> Reads:
    return job.manifest.reads


def _hopeless(result: JobResult) -> bool:
    return result.failure is not None and result.failure.input_at_fault


def _blocking(job: Job[Any], subject: Subject, before: Sequence[JobResult]) -> str:
    """Name the job that did not succeed though this one needs it."""
    for result in before:
        needed = result.job.name in job.manifest.needs and result.subject.touches(subject)
        if needed and result.state is not State.SUCCEEDED:
            return f"{result.job.name!r}, which it needs, is {result.state}."
    return ""


def _blocked(info: RunInfo, parameters: Mapping[str, Any], reason: str) -> JobResult:
    now = datetime.now(UTC)
    return JobResult(
        state=State.BLOCKED,
        job=info.job,
        session=info.session,
        subject=info.subject,
        started_at=now,
        ended_at=now,
        parameters=dict(parameters),
        reason=reason,
    )


def _document(results: Sequence[BaseModel]) -> bytes:
    return b"[\n" + b",\n".join(r.model_dump_json(indent=2).encode() for r in results) + b"\n]\n"
