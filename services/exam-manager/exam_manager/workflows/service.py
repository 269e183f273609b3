"""Workflows."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams import rules
from exam_manager.exams.models import Exam
from exam_manager.exams.revisions import revise
from exam_manager.exams.standing import check_copied, check_editable
from exam_manager.tasks import repository as task_repository
from exam_manager.tasks import rules as task_rules
from exam_manager.tasks import service as tasks
from exam_manager.tasks.copying import copied_tree
from exam_manager.tasks.holding import hold_trees
from exam_manager.tasks.models import Task
from exam_manager.tasks.repository import TASK
from exam_manager.tasks.tree import derive_above, emit_workflow, read_tasks, task_out
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import BadRequestError, ConflictError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import BaseWorkflow, TaskOut, WorkflowOut
from scanhub_libraries.models.protocol import MOST_WORKFLOWS
from scanhub_libraries.versions import check_version

WORKFLOW = Workflow.__table__  # type: ignore[attr-defined]


def workflow_out(row: Any, found: list[TaskOut]) -> WorkflowOut:
    """Return a workflow as the wire has it."""
    return WorkflowOut.model_validate({**row, "tasks": found})


async def read_workflows(
    session: AsyncSession, *conditions: sa.ColumnElement[bool]
) -> list[WorkflowOut]:
    """Return workflows with their tasks and results: three statements."""
    query = (
        sa.select(WORKFLOW)
        .where(*conditions)
        .order_by(WORKFLOW.c.position, WORKFLOW.c.datetime_created, WORKFLOW.c.id)
    )
    rows = (await session.execute(query)).mappings().all()
    below = TASK.c.workflow_id.in_(sa.select(WORKFLOW.c.id).where(*conditions))
    by_workflow: dict[UUID, list[TaskOut]] = {row["id"]: [] for row in rows}
    for task in await read_tasks(session, below) if rows else []:
        if task.workflow_id in by_workflow:
            by_workflow[task.workflow_id].append(task)
    return [workflow_out(row, by_workflow[row["id"]]) for row in rows]


async def get_workflow(session: AsyncSession, workflow_id: UUID) -> WorkflowOut:
    """Return one workflow."""
    found = await read_workflows(session, WORKFLOW.c.id == workflow_id)
    if not found:
        raise NotFoundError(f"There is no workflow {workflow_id}.")
    return found[0]


async def _get_parent(
    session: AsyncSession, exam_id: UUID | None, *, is_template: bool
) -> Exam | None:
    if exam_id is not None:
        await hold_trees(session, exam_ids=[exam_id])
    exam = await session.get(Exam, exam_id) if exam_id is not None else None
    if exam_id is not None and exam is None:
        raise BadRequestError(f"There is no exam {exam_id}.", field="exam_id")
    rules.check_parent(
        parent_is_template=exam.is_template if exam else None,
        is_template=is_template,
        what="workflow",
        parent="exam",
    )
    await check_editable(session, exam_id if is_template else None)
    return exam


async def _next_position(session: AsyncSession, exam_id: UUID | None) -> int:
    """Return the position after the last workflow of an exam, if one more may be there."""
    if exam_id is None:
        return 0
    query = sa.select(sa.func.max(col(Workflow.position)), sa.func.count())
    found = await session.execute(query.where(col(Workflow.exam_id) == exam_id))
    last, count = found.one()
    rules.check_room(count, MOST_WORKFLOWS, "workflows in the exam")
    return last + 1 if count else 0


async def create_workflow(
    session: AsyncSession, body: BaseWorkflow, *, creator: str, now: datetime
) -> WorkflowOut:
    """Create a workflow at the end of its exam."""
    rules.check_new_status(body.status)
    await _get_parent(session, body.exam_id, is_template=body.is_template)
    row = Workflow(
        **body.model_dump(),
        position=await _next_position(session, body.exam_id),
        creator=creator,
        datetime_created=now,
    )
    session.add(row)
    emit_workflow(session, EventType.WORKFLOW_CREATED, row)
    await session.flush()
    return workflow_out(row.model_dump(), [])


async def copy_workflow(
    session: AsyncSession,
    *,
    exam_id: UUID,
    template_id: UUID,
    is_template: bool,
    creator: str,
    now: datetime,
) -> WorkflowOut:
    """Make a workflow from a template, with its tasks, in one transaction."""
    source, sources = await _read_source(session, template_id)
    rules.check_source(is_template=source["is_template"], what="workflow")
    await check_copied(session, source["exam_id"])
    await _get_parent(session, exam_id, is_template=is_template)
    readable = await task_repository.list_exam_tasks(session, exam_id)
    new_workflows, new_tasks = copied_tree(
        [{**source, "position": await _next_position(session, exam_id)}],
        sources,
        exam_id=exam_id,
        is_template=is_template,
        creator=creator,
        now=now,
        readable=readable,
    )
    await insert_tree(session, new_workflows, new_tasks)
    await revise(session, exam_id)
    await derive_above(session, None, exam_id)
    emit_workflow(session, EventType.WORKFLOW_CREATED, Workflow(**new_workflows[0]))
    return tree_out(new_workflows, new_tasks)[0]


async def _read_source(
    session: AsyncSession, template_id: UUID
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of a workflow and those of its tasks, in one statement: of one moment."""
    prefix = "of_task_"
    query = (
        sa.select(WORKFLOW, *(column.label(f"{prefix}{column.name}") for column in TASK.c))
        .outerjoin(TASK, TASK.c.workflow_id == WORKFLOW.c.id)
        .where(WORKFLOW.c.id == template_id)
        .order_by(TASK.c.position, TASK.c.datetime_created, TASK.c.id)
    )
    rows = (await session.execute(query)).mappings().all()
    if not rows:
        raise NotFoundError(f"There is no workflow template {template_id}.")
    tasks_of = [{column.name: row[f"{prefix}{column.name}"] for column in TASK.c} for row in rows]
    return {column.name: rows[0][column.name] for column in WORKFLOW.c}, [
        task for task in tasks_of if task["id"] is not None
    ]


async def insert_tree(
    session: AsyncSession, new_workflows: list[dict[str, Any]], new_tasks: list[dict[str, Any]]
) -> None:
    """Write the rows of a copied tree: two statements."""
    if new_workflows:
        one_statement = sa.insert(Workflow).execution_options(render_nulls=True)
        await session.execute(one_statement, new_workflows)
    if new_tasks:
        one_statement = sa.insert(Task).execution_options(render_nulls=True)
        await session.execute(one_statement, new_tasks)


def tree_out(
    new_workflows: list[dict[str, Any]], new_tasks: list[dict[str, Any]]
) -> list[WorkflowOut]:
    """Return a copied tree as the wire has it, from the rows that were written."""
    below: dict[UUID, list[TaskOut]] = {row["id"]: [] for row in new_workflows}
    for task in new_tasks:
        below[task["workflow_id"]].append(task_out(task, []))
    return [workflow_out(row, below[row["id"]]) for row in new_workflows]


async def update_workflow(
    session: AsyncSession,
    workflow_id: UUID,
    body: BaseWorkflow,
    *,
    if_match: str | None,
    now: datetime,
) -> WorkflowOut:
    """Take a person's edit."""
    await hold_trees(
        session,
        workflow_ids=[workflow_id],
        exam_ids=[body.exam_id] if body.exam_id is not None else [],
    )
    await _check_editable(session, workflow_id)
    row = await _get(session, workflow_id)
    check_version(if_match, row.version)
    rules.check_put_status(body.status)
    rules.check_template_kept(stored=row.is_template, given=body.is_template)
    left = row.exam_id
    moved = body.exam_id != left
    if moved:
        await _check_movable(session, row)
    await _get_parent(session, body.exam_id, is_template=body.is_template)
    if moved:
        row.position = await _next_position(session, body.exam_id)
    found = await task_repository.statuses_of_workflow(session, workflow_id)
    status = task_rules.status_of_edited(row.status, body.status, found)
    row.sqlmodel_update({**body.model_dump(), "status": status})
    row.version += 1
    row.datetime_updated = now
    emit_workflow(session, EventType.WORKFLOW_UPDATED, row)
    await session.flush()
    for exam_id in (left, row.exam_id) if moved else ():
        await derive_above(session, None, exam_id)
    return await get_workflow(session, workflow_id)


async def _check_editable(session: AsyncSession, workflow_id: UUID) -> None:
    """Refuse to edit a released version; the exam is held before the workflow, as in a delete."""
    row = await session.get(Workflow, workflow_id)
    if row is not None and row.is_template:
        await check_editable(session, row.exam_id)


async def _check_movable(session: AsyncSession, row: Workflow) -> None:
    """Refuse to move a workflow whose images bear the exam's Study Instance UID."""
    if await tasks.has_started(session, col(Task.workflow_id) == row.id):
        raise ConflictError("Tasks of the workflow were started: it belongs to its exam now.")
    await tasks.check_workflow_deletable(session, row.id, "move the workflow")
    own = set(await session.scalars(sa.select(col(Task.id)).where(col(Task.workflow_id) == row.id)))
    task_rules.check_reads_inside(await task_repository.tree_inputs(session, row.id), own)


async def delete_workflow(
    session: AsyncSession, workflow_id: UUID, *, if_match: str | None = None
) -> str:
    """Delete a workflow with its tasks and results; return the folder to remove."""
    await hold_trees(session, workflow_ids=[workflow_id])
    await _check_editable(session, workflow_id)
    row = await _get(session, workflow_id)
    check_version(if_match, row.version)
    await tasks.check_workflow_deletable(session, workflow_id, "delete the workflow")
    await session.delete(row)
    emit_workflow(session, EventType.WORKFLOW_DELETED, row)
    await derive_above(session, None, row.exam_id)
    return f"lake/{workflow_id}"


async def _get(session: AsyncSession, workflow_id: UUID) -> Workflow:
    row = await session.get(Workflow, workflow_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"There is no workflow {workflow_id}.")
    return row
