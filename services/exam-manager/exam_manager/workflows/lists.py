"""Lists of workflows, in pages."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.paging import Page
from exam_manager.workflows.service import WORKFLOW, read_workflows
from scanhub_libraries.models import WorkflowOut

_ORDER = (WORKFLOW.c.position, WORKFLOW.c.datetime_created, WORKFLOW.c.id)


async def list_workflows(
    session: AsyncSession, page: Page[UUID], condition: sa.ColumnElement[bool]
) -> list[WorkflowOut]:
    """Return the workflows of a page with their tasks and results, in their order."""
    if page.whole:
        return await read_workflows(session, condition)
    query = await page.select(session, sa.select(WORKFLOW.c.id).where(condition), _ORDER)
    ids = (await session.scalars(query)).all()
    return await read_workflows(session, WORKFLOW.c.id.in_(ids))
