"""Lists of tasks, in pages."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.paging import Order, Page
from exam_manager.tasks.repository import TASK
from exam_manager.tasks.tree import read_tasks
from scanhub_libraries.models import TaskOut

_IN_WORKFLOW = (TASK.c.position, TASK.c.datetime_created, TASK.c.id)
_OF_LIBRARY = (TASK.c.datetime_created, TASK.c.id)


async def list_tasks(session: AsyncSession, page: Page[UUID], workflow_id: UUID) -> list[TaskOut]:
    """Return the tasks of a workflow with their results, in their order."""
    return await _list(session, page, TASK.c.workflow_id == workflow_id, _IN_WORKFLOW)


async def list_templates(session: AsyncSession, page: Page[UUID]) -> list[TaskOut]:
    """Return the task templates; in pages the oldest first."""
    return await _list(session, page, TASK.c.is_template, _OF_LIBRARY)


async def _list(
    session: AsyncSession, page: Page[UUID], condition: sa.ColumnElement[bool], order: Order
) -> list[TaskOut]:
    if page.whole:
        return await read_tasks(session, condition)
    query = await page.select(session, sa.select(TASK.c.id).where(condition), order)
    ids = (await session.scalars(query)).all()
    found = {task.id: task for task in await read_tasks(session, TASK.c.id.in_(ids))}
    return [found[task_id] for task_id in ids]
