"""The session of a run of modules: hooks before its first job of the SDK, and after its last."""

from collections.abc import Sequence

from scanhub_jobs.backend import SessionInfo
from scanhub_jobs.hooks import Moment
from scanhub_jobs.parameters import shown
from scanhub_jobs.results import JobFailure, JobResult, State
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.errors import ScanHubError
from workflow_manager.job_sessions import repository as sessions
from workflow_manager.job_sessions.hooks import note_end, run_session_hooks
from workflow_manager.job_sessions.models import JobExecution, SessionFile
from workflow_manager.job_sessions.rules import JobState, returned_value
from workflow_manager.job_sessions.service import briefing_of, describe_file
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.modules.models import Module
from workflow_manager.processing import repository
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.queueing import get_run, session_of
from workflow_manager.wiring import Wiring

_STATES = {
    **{state: State(state.value) for state in JobState if state.value in set(State)},
    JobState.WAITING: State.CANCELLED,
    JobState.RUNNING: State.CANCELLED,
}


async def begin_session(wiring: Wiring, run: ProcessingRun, session: SessionInfo) -> str:
    """Run the hooks of the start, once; return why no job may run."""
    jobs = await _jobs_of(wiring, run)
    return await run_session_hooks(wiring, session, jobs, Moment.START)


async def end_session(wiring: Wiring, run: ProcessingRun) -> None:
    """Run the hooks of the end, once for each status, and note how long what is left is kept.

    Nothing happens where no job of the SDK was to run.
    """
    session_id = session_of(run)
    async with reading(wiring.sessions) as session:
        rows = await sessions.list_executions(session, session_id=session_id)
        files = await sessions.list_files(session, session_id)
        first = await get_run(session, session_id)
    if not rows:
        return
    about = SessionInfo(id=str(first.id), created_at=first.created_at.replace(microsecond=0))
    jobs = await _jobs_of(wiring, run)
    results = results_of(rows, files, {job.id: job for job in jobs})
    await run_session_hooks(wiring, about, jobs, Moment.END, results)
    await note_end(wiring, session_id, jobs, results)


async def _jobs_of(wiring: Wiring, run: ProcessingRun) -> list[JobDefinition]:
    """Return the jobs of the SDK in a chain; one that is gone has no hooks any more."""
    async with reading(wiring.sessions) as session:
        steps = (await repository.list_steps(session, [run.id]))[run.id]
        modules = [await session.get(Module, step.module) for step in steps]
    names = [str(m.document.get("job", "")) for m in modules if m is not None and _is_job(m)]
    found = []
    for name in dict.fromkeys(names):
        try:
            found.append(await wiring.jobs.usable_job(name))
        except ScanHubError:
            continue
    return found


def _is_job(module: Module) -> bool:
    return module.document.get("runner") == "job"


def results_of(
    rows: Sequence[JobExecution],
    files: Sequence[SessionFile],
    jobs: dict[str, JobDefinition],
) -> list[JobResult]:
    """Return how the jobs of a session ended; of one that ran again how it did last."""
    last = {(row.job, row.event, row.subject): row for row in rows}
    return [_result(row, files, jobs.get(row.job)) for row in last.values()]


def _result(
    row: JobExecution, files: Sequence[SessionFile], job: JobDefinition | None
) -> JobResult:
    briefing = briefing_of(row)
    own = [f for f in files if (f.job, f.event, f.subject) == (row.job, row.event, row.subject)]
    now = utc_now()
    return JobResult(
        state=_STATES[row.state],
        job=briefing.run.job,
        session=briefing.run.session,
        subject=briefing.run.subject,
        started_at=row.started_at or row.created_at,
        ended_at=row.ended_at or now,
        parameters={} if job is None else shown(job.parameters, briefing.parameters),
        reason=row.reason,
        failure=JobFailure.model_validate(row.failure) if row.failure else None,
        returned=returned_value(row.returned),
        files=[describe_file(file) for file in own],
    )
