"""Tasks as the wire has them, and what a change of a task means for the levels above."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.database import emit
from exam_manager.exams.models import Exam
from exam_manager.results.service import read_results
from exam_manager.tasks import repository, rules
from exam_manager.tasks.deviations import deviations_of
from exam_manager.tasks.repository import TASK, TaskChain
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import (
    AcquisitionTaskOut,
    DAGTaskOut,
    ItemStatus,
    ResultOut,
    TaskOut,
    TaskType,
)


def task_out(row: Any, results: list[ResultOut]) -> TaskOut:
    """Return a task as the wire has it.

    Args:
        row: A mapping of the table's columns.
        results: The task's results.
    """
    model = AcquisitionTaskOut if row["task_type"] is TaskType.ACQUISITION else DAGTaskOut
    return model.model_validate({**row, "results": results, "deviations": deviations_of(row)})


async def read_tasks(session: AsyncSession, *conditions: sa.ColumnElement[bool]) -> list[TaskOut]:
    """Return tasks with their results, in order of workflow and position: two statements."""
    rows = await repository.list_rows(session, conditions)
    results = await read_results(session, sa.select(TASK.c.id).where(*conditions)) if rows else {}
    return [task_out(row, results.get(row["id"], [])) for row in rows]


async def read_task(session: AsyncSession, task_id: UUID) -> TaskOut:
    """Return one task.

    Raises:
        NotFoundError: There is no such task.
    """
    row = await repository.find_row(session, task_id)
    if row is None:
        raise NotFoundError(f"There is no task {task_id}.")
    return task_out(row, await read_task_results(session, task_id) if row["has_results"] else [])


async def read_task_results(session: AsyncSession, task_id: UUID) -> list[ResultOut]:
    """Return the results of one task, oldest first."""
    found = await read_results(session, sa.select(sa.literal(task_id, sa.Uuid)))
    return found.get(task_id, [])


def emit_task(session: AsyncSession, event_type: EventType, chain: TaskChain) -> None:
    """Tell what happened to a task."""
    task = chain.task
    emit(
        session,
        event_type,
        task.id,
        {
            "task_id": str(task.id),
            "workflow_id": _text(task.workflow_id),
            "exam_id": _text(chain.exam_id),
            "patient_id": _text(chain.patient_id),
            "task_type": task.task_type.value,
            "name": task.name,
            "status": task.status.value,
            "progress": task.progress,
            "status_reason": task.status_reason,
        },
    )


def emit_workflow(session: AsyncSession, event_type: EventType, workflow: Workflow) -> None:
    """Tell what happened to a workflow."""
    data = {
        "workflow_id": str(workflow.id),
        "exam_id": _text(workflow.exam_id),
        "name": workflow.name,
        "status": workflow.status.value,
        "is_template": workflow.is_template,
    }
    emit(session, event_type, workflow.id, data)


def emit_exam(session: AsyncSession, event_type: EventType, exam: Exam) -> None:
    """Tell what happened to an exam."""
    data = {
        "exam_id": str(exam.id),
        "patient_id": _text(exam.patient_id),
        "name": exam.name,
        "status": exam.status.value,
        "is_template": exam.is_template,
    }
    emit(session, event_type, exam.id, data)


def _text(identifier: UUID | None) -> str | None:
    return str(identifier) if identifier else None


async def derive_statuses(session: AsyncSession, chain: TaskChain) -> None:
    """Bring the status of the workflow and the exam of a changed task up to date."""
    await derive_above(session, chain.task.workflow_id, chain.exam_id)


async def derive_above(
    session: AsyncSession, workflow_id: UUID | None, exam_id: UUID | None
) -> None:
    """Bring the status of an exam up to date, and of one of its workflows.

    Args:
        session: The transaction.
        workflow_id: The workflow whose tasks changed, came or went; None: it went itself.
        exam_id: Its exam; None: there is nothing to be done.
    """
    if exam_id is None:
        return
    await session.flush()
    statuses = await repository.statuses_of_exam(session, exam_id)
    workflow = await session.get(Workflow, workflow_id) if workflow_id is not None else None
    exam = await session.get(Exam, exam_id)
    if workflow is not None:
        set_derived(session, workflow, [found for of, found in statuses if of == workflow.id])
    if exam is not None:
        set_derived(session, exam, [found for _, found in statuses])


def set_derived(session: AsyncSession, item: Workflow | Exam, tasks: list[ItemStatus]) -> None:
    """Give a workflow or an exam the status that follows from those of its tasks."""
    if not _set_status(item, rules.derive_status(item.status, tasks)):
        return
    if isinstance(item, Workflow):
        emit_workflow(session, EventType.WORKFLOW_UPDATED, item)
    else:
        emit_exam(session, EventType.EXAM_UPDATED, item)


def _set_status(item: Workflow | Exam, status: ItemStatus) -> bool:
    changed = item.status is not status
    item.status = status
    return changed
