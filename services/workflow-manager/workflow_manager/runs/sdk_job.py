"""A job of the SDK as the job of a run: its program, and the session around it.

The session is the run: its data and files are taken when the job has ended, well or not; hooks run
before and after it.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from scanhub_jobs.backend import Event, JobInfo, SessionInfo, Subject
from scanhub_jobs.hooks import Moment
from scanhub_jobs.results import JobFailure, JobResult, State
from scanhub_libraries.clock import utc_now
from workflow_manager.job_sessions.harvesting import harvest, results_in
from workflow_manager.job_sessions.hooks import note_end, run_session_hooks
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.programs.job import JobEnd, Place
from workflow_manager.programs.supervised import Limits
from workflow_manager.runs.folders import RunFolders
from workflow_manager.runs.models import Run
from workflow_manager.wiring import Wiring

Do = Callable[[asyncio.Event], Awaitable[JobEnd]]
_PROGRAM = "scanhub_jobs.exams.task"
_REFUSED = 1


def make_ready(folders: RunFolders) -> None:
    """Make the folders of a job; what another attempt left in the session stays. Blocking."""
    folders.stop.unlink(missing_ok=True)
    folders.session.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folders.scratch, ignore_errors=True)
    folders.scratch.mkdir()


def sdk_program(
    job: JobDefinition, folders: RunFolders, limits: Limits, attempt: int
) -> tuple[str, list[str], Place]:
    """Return the program that runs a job of the SDK, what it is told besides, and its place."""

    async def ask_to_stop() -> None:
        await asyncio.to_thread(folders.stop.touch)

    told = ["--entry", job.entry, "--session", str(folders.session), "--stop", str(folders.stop)]
    told += ["--attempt", str(attempt)]
    if limits.timeout_s is not None:
        told += ["--timeout", f"{limits.timeout_s:g}"]
    return _PROGRAM, told, Place(home=folders.scratch, ask_to_stop=ask_to_stop)


class SdkSession:
    """What happens before a job of the SDK, and after it.

    Args:
        wiring: The database, the files.
        run: The run, which is the session.
        job: Its job.
    """

    def __init__(self, wiring: Wiring, run: Run, job: JobDefinition) -> None:
        self._wiring, self._run, self._job = wiring, run, job
        self._folders = RunFolders(wiring.lake.root, run.id)
        begun = run.created_at.replace(microsecond=0)
        self._session = SessionInfo(id=str(run.id), created_at=begun)

    async def around(self, do: Do, cancel: asyncio.Event) -> tuple[JobEnd, list[str]]:
        """Run the job between the hooks; return how it ended, and what else there is to say."""
        jobs = [self._job]
        refusal = await run_session_hooks(self._wiring, self._session, jobs, Moment.START)
        if refusal:
            end = JobEnd(_REFUSED, last={"event": "error", "detail": refusal})
        else:
            end = await do(cancel)
        await harvest(self._wiring, self._run.id, self._folders.session)
        results = await self._results(end, refusal)
        told = await run_session_hooks(self._wiring, self._session, jobs, Moment.END, results)
        await note_end(self._wiring, self._run.id, jobs, results)
        return end, [told] if told else []

    async def _results(self, end: JobEnd, refusal: str) -> list[JobResult]:
        """Return how the jobs ended; one that was killed could not say so itself."""
        found = await asyncio.to_thread(results_in, self._folders.session)
        if end.failure is None and not end.canceled:
            return found
        state = _state(end, refusal)
        if any(result.state is state for result in found):
            return found
        return [*found, self._killed(state, end, refusal)]

    def _killed(self, state: State, end: JobEnd, refusal: str) -> JobResult:
        now = datetime.now(UTC)
        subject = Subject(event=Event.STUDY_STABLE, patient="exam")
        job: dict[str, Any] = {"name": self._job.id, "version": self._job.version}
        return JobResult(
            state=state,
            job=JobInfo(id=f"{self._session.id}/{self._job.id}", event=subject.event, **job),
            session=self._session,
            subject=subject,
            started_at=self._run.started_at or now,
            ended_at=utc_now(),
            parameters=self._run.told_parameters,
            reason=refusal or ("Stopped." if end.canceled else ""),
            failure=None if refusal or end.canceled else _failure(end),
        )


def _state(end: JobEnd, refusal: str) -> State:
    if refusal:
        return State.BLOCKED
    if end.timed_out:
        return State.TIMED_OUT
    return State.CANCELLED if end.canceled else State.FAILED


def _failure(end: JobEnd) -> JobFailure:
    return JobFailure(
        kind="timeout" if end.timed_out else f"exit code {end.exit_code}",
        message=end.failure or "",
        input_at_fault=end.input_at_fault,
    )
