"""Places of tasks within their workflow: no two tasks have the same one."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.tasks import repository
from exam_manager.tasks.models import Task
from exam_manager.tasks.tree import emit_task
from scanhub_libraries.events import EventType
from scanhub_libraries.models.task import LAST_POSITION


async def give_place(
    session: AsyncSession, task: Task, position: int | None, *, now: datetime
) -> None:
    """Put a task where it is to be; tasks that stand there move on by one.

    Args:
        session: The transaction.
        task: A new task, or one that was moved or edited.
        position: Where it is to be; None: after the last one.
        now: The time.
    """
    if task.workflow_id is None:
        task.position = position or 0
        return
    last = await repository.next_position(session, task.workflow_id)
    if last > LAST_POSITION:
        position = await _close_gaps(session, task, position, now=now)
    elif position is None:
        position = last
    free = position + 1
    for other in await _others(session, task, col(Task.position) >= position):
        if other.position >= free:
            break
        await _move(session, other, free, now=now)
        free += 1
    task.position = position


async def _close_gaps(
    session: AsyncSession, task: Task, position: int | None, *, now: datetime
) -> int:
    """Number the other tasks from 0, because the numbers end; return the same place in them."""
    before = 0
    for index, other in enumerate(await _others(session, task)):
        before += position is None or other.position < position
        if other.position != index:
            await _move(session, other, index, now=now)
    await session.flush()
    return before


async def _others(
    session: AsyncSession, task: Task, *conditions: sa.ColumnElement[bool]
) -> Sequence[Task]:
    """Return the other tasks of a workflow in their order."""
    query = (
        sa.select(Task)
        .where(col(Task.workflow_id) == task.workflow_id, col(Task.id) != task.id, *conditions)
        .order_by(col(Task.position), col(Task.datetime_created), col(Task.id))
        .with_for_update()
    )
    return (await session.scalars(query)).all()


async def _move(session: AsyncSession, other: Task, position: int, *, now: datetime) -> None:
    other.position, other.datetime_updated = position, now
    other.version += 1
    emit_task(session, EventType.TASK_UPDATED, await repository.get_chain(session, other.id))
