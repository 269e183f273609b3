"""Starts the tasks whose inputs have just become complete, from the journal, exactly once.

And skips those whose input has nothing for them, as it failed or was stopped.

What is read again after a crash starts nothing again: a run's id is made of its task and inputs.
"""

from functools import partial
from uuid import UUID

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ForbiddenError, NotFoundError, ScanHubError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import (
    DAGTaskOut,
    JournalEntry,
    ResultOut,
    ResultType,
    TaskOut,
    WorkflowOut,
)
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.journal.follower import JournalFollower
from workflow_manager.runs.rules import (
    NotReadyError,
    automatic_run_id,
    resolve_inputs,
    tasks_to_start,
)
from workflow_manager.runs.service import (
    create_run,
    job_of,
    kinds_of,
    start_run,
    usual_turn,
)
from workflow_manager.runs.skipping import skip_dependents
from workflow_manager.runs.waiting import usual_review
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_THERE = frozenset({EventType.TASK_FINISHED, EventType.RESULT_STORED})
_NOT_THERE = frozenset({EventType.TASK_FAILED, EventType.TASK_CANCELED, EventType.RUN_SKIPPED})


def run_follower(wiring: Wiring) -> JournalFollower:
    """Return what starts runs; at its first start it begins with the oldest event."""
    return JournalFollower(
        "runs",
        wiring.sessions,
        wiring.tail,
        _THERE | _NOT_THERE,
        partial(_react, wiring),
        about=lambda entry: (entry.type in _THERE, _task_of(entry)),
        from_the_oldest=True,
    )


def _task_of(entry: JournalEntry) -> tuple[UUID, UUID] | None:
    """Return the task that has new results and its workflow; None: no run can follow on it.

    Runs begin with raw data. Whatever else is stored waits for the end of its task.
    """
    kind = entry.data.get("type", ResultType.MRD)
    if entry.type == EventType.RESULT_STORED and kind != ResultType.MRD:
        return None
    try:
        task_id, workflow_id = entry.data.get("task_id"), entry.data.get("workflow_id")
        return UUID(str(task_id)), UUID(str(workflow_id))
    except ValueError:
        return None


async def _react(wiring: Wiring, entry: JournalEntry) -> None:
    told = _task_of(entry)
    if told is None:
        return
    task_id, workflow_id = told
    try:
        workflow = await wiring.exam_manager.get_workflow(workflow_id)
    except (NotFoundError, ForbiddenError):
        return  # deleted since
    if workflow.is_template:
        return
    if entry.type in _NOT_THERE:
        await skip_dependents(wiring, workflow, task_id, entry)
        return
    for task in tasks_to_start(workflow.tasks, task_id):
        try:
            job = await job_of(wiring, task)
            inputs = resolve_inputs(task, _by_id(workflow), kinds_of(job))
        except (NotReadyError, ScanHubError) as error:
            logger.info("task not started", task_id=str(task.id), reason=str(error))
            continue
        await _start(wiring, workflow, task, inputs, job=job, entry=entry)


async def _start(
    wiring: Wiring,
    workflow: WorkflowOut,
    task: DAGTaskOut,
    inputs: dict[UUID, ResultOut],
    *,
    job: JobDefinition,
    entry: JournalEntry,
) -> None:
    run_id = automatic_run_id(task.id, [result.id for result in inputs.values()])
    async with transaction(wiring.sessions) as session:
        run = await create_run(
            session,
            task,
            run_id=run_id,
            exam_id=workflow.exam_id,
            inputs=inputs,
            requested_by=f"event:{entry.sequence}",
            job=job,
            turn=usual_turn(wiring, task.dag_id),
            window=wiring.settings.offpeak,
            review=usual_review(wiring, task.dag_id),
        )
    if run is not None:
        await start_run(wiring, run)


def _by_id(workflow: WorkflowOut) -> dict[UUID, TaskOut]:
    return {task.id: task for task in workflow.tasks}
