"""Runs that are skipped: the task has nothing to work on, and says why."""

from uuid import UUID, uuid5

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DAGTaskOut, JournalEntry, WorkflowOut
from workflow_manager.journal.service import append
from workflow_manager.runs import repository
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus, tasks_to_skip, why_nothing
from workflow_manager.runs.service import event_of
from workflow_manager.wiring import Wiring


async def skip_dependents(
    wiring: Wiring, workflow: WorkflowOut, source_id: UUID, entry: JournalEntry
) -> None:
    """Skip the tasks that have nothing to work on, now that one of their inputs has none.

    That they were skipped is an event too, so those that follow on them are skipped in turn. The
    tasks stay planned: as soon as their inputs are there, they start by themselves.

    Args:
        wiring: The database.
        workflow: As it is by now: an event that is read late skips nothing.
        source_id: The task that has nothing for others.
        entry: What tells of it.
    """
    source = next((task for task in workflow.tasks if task.id == source_id), None)
    reason = why_nothing(source, skipped=entry.type == EventType.RUN_SKIPPED)
    if reason is None:
        return
    for task in tasks_to_skip(workflow.tasks, source_id):
        await _skip(wiring, workflow, task, reason, entry)


async def _skip(
    wiring: Wiring, workflow: WorkflowOut, task: DAGTaskOut, reason: str, entry: JournalEntry
) -> None:
    """Write a run that was skipped; one for each event, and none where nothing is new."""
    run_id = uuid5(task.id, f"skipped:{entry.id}")
    async with transaction(wiring.sessions) as session:
        if await session.get(Run, run_id) is not None:
            return
        last = await repository.newest_run(session, task.id)
        if last is not None and (
            last.status in repository.OPEN
            or (last.status is RunStatus.SKIPPED and last.error == reason)
        ):
            return
        run = Run(
            id=run_id,
            task_id=task.id,
            exam_id=workflow.exam_id,
            workflow_id=workflow.id,
            job_id=task.dag_id,
            status=RunStatus.SKIPPED,
            error=reason,
            attempt=1 + await repository.count_runs(session, task.id),
            requested_by=f"event:{entry.sequence}",
            ended_at=utc_now(),
        )
        session.add(run)
        await session.flush()
        await append(session, [event_of(run, EventType.RUN_SKIPPED)])
