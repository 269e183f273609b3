"""Doing a task once more: its plan, copied with the jobs that read it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.rules import check_source
from exam_manager.exams.standing import check_copied
from exam_manager.tasks import repository, rules
from exam_manager.tasks.copying import copied_task
from exam_manager.tasks.models import Task
from exam_manager.tasks.places import give_place
from exam_manager.tasks.service import get_parent
from exam_manager.tasks.tree import derive_statuses, emit_task, read_task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DuplicateTask, TaskOut

Row = dict[str, Any]


async def duplicate_task(
    session: AsyncSession, task_id: UUID, body: DuplicateTask, *, creator: str, now: datetime
) -> list[TaskOut]:
    """Copy the plan of a task of any status: the copy is NEW, and has no results.

    It stands behind the task and the jobs that come with it, or at the end of another workflow. It
    deviates from the template where the task does.

    Args:
        session: The transaction.
        task_id: The task, or a task of a template.
        body: What is copied with it and where to, and the reason of a repeat.
        creator: Who copies.
        now: The time.

    Returns:
        The copy, and then those of the jobs that read the task and nothing else.

    Raises:
        NotFoundError: There is no such task.
        BadRequestError: There is no such workflow, or it is not one of the kind.
        ConflictError: The protocol is released or retired, or the workflow is full.
    """
    chain = await repository.get_chain(session, task_id, lock=True, into=body.workflow_id)
    source = chain.task
    elsewhere = body.workflow_id not in {None, source.workflow_id}
    is_template = await _is_template(session, source, body.workflow_id)
    if elsewhere:
        await check_copied(session, chain.exam_id if source.is_template else None)
    workflow_id = body.workflow_id or source.workflow_id
    await get_parent(session, workflow_id, is_template=is_template)
    sources = [source.model_dump()]
    if body.with_jobs and source.workflow_id is not None:
        sources += await _jobs_of(session, source)
    here = await repository.tree_inputs(session, workflow_id) if workflow_id else {}
    rows = [copied_task(row, is_template=is_template, creator=creator, now=now) for row in sources]
    new_ids = {old["id"]: row["id"] for old, row in zip(sources, rows, strict=True)}
    for old, row in zip(sources, rows, strict=True):
        row["workflow_id"] = workflow_id
        row["input_task_ids"] = rules.remap_inputs(row["input_task_ids"], new_ids, here)
        if not source.is_template:
            row.update(template_id=old["template_id"], template_values=old["template_values"])
    if body.reason is not None:
        rows[0].update(repeat_of=source.id, repeat_reason=body.reason)
    place = None if elsewhere else max(row["position"] for row in sources) + 1
    await _add(session, rows, place, now=now)
    return [await read_task(session, row["id"]) for row in rows]


async def _is_template(session: AsyncSession, source: Task, workflow_id: UUID | None) -> bool:
    """Say whether the copy is of a template; into one only templates are copied."""
    target = await session.get(Workflow, workflow_id) if workflow_id is not None else None
    is_template = source.is_template if target is None else target.is_template
    if is_template and not source.is_template:
        check_source(is_template=False, what="task")
    return is_template


async def _jobs_of(session: AsyncSession, source: Task) -> list[Row]:
    """Return the jobs of a task's workflow that read it, or one another, and nothing else."""
    of_workflow = (col(Task.workflow_id) == source.workflow_id,)
    rows = await repository.list_rows(session, of_workflow)
    inputs = {
        row["id"]: {UUID(item) for item in row["input_task_ids"]}
        for row in rows
        if row["input_task_ids"]
    }
    found = {source.id}
    while more := {item for item, reads in inputs.items() if item not in found and reads <= found}:
        found |= more
    return [dict(row) for row in rows if row["id"] in found - {source.id}]


async def _add(
    session: AsyncSession, rows: Sequence[Row], place: int | None, *, now: datetime
) -> None:
    """Write the copies one behind the other, from a place on or at the end."""
    for behind, row in enumerate(rows):
        task = Task(**row)
        await give_place(session, task, None if place is None else place + behind, now=now)
        session.add(task)
        await session.flush()
        emit_task(session, EventType.TASK_CREATED, await repository.get_chain(session, task.id))
    await derive_statuses(session, await repository.get_chain(session, rows[0]["id"]))
