"""Queries of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.results.models import Result
from exam_manager.sequences.models import Sequence as SequenceRow
from exam_manager.tasks.holding import hold_trees
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models import ItemStatus

TASK = Task.__table__  # type: ignore[attr-defined]
_HAS_RESULTS = sa.exists().where(col(Result.task_id) == col(Task.id)).label("has_results")
Conditions = tuple[sa.ColumnElement[bool], ...]
_ROW = sa.select(TASK, _HAS_RESULTS).where(TASK.c.id == sa.bindparam("task_id"))
_BRANCH = (
    sa.select(Task, Workflow, Exam, Patient, _HAS_RESULTS, col(SequenceRow.updated_at))
    .outerjoin(Workflow, col(Workflow.id) == col(Task.workflow_id))
    .outerjoin(Exam, col(Exam.id) == col(Workflow.exam_id))
    .outerjoin(Patient, col(Patient.id) == col(Exam.patient_id))
    .outerjoin(SequenceRow, col(SequenceRow.id) == col(Task.sequence_id))
    .where(col(Task.id) == sa.bindparam("task_id"))
    .with_for_update(of=Task, key_share=True)
)
"""Made once: each claim asks it, and it takes longer to put together than to answer."""


@dataclass(frozen=True, slots=True)
class TaskChain:
    """A task and where it hangs in the tree."""

    task: Task
    exam_id: UUID | None
    patient_id: UUID | None


@dataclass(frozen=True, slots=True)
class TaskBranch:
    """A task and the rows above it, as a claim needs them."""

    task: Task
    workflow: Workflow | None
    exam: Exam | None
    patient: Patient | None
    has_results: bool
    sequence_updated_at: datetime | None

    @property
    def chain(self) -> TaskChain:
        """The task with the ids above it."""
        exam = self.exam
        return TaskChain(self.task, exam.id if exam else None, exam.patient_id if exam else None)


async def get_chain(
    session: AsyncSession, task_id: UUID, *, lock: bool = False, into: UUID | None = None
) -> TaskChain:
    """Return a task with the ids above it.

    Args:
        session: The transaction.
        task_id: The task.
        lock: Hold the exam's row and then the task's until the end of the transaction: whoever
            changes anything below an exam does so one after the other, and in the same order as a
            delete.
        into: The workflow that the task may move to: its exam is held too.

    Raises:
        NotFoundError: There is no such task.
    """
    if lock:
        await hold_trees(session, task_ids=[task_id], workflow_ids=[into] if into else [])
    query = (
        sa.select(Task, col(Workflow.exam_id), col(Exam.patient_id))
        .outerjoin(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .outerjoin(Exam, col(Exam.id) == col(Workflow.exam_id))
        .where(col(Task.id) == task_id)
    )
    if lock:
        query = query.with_for_update(of=Task, key_share=True)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no task {task_id}.")
    return TaskChain(*found)


async def lock_branch(session: AsyncSession, task_id: UUID) -> TaskBranch:
    """Return a task with the rows above it in one statement, task and exam held.

    Raises:
        NotFoundError: There is no such task.
    """
    await hold_trees(session, task_ids=[task_id])
    found = (await session.execute(_BRANCH, {"task_id": task_id})).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no task {task_id}.")
    return TaskBranch(*found)


async def lock_task(session: AsyncSession, task_id: UUID) -> Task | None:
    """Return a task, its exam and itself held; None if there is none."""
    await hold_trees(session, task_ids=[task_id])
    return await session.get(Task, task_id, with_for_update=True)


async def list_rows(session: AsyncSession, conditions: Conditions) -> Sequence[Any]:
    """Return the rows of tasks in their order, as mappings."""
    query = (
        sa.select(TASK)
        .where(*conditions)
        .order_by(TASK.c.workflow_id, TASK.c.position, TASK.c.datetime_created, TASK.c.id)
    )
    return (await session.execute(query)).mappings().all()


async def find_row(session: AsyncSession, task_id: UUID) -> Any:
    """Return the row of a task as a mapping, with `has_results`; None if there is none."""
    return (await session.execute(_ROW, {"task_id": task_id})).mappings().one_or_none()


async def tree_inputs(session: AsyncSession, workflow_id: UUID) -> dict[UUID, list[UUID]]:
    """Return the inputs of every task in the exam, or else the workflow, of a workflow."""
    exam_id = sa.select(col(Workflow.exam_id)).where(col(Workflow.id) == workflow_id)
    query = (
        sa.select(col(Task.id), col(Task.input_task_ids))
        .join(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .where(
            sa.or_(
                col(Workflow.id) == workflow_id, col(Workflow.exam_id) == exam_id.scalar_subquery()
            )
        )
    )
    rows = await session.execute(query)
    return {task_id: [UUID(item) for item in inputs] for task_id, inputs in rows}


async def list_exam_tasks(session: AsyncSession, exam_id: UUID) -> Sequence[UUID]:
    """Return the ids of the tasks of an exam."""
    query = (
        sa.select(col(Task.id))
        .join(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .where(col(Workflow.exam_id) == exam_id)
    )
    return (await session.scalars(query)).all()


async def exam_of(session: AsyncSession, workflow_id: UUID) -> UUID | None:
    """Return the exam of a workflow."""
    query = sa.select(col(Workflow.exam_id)).where(col(Workflow.id) == workflow_id)
    return await session.scalar(query)


async def last_position(session: AsyncSession, task: Task) -> tuple[int | None, int]:
    """Return the last position among the other tasks of a task's workflow, and their number."""
    query = sa.select(sa.func.max(col(Task.position)), sa.func.count()).where(
        col(Task.workflow_id) == task.workflow_id, col(Task.id) != task.id
    )
    last, count = (await session.execute(query)).one()
    return last, count


async def statuses_of_exam(session: AsyncSession, exam_id: UUID) -> list[tuple[UUID, ItemStatus]]:
    """Return workflow and status of every task of an exam."""
    query = (
        sa.select(col(Workflow.id), col(Task.status))
        .join(Task, col(Task.workflow_id) == col(Workflow.id))
        .where(col(Workflow.exam_id) == exam_id)
    )
    return [(workflow_id, status) for workflow_id, status in await session.execute(query)]


async def statuses_of_workflow(session: AsyncSession, workflow_id: UUID) -> Sequence[ItemStatus]:
    """Return the status of every task of a workflow."""
    query = sa.select(col(Task.status)).where(col(Task.workflow_id) == workflow_id)
    return (await session.scalars(query)).all()


async def claimed_tasks(session: AsyncSession, conditions: Conditions) -> Sequence[UUID]:
    """Return the tasks that a device or a run holds."""
    query = sa.select(col(Task.id)).where(col(Task.claim_active), *conditions)
    return (await session.scalars(query)).all()
