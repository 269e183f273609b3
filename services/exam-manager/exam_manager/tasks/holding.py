"""Holding the trees that a change is about to touch, so that changes come one after the other."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.database import is_postgresql
from scanhub_libraries.errors import ConflictError

_MOVED = "It was moved to another place at the same moment: read it again, then try again."


async def hold_trees(
    session: AsyncSession,
    *,
    task_ids: Sequence[UUID] = (),
    workflow_ids: Sequence[UUID] = (),
    exam_ids: Sequence[UUID] = (),
) -> None:
    """Hold the exams of tasks, of workflows, and these, until the end of the transaction.

    To be called before anything below them is read to be changed: every change counts in the
    exam's row, so two who took it last would wait for one another. A workflow template that hangs
    in no exam is held itself. SQLite has one writer anyway.

    Raises:
        ConflictError: Something was moved while it was waited for, so the wrong exam is held.
    """
    if not is_postgresql(session):
        return
    held = set(await session.scalars(_lock_exams(task_ids, workflow_ids, exam_ids)))
    if not (task_ids or workflow_ids):
        return
    roots = await _roots(session, task_ids, workflow_ids)
    if not {exam for exam in roots.values() if exam is not None} <= held:
        raise ConflictError(_MOVED)
    alone = [workflow for workflow, exam in roots.items() if exam is None]
    if alone:
        query = sa.select(col(Workflow.id)).where(col(Workflow.id).in_(alone))
        await session.execute(query.order_by(col(Workflow.id)).with_for_update(key_share=True))
        if await _roots(session, task_ids, workflow_ids) != roots:
            raise ConflictError(_MOVED)


def _lock_exams(
    task_ids: Sequence[UUID], workflow_ids: Sequence[UUID], exam_ids: Sequence[UUID]
) -> sa.Select[Any]:
    conditions = [col(Exam.id).in_(exam_ids)] if exam_ids else []
    if task_ids or workflow_ids:
        above = sa.select(col(Workflow.exam_id)).where(_holds(task_ids, workflow_ids))
        conditions.append(col(Exam.id).in_(above))
    query = sa.select(col(Exam.id)).where(sa.or_(sa.false(), *conditions)).order_by(col(Exam.id))
    # Not FOR UPDATE: that would make whoever adds a workflow wait as well.
    return query.with_for_update(key_share=True)


def _holds(task_ids: Sequence[UUID], workflow_ids: Sequence[UUID]) -> sa.ColumnElement[bool]:
    """Return whether a workflow is one of these or has one of these tasks."""
    found = [col(Workflow.id).in_(workflow_ids)] if workflow_ids else []
    if task_ids:
        of_tasks = sa.select(col(Task.workflow_id)).where(col(Task.id).in_(task_ids))
        found.append(col(Workflow.id).in_(of_tasks))
    return sa.or_(*found)


async def _roots(
    session: AsyncSession, task_ids: Sequence[UUID], workflow_ids: Sequence[UUID]
) -> dict[UUID, UUID | None]:
    """Return the exam of each workflow that matters, as it is now."""
    query = sa.select(col(Workflow.id), col(Workflow.exam_id))
    rows = await session.execute(query.where(_holds(task_ids, workflow_ids)))
    return {row[0]: row[1] for row in rows}
