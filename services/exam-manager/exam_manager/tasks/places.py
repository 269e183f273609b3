"""Places of tasks within their workflow: no two tasks have the same one."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.rules import check_room
from exam_manager.tasks import repository
from exam_manager.tasks.models import Task
from exam_manager.tasks.repository import TaskChain
from exam_manager.tasks.tree import emit_task
from scanhub_libraries.events import EventType
from scanhub_libraries.models.protocol import MOST_TASKS
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
    last, count = await repository.last_position(session, task)
    check_room(count, MOST_TASKS, "tasks in the workflow")
    if last is not None and last >= LAST_POSITION:
        position = await _close_gaps(session, task, position, now=now)
    elif position is None:
        position = 0 if last is None else last + 1
    others = await _others(session, task, col(Task.position) >= position)
    in_the_way = takewhile(lambda item: item[1].position <= item[0], enumerate(others, position))
    await _move(session, [other for _, other in in_the_way], position + 1, now=now)
    task.position = position


async def _close_gaps(
    session: AsyncSession, task: Task, position: int | None, *, now: datetime
) -> int:
    """Number the other tasks from 0, because the numbers end; return the same place in them."""
    others = await _others(session, task)
    before = [position is None or other.position < position for other in others]
    await _move(session, others, 0, now=now)
    await session.flush()
    return sum(before)


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


async def _move(
    session: AsyncSession, tasks: Sequence[Task], position: int, *, now: datetime
) -> None:
    """Number tasks of one workflow from a position on."""
    if not tasks:
        return
    above = await repository.get_chain(session, tasks[0].id)
    for place, task in enumerate(tasks, position):
        if task.position != place:
            task.position, task.datetime_updated = place, now
            task.version += 1
            chain = TaskChain(task, above.exam_id, above.patient_id)
            emit_task(session, EventType.TASK_UPDATED, chain)
