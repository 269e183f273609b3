"""Places of tasks within their workflow: no two tasks have the same one."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.tasks import repository
from exam_manager.tasks.models import Task
from exam_manager.tasks.tree import emit_task
from scanhub_libraries.events import EventType


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
    if position is None:
        task.position = await repository.next_position(session, task.workflow_id)
        return
    query = (
        sa.select(Task)
        .where(
            col(Task.workflow_id) == task.workflow_id,
            col(Task.id) != task.id,
            col(Task.position) >= position,
        )
        .order_by(col(Task.position), col(Task.datetime_created), col(Task.id))
        .with_for_update()
    )
    free = position + 1
    for other in (await session.scalars(query)).all():
        if other.position >= free:
            break
        other.position, other.datetime_updated = free, now
        other.version += 1
        free += 1
        emit_task(session, EventType.TASK_UPDATED, await repository.get_chain(session, other.id))
    task.position = position
