"""Runs: created, canceled, ended. What computes them is in workflow.py."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_jobs.parameters import secrets_in
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import (
    ConflictError,
    NotFoundError,
    NotImplementedHereError,
    UnprocessableError,
)
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import DAGTaskOut, JobData, ResultOut, TaskOut
from scanhub_libraries.models.run import RunTurn
from workflow_manager.dispatch.rules import OffPeak, Priority
from workflow_manager.engine.attempts import Attempt, Attempts
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.jobs.parameters import check_parameters, with_defaults
from workflow_manager.journal.service import append, own_event
from workflow_manager.notes import Topic, tell
from workflow_manager.runs import repository
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import (
    ELSEWHERE,
    ENDED,
    IN_VAIN,
    OFFPEAK,
    TASK_BUSY,
    NotReadyError,
    RunStatus,
    Turn,
    rank_of,
    resolve_inputs,
    turn_of,
)
from workflow_manager.runs.waiting import usual_review, wait_for_hours, wait_for_review
from workflow_manager.wiring import Wiring

ATTEMPTS = Attempts(kind="run", queue="recon")


async def get_run(session: AsyncSession, run_id: UUID, *, lock: bool = False) -> Run:
    """Return a run; `lock` to change it."""
    run: Run | None = await session.get(Run, run_id, with_for_update=lock, populate_existing=lock)
    if run is None:
        raise NotFoundError(f"There is no run {run_id}.")
    return run


def key_of(run: Run) -> str:
    """Return the key of the workflow of a run; each time that it is put off it has another one."""
    return f"{run.id}:{run.put_off}" if run.put_off else str(run.id)


def id_of(key: str) -> UUID:
    """Return the run whose workflow has this key."""
    return UUID(key.partition(":")[0])


def attempt_of(run: Run) -> Attempt:
    """Return what the engine is to do; a run is tried once, and begun anew as another run."""
    due = run.waits_until if run.waits_for in {OFFPEAK, ELSEWHERE} else None
    return Attempt(key_of(run), None, due, rank_of(run.priority, run.created_at))


def is_overdue(run: Run) -> bool:
    """Say whether the deadline of a run is over."""
    return run.deadline_at is not None and run.deadline_at <= utc_now()


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
        "priority": run.priority.value,
        "waits_for": run.waits_for,
        "waits_until": run.waits_until.isoformat() if run.waits_until else None,
    }
    if run.review:
        data["review"] = {name: run.review[name] for name in ("state", "role", "decided_by")}
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
    most = sum(one.most for one in job.inputs)
    if len(task.input_task_ids) > most:
        words = "one input" if most == 1 else f"{most} inputs at most"
        raise UnprocessableError(
            f"{job.name} reads {words}; task {task.name!r} names {len(task.input_task_ids)}.",
            field="input_task_ids",
        )
    return job


def kinds_of(job: JobDefinition) -> list[JobData]:
    """Return what a job reads; what comes first is preferred."""
    return [kind for one in job.inputs for kind in one.kinds]


async def create_run(
    session: AsyncSession,
    task: DAGTaskOut,
    *,
    run_id: UUID,
    exam_id: UUID | None,
    inputs: dict[UUID, ResultOut],
    requested_by: str,
    job: JobDefinition,
    turn: Turn,
    window: OffPeak,
    review: dict[str, Any] | None = None,
    retry_of: UUID | None = None,
) -> Run | None:
    """Write a run into the transaction; None when it is there already.

    Args:
        session: The transaction.
        task: The task of the run.
        run_id: Its id.
        exam_id: The exam of the task.
        inputs: What it works on.
        requested_by: Who asks for it.
        job: What computes it.
        turn: When.
        window: The off-peak hours.
        review: What a person has to decide before it begins; none: nothing.
        retry_of: The run that it does over again.
    """
    if await session.get(Run, run_id) is not None:
        return None
    run = Run(
        id=run_id,
        task_id=task.id,
        exam_id=exam_id,
        workflow_id=task.workflow_id,
        job_id=task.dag_id,
        job_version=job.version,
        parameters=with_defaults(job, task.parameter or {}),
        secret_parameters=sorted(secrets_in(job.parameters)),
        retry_of=retry_of,
        attempt=1 + await repository.count_runs(session, task.id),
        inputs={str(task_id): str(result.id) for task_id, result in inputs.items()},
        requested_by=requested_by,
        priority=turn.priority,
        deadline_at=turn.deadline_at,
        review=review or {},
    )
    waits = wait_for_review(run) or wait_for_hours(run, window, run.created_at)
    session.add(run)
    await session.flush()
    await append(session, [event_of(run, EventType.RUN_WAITING if waits else EventType.RUN_QUEUED)])
    return run


def usual_turn(wiring: Wiring, job_id: str, wanted: RunTurn | None = None) -> Turn:
    """Return when a run of a job is to be computed.

    Args:
        wiring: The settings.
        job_id: Which job.
        wanted: By whoever starts it; None: nobody does.

    Raises:
        UnprocessableError: The deadline is over.
    """
    settings = wiring.settings
    return turn_of(
        wanted or RunTurn(),
        utc_now(),
        usual=settings.run_priorities.get(job_id, Priority.NORMAL),
        deadline_s=settings.run_deadline_s,
    )


async def start_task(
    wiring: Wiring,
    task: DAGTaskOut,
    *,
    actor: str,
    token: str,
    wanted: RunTurn | None = None,
    retry_of: UUID | None = None,
) -> Run:
    """Start a run of a job task because a person asked for it."""
    job, turn = await _startable(wiring, task), usual_turn(wiring, task.dag_id, wanted)
    tasks: dict[UUID, TaskOut] = {
        input_id: await wiring.exam_manager.get_task(input_id, token=token)
        for input_id in task.input_task_ids
    }
    try:
        inputs = resolve_inputs(task, tasks, kinds_of(job))
    except NotReadyError as error:
        raise ConflictError(str(error)) from error
    return await _begin(
        wiring,
        task,
        job,
        inputs,
        actor=actor,
        token=token,
        turn=turn,
        review=usual_review(wiring, task.dag_id),
        retry_of=retry_of,
    )


async def retry_run(
    wiring: Wiring, run_id: UUID, *, actor: str, token: str, wanted: RunTurn | None = None
) -> Run:
    """Do a run over again that was in vain: on the same data, as the task is planned by now.

    One that was skipped had none: it gets what there is by now.
    """
    async with reading(wiring.sessions) as session:
        run = await get_run(session, run_id)
    if run.status not in IN_VAIN:
        raise ConflictError(
            f"The run is {run.status.value}: only one that did not succeed is tried again. Start "
            "the task to have it computed anew."
        )
    task = await wiring.exam_manager.get_task(run.task_id, token=token)
    if not isinstance(task, DAGTaskOut):
        raise ConflictError(f"Task {task.name!r} is no job any more.")
    if run.status is RunStatus.SKIPPED:
        return await start_task(
            wiring, task, actor=actor, token=token, wanted=wanted, retry_of=run.id
        )
    job, turn = await _startable(wiring, task), usual_turn(wiring, task.dag_id, wanted)
    inputs: dict[UUID, ResultOut] = {}
    for task_id, result_id in run.inputs.items():
        source = await wiring.exam_manager.get_task(UUID(task_id), token=token)
        result = next((r for r in source.results if str(r.id) == result_id), None)
        if result is None or UUID(task_id) not in task.input_task_ids:
            raise ConflictError(
                f"The data of {source.name!r} that the run read are not its input any more: start "
                "the task instead."
            )
        inputs[source.id] = result
    return await _begin(
        wiring,
        task,
        job,
        inputs,
        actor=actor,
        token=token,
        turn=turn,
        review=usual_review(wiring, task.dag_id, before=run.review),
        retry_of=run.id,
    )


async def _startable(wiring: Wiring, task: DAGTaskOut) -> JobDefinition:
    """Return the job of a task that may be started now.

    Raises:
        ConflictError: It may not.
        UnprocessableError: The job does not take its parameters, or its inputs.
    """
    if task.is_template:
        raise ConflictError("A template cannot be started: make an exam from it first.")
    job = await job_of(wiring, task)
    if task.status in TASK_BUSY:
        raise ConflictError(f"Task {task.name!r} is running already.")
    if task.workflow_id is None:
        raise ConflictError(f"Task {task.name!r} belongs to no workflow.")
    check_parameters(job, task.parameter or {})
    return job


async def _begin(
    wiring: Wiring,
    task: DAGTaskOut,
    job: JobDefinition,
    inputs: dict[UUID, ResultOut],
    *,
    actor: str,
    token: str,
    turn: Turn,
    review: dict[str, Any],
    retry_of: UUID | None,
) -> Run:
    if task.workflow_id is None:
        raise ConflictError(f"Task {task.name!r} belongs to no workflow.")
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
            job=job,
            turn=turn,
            window=wiring.settings.offpeak,
            review=review,
            retry_of=retry_of,
        )
    if run is None:
        raise ConflictError("The run exists already.")
    await start_run(wiring, run)
    return run


async def start_run(wiring: Wiring, run: Run) -> None:
    """Put a run into its queue, unless a person has to decide first; twice is harmless."""
    if not run.waits_for_review:
        await ATTEMPTS.start(wiring.engine, attempt_of(run))


async def cancel_run(wiring: Wiring, run_id: UUID) -> Run:
    """Ask a run to end.

    Raises:
        ConflictError: It has ended.
    """
    async with transaction(wiring.sessions) as session:
        run = await get_run(session, run_id, lock=True)
        if run.status in ENDED:
            raise ConflictError(f"The run has ended: it is {run.status.value}.")
        run.cancel_requested = True
        await tell(session, Topic.STOP, str(run.id))
    wiring.stop_here(str(run.id))
    wiring.runs_due()
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
    wiring.runs_due()
    return len(runs)


async def end_run(
    session: AsyncSession, run: Run, status: RunStatus, *, error: str | None = None
) -> Event | None:
    """End a run; return the event to append, or None when it had ended."""
    if run.status in ENDED:
        return None
    run.status, run.error, run.ended_at = status, error, utc_now()
    run.waits_for = run.waits_until = None
    if status is RunStatus.SUCCEEDED:
        run.progress = 100
    await session.flush()
    types = {
        RunStatus.SUCCEEDED: EventType.RUN_SUCCEEDED,
        RunStatus.FAILED: EventType.RUN_FAILED,
        RunStatus.CANCELED: EventType.RUN_CANCELED,
        RunStatus.TIMED_OUT: EventType.RUN_FAILED,
        RunStatus.SKIPPED: EventType.RUN_SKIPPED,
    }
    return event_of(run, types[status])
