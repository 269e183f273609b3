"""Runs: created, canceled, ended. What computes them is in workflow.py."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import (
    ConflictError,
    NotFoundError,
    NotImplementedHereError,
    UnprocessableError,
)
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import DAGTaskOut, ResultOut, TaskOut
from workflow_manager.engine.attempts import Attempt, Attempts
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.journal.service import append, own_event
from workflow_manager.notes import Topic, tell
from workflow_manager.runs import repository
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import ENDED, TASK_BUSY, NotReadyError, RunStatus, resolve_inputs
from workflow_manager.wiring import Wiring

ATTEMPTS = Attempts(kind="run", queue="recon")


async def get_run(session: AsyncSession, run_id: UUID, *, lock: bool = False) -> Run:
    """Return a run; `lock` to change it."""
    run: Run | None = await session.get(Run, run_id, with_for_update=lock, populate_existing=lock)
    if run is None:
        raise NotFoundError(f"There is no run {run_id}.")
    return run


def attempt_of(run: Run) -> Attempt:
    """Return what the engine is to do; a run is tried once, and begun anew as another run."""
    return Attempt(str(run.id), None)


def event_of(run: Run, event_type: EventType) -> Event:
    """Return the event that tells of a run."""
    data: dict[str, Any] = {
        "run_id": str(run.id),
        "task_id": str(run.task_id),
        "exam_id": str(run.exam_id) if run.exam_id else None,
        "workflow_id": str(run.workflow_id) if run.workflow_id else None,
        "job_id": run.job_id,
        "status": run.status.value,
        "progress": run.progress,
        "error": run.error,
    }
    return own_event(event_type, run.id, data)


async def job_of(wiring: Wiring, task: DAGTaskOut) -> JobDefinition:
    """Return the job that a task names.

    Raises:
        NotImplementedHereError: There is none in this installation that a task can name.
        ConflictError: It cannot run; the text says why.
        UnprocessableError: The task has other inputs than the job reads.
    """
    try:
        job = await wiring.jobs.usable_job(task.dag_id)
    except NotFoundError as error:
        raise NotImplementedHereError(error.detail) from error
    if not job.module:
        raise NotImplementedHereError(
            f"The job {job.id!r} works on series that a rule gives it; a task cannot name it."
        )
    most = sum(one.most for one in job.inputs)
    if len(task.input_task_ids) > most:
        raise UnprocessableError(
            f"{job.name} reads {most} input; task {task.name!r} names {len(task.input_task_ids)}."
        )
    return job


async def create_run(
    session: AsyncSession,
    task: DAGTaskOut,
    *,
    run_id: UUID,
    exam_id: UUID | None,
    inputs: dict[UUID, ResultOut],
    requested_by: str,
) -> Run | None:
    """Write a run into the transaction; None when it is there already."""
    if await session.get(Run, run_id) is not None:
        return None
    run = Run(
        id=run_id,
        task_id=task.id,
        exam_id=exam_id,
        workflow_id=task.workflow_id,
        job_id=task.dag_id,
        attempt=1 + await repository.count_runs(session, task.id),
        inputs={str(task_id): str(result.id) for task_id, result in inputs.items()},
        requested_by=requested_by,
    )
    session.add(run)
    await session.flush()
    await append(session, [event_of(run, EventType.RUN_QUEUED)])
    return run


async def start_task(wiring: Wiring, task: DAGTaskOut, *, actor: str, token: str) -> Run:
    """Start a run of a job task because a person asked for it."""
    if task.is_template:
        raise ConflictError("A template cannot be started: make an exam from it first.")
    await job_of(wiring, task)
    if task.status in TASK_BUSY:
        raise ConflictError(f"Task {task.name!r} is running already.")
    if task.workflow_id is None:
        raise ConflictError(f"Task {task.name!r} belongs to no workflow.")
    tasks: dict[UUID, TaskOut] = {
        input_id: await wiring.exam_manager.get_task(input_id, token=token)
        for input_id in task.input_task_ids
    }
    try:
        inputs = resolve_inputs(task, tasks)
    except NotReadyError as error:
        raise ConflictError(str(error)) from error
    workflow = await wiring.exam_manager.get_workflow(task.workflow_id, token=token)
    async with transaction(wiring.sessions) as session:
        if await repository.list_open_runs(session, task.id):
            raise ConflictError(f"Task {task.name!r} is running already.")
        run = await create_run(
            session,
            task,
            run_id=new_id(),
            exam_id=workflow.exam_id,
            inputs=inputs,
            requested_by=actor,
        )
    if run is None:
        raise ConflictError("The run exists already.")
    await ATTEMPTS.start(wiring.engine, attempt_of(run))
    return run


async def cancel_runs(wiring: Wiring, task_id: UUID) -> int:
    """Ask the runs of a task to end; say how many there were."""
    async with transaction(wiring.sessions) as session:
        runs = await repository.list_open_runs(session, task_id)
        for run in runs:
            run.cancel_requested = True
            await tell(session, Topic.STOP, str(run.id))
    for run in runs:
        wiring.stop_here(str(run.id))
    return len(runs)


async def end_run(
    session: AsyncSession, run: Run, status: RunStatus, *, error: str | None = None
) -> Event | None:
    """End a run; return the event to append, or None when it had ended."""
    if run.status in ENDED:
        return None
    run.status, run.error, run.ended_at = status, error, utc_now()
    if status is RunStatus.SUCCEEDED:
        run.progress = 100
    await session.flush()
    types = {
        RunStatus.SUCCEEDED: EventType.RUN_SUCCEEDED,
        RunStatus.FAILED: EventType.RUN_FAILED,
        RunStatus.CANCELED: EventType.RUN_CANCELED,
    }
    return event_of(run, types[status])
