"""Planning tasks: creating, editing, ordering, copying and deleting them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.rules import (
    check_new_status,
    check_parent,
    check_source,
    check_template_kept,
)
from exam_manager.exams.standing import check_copied, check_editable
from exam_manager.sequences.models import Sequence as SequenceRow
from exam_manager.tasks import repository, rules
from exam_manager.tasks.claims import put_status
from exam_manager.tasks.copying import copied_task
from exam_manager.tasks.deviations import PLANNED, note_edit, planned_values
from exam_manager.tasks.holding import hold_trees
from exam_manager.tasks.models import Task
from exam_manager.tasks.places import give_place
from exam_manager.tasks.repository import TaskChain
from exam_manager.tasks.tree import derive_above, derive_statuses, emit_task, read_task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import BadRequestError, ConflictError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import (
    BaseAcquisitionTask,
    BaseDAGTask,
    TaskIn,
    TaskOut,
)
from scanhub_libraries.security.principal import Principal
from scanhub_libraries.versions import check_version

_PLAN = (
    "workflow_id",
    "device_id",
    "sequence_id",
    "acquisition_parameter",
    "calibration",
    "dag_type",
    "dag_id",
    "input_task_ids",
    "parameter",
)


def plan_of(body: BaseAcquisitionTask | BaseDAGTask) -> dict[str, Any]:
    """Return the columns of a task that say what a device or a run is to do."""
    if isinstance(body, BaseAcquisitionTask):
        parameter = body.acquisition_parameter
        return {
            "device_id": body.device_id,
            "sequence_id": body.sequence_id or None,
            "acquisition_parameter": parameter.model_dump(mode="json") if parameter else None,
            "calibration": [item.value for item in body.calibration],
        }
    return {
        "dag_type": body.dag_type,
        "dag_id": body.dag_id,
        "input_task_ids": [str(item) for item in body.input_task_ids],
        "parameter": body.parameter,
    }


async def get_parent(
    session: AsyncSession, workflow_id: UUID | None, *, is_template: bool
) -> Workflow | None:
    """Return the workflow a task is to hang in, after checking that it fits."""
    if workflow_id is not None:
        await hold_trees(session, workflow_ids=[workflow_id])
    workflow = await session.get(Workflow, workflow_id) if workflow_id is not None else None
    if workflow_id is not None and workflow is None:
        raise BadRequestError(f"There is no workflow {workflow_id}.", field="workflow_id")
    check_parent(
        parent_is_template=workflow.is_template if workflow else None,
        is_template=is_template,
        what="task",
        parent="workflow",
    )
    if workflow is not None:
        await check_editable(session, workflow.exam_id if is_template else None)
    return workflow


async def _check_references(
    session: AsyncSession, task_id: UUID, workflow_id: UUID | None, plan: dict[str, Any]
) -> None:
    sequence_id = plan.get("sequence_id")
    if sequence_id is not None and await session.get(SequenceRow, sequence_id) is None:
        raise BadRequestError(f"There is no sequence {sequence_id}.", field="sequence_id")
    inputs = [UUID(item) for item in plan.get("input_task_ids", ())]
    if inputs:
        tree = await repository.tree_inputs(session, workflow_id) if workflow_id else {}
        rules.check_inputs(inputs, task_id, tree)
        rules.check_acyclic({**tree, task_id: inputs}, task_id)


async def create_task(
    session: AsyncSession, body: TaskIn, *, creator: str, now: datetime
) -> TaskOut:
    """Create a task, by default after the others of its workflow."""
    check_new_status(body.status)
    workflow = await get_parent(session, body.workflow_id, is_template=body.is_template)
    task = Task(
        workflow_id=body.workflow_id,
        name=body.name,
        description=body.description,
        task_type=body.task_type,
        destination=body.destination,
        status=body.status,
        is_template=body.is_template,
        creator=creator,
        datetime_created=now,
        **plan_of(body),
    )
    await _check_references(session, task.id, body.workflow_id, plan_of(body))
    await give_place(session, task, body.position, now=now)
    return await _add(session, task, workflow)


async def copy_task(
    session: AsyncSession,
    *,
    workflow_id: UUID,
    template_id: UUID,
    is_template: bool,
    creator: str,
    now: datetime,
) -> TaskOut:
    """Make a task from a template: NEW, without progress, at the end of the workflow."""
    source = await session.get(Task, template_id)
    if source is None:
        raise NotFoundError(f"There is no task template {template_id}.")
    check_source(is_template=source.is_template, what="task")
    if source.workflow_id is not None:
        await check_copied(session, await repository.exam_of(session, source.workflow_id))
    workflow = await get_parent(session, workflow_id, is_template=is_template)
    row = copied_task(source.model_dump(), is_template=is_template, creator=creator, now=now)
    here = await repository.tree_inputs(session, workflow_id) if row["input_task_ids"] else ()
    row["input_task_ids"] = rules.remap_inputs(row["input_task_ids"], {}, here)
    task = Task(**{**row, "workflow_id": workflow_id})
    await give_place(session, task, None, now=now)
    return await _add(session, task, workflow)


async def _add(session: AsyncSession, task: Task, workflow: Workflow | None) -> TaskOut:
    session.add(task)
    await session.flush()
    chain = await repository.get_chain(session, task.id)
    emit_task(session, EventType.TASK_CREATED, chain)
    if workflow is not None:
        await derive_statuses(session, chain)
    return await read_task(session, task.id)


async def put_task(
    session: AsyncSession,
    task_id: UUID,
    body: TaskIn,
    *,
    principal: Principal,
    if_match: str | None,
    now: datetime,
) -> TaskOut:
    """Take a PUT: all of a person's, status and progress of anybody else's."""
    if principal.is_user:
        return await update_task(session, task_id, body, if_match=if_match, now=now)
    return await put_status(
        session, task_id, status=body.status, progress=body.progress, principal=principal, now=now
    )


async def update_task(
    session: AsyncSession, task_id: UUID, body: TaskIn, *, if_match: str | None, now: datetime
) -> TaskOut:
    """Take a person's edit. It never undoes what runs or is finished."""
    chain = await repository.get_chain(session, task_id, lock=True, into=body.workflow_id)
    task = chain.task
    check_version(if_match, task.version)
    if body.task_type is not task.task_type:
        raise BadRequestError("task_type cannot be changed: make another task.", field="task_type")
    check_template_kept(stored=task.is_template, given=body.is_template)
    await check_editable(session, chain.exam_id if task.is_template else None)
    plan = {"workflow_id": body.workflow_id, **plan_of(body)}
    changed = {
        name: plan[name] for name in _PLAN if name in plan and plan[name] != getattr(task, name)
    }
    if changed:
        await _check_replanned(session, chain, changed, plan)
    status = rules.status_after_edit(task.status, body.status)
    if status is not task.status:
        task.status, task.status_reason = status, None
    left = (chain.task.workflow_id, chain.exam_id)
    _write_plan(task, body, changed)
    moved = "workflow_id" in changed
    if moved or body.position not in {None, task.position}:
        await give_place(session, task, body.position, now=now)
    task.version += 1
    task.datetime_updated = now
    await session.flush()
    chain = await repository.get_chain(session, task_id)
    emit_task(session, EventType.TASK_UPDATED, chain)
    await derive_statuses(session, chain)
    if moved:
        await derive_above(session, *left)
    return await read_task(session, task_id)


def _write_plan(task: Task, body: TaskIn, changed: dict[str, Any]) -> None:
    before = planned_values(task.model_dump(include=set(PLANNED)))
    task.sqlmodel_update({**changed, "name": body.name, "description": body.description})
    task.destination = body.destination
    after = planned_values(task.model_dump(include=set(PLANNED)))
    task.template_values = note_edit(task.template_values, before, after)


async def _check_replanned(
    session: AsyncSession, chain: TaskChain, changed: dict[str, Any], plan: dict[str, Any]
) -> None:
    """Refuse to change what is being done right now, and to break the tree."""
    task = chain.task
    if task.claim_active:
        raise ConflictError(
            f"A device or a run is at this task: {', '.join(changed)} cannot change until it ends.",
            fields=list(changed),
        )
    if "workflow_id" in changed:
        await get_parent(session, plan["workflow_id"], is_template=task.is_template)
        await _check_movable(session, chain, plan["workflow_id"])
    await _check_references(session, task.id, plan["workflow_id"], plan)


async def _check_movable(session: AsyncSession, chain: TaskChain, into: UUID | None) -> None:
    """Refuse to move a task that has results, or away from its readers.

    The folder of results bears the workflow. Who reads it does so anywhere in the exam.
    """
    task = chain.task
    if (await read_task(session, task.id)).results:
        raise ConflictError("The task has results: it cannot move to another workflow.")
    exam_id = await repository.exam_of(session, into) if into is not None else None
    if exam_id is not None and exam_id == chain.exam_id:
        return
    if task.workflow_id is not None:
        rules.check_not_read(
            _readers(await repository.tree_inputs(session, task.workflow_id), {task.id}),
            f"task {task.name!r}",
        )


def _readers(tree: dict[UUID, list[UUID]], of: set[UUID]) -> list[UUID]:
    return [
        task_id for task_id, inputs in tree.items() if task_id not in of and of.intersection(inputs)
    ]


async def reorder_tasks(session: AsyncSession, task_ids: Sequence[UUID], *, now: datetime) -> None:
    """Put the tasks of one workflow in this order; those not named follow as they were."""
    if len(set(task_ids)) != len(task_ids):
        raise BadRequestError("task_ids names a task twice.", field="task_ids")
    await hold_trees(session, task_ids=task_ids)
    named = (await session.scalars(sa.select(Task).where(col(Task.id).in_(task_ids)))).all()
    if missing := set(task_ids) - {task.id for task in named}:
        raise NotFoundError(f"There is no task {', '.join(sorted(map(str, missing)))}.")
    workflow_ids = {task.workflow_id for task in named}
    workflow_id = workflow_ids.pop() if len(workflow_ids) == 1 else None
    if workflow_id is None:
        raise BadRequestError("task_ids must be tasks of one workflow.", field="task_ids")
    query = (
        sa.select(Task)
        .where(col(Task.workflow_id) == workflow_id)
        .order_by(col(Task.position), col(Task.datetime_created), col(Task.id))
        .with_for_update()
    )
    if named[0].is_template:
        await check_editable(session, await repository.exam_of(session, workflow_id))
    given = {task_id: index for index, task_id in enumerate(task_ids)}
    tasks = list((await session.scalars(query)).all())
    tasks.sort(key=lambda task: given.get(task.id, len(given)))
    above = await repository.get_chain(session, task_ids[0])
    for position, task in enumerate(tasks):
        if task.position != position:
            task.position, task.datetime_updated = position, now
            task.version += 1
            chain = TaskChain(task, above.exam_id, above.patient_id)
            emit_task(session, EventType.TASK_UPDATED, chain)


async def delete_task(
    session: AsyncSession, task_id: UUID, *, if_match: str | None = None
) -> str | None:
    """Delete a task; return the folder to remove once that is committed."""
    chain = await repository.get_chain(session, task_id, lock=True)
    task = chain.task
    check_version(if_match, task.version)
    await check_editable(session, chain.exam_id if task.is_template else None)
    rules.check_not_claimed([task.id] if task.claim_active else [], "delete the task")
    if task.workflow_id is not None:
        tree = await repository.tree_inputs(session, task.workflow_id)
        rules.check_not_read(_readers(tree, {task_id}), f"task {task.name!r}")
    await session.delete(task)
    emit_task(session, EventType.TASK_DELETED, chain)
    await derive_statuses(session, chain)
    return f"lake/{task.workflow_id}/{task.id}" if task.workflow_id else None


async def check_workflow_deletable(session: AsyncSession, workflow_id: UUID, act: str) -> None:
    """Refuse to remove a workflow that is at work or whose tasks are read elsewhere."""
    own = (col(Task.workflow_id) == workflow_id,)
    rules.check_not_claimed(await repository.claimed_tasks(session, own), act)
    ids = set((await session.scalars(sa.select(col(Task.id)).where(*own))).all())
    tree = await repository.tree_inputs(session, workflow_id)
    rules.check_not_read(_readers(tree, ids), "a task of this workflow")


async def check_exam_free(session: AsyncSession, exam_id: UUID, act: str) -> None:
    """Refuse to change an exam that a device or a run is at."""
    rules.check_not_claimed(await repository.claimed_tasks(session, (_in_exam(exam_id),)), act)


async def exam_has_started(session: AsyncSession, exam_id: UUID) -> bool:
    """Say whether any task of an exam was ever started."""
    return await has_started(session, _in_exam(exam_id))


async def has_started(session: AsyncSession, condition: sa.ColumnElement[bool]) -> bool:
    """Say whether any of these tasks was ever started."""
    query = sa.select(col(Task.id)).where(condition, col(Task.claim_id).is_not(None)).limit(1)
    return await session.scalar(query) is not None


def _in_exam(exam_id: UUID) -> sa.ColumnElement[bool]:
    workflows = sa.select(col(Workflow.id)).where(col(Workflow.exam_id) == exam_id)
    return col(Task.workflow_id).in_(workflows)
