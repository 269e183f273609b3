"""Which cases wait for which dispatch, for those who change dispatches."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.cases.models import CaseDispatch


async def redirect_cases(session: AsyncSession, before: UUID, after: UUID) -> None:
    """Let the cases that wait for one dispatch wait for another one instead."""
    query = select(CaseDispatch).where(col(CaseDispatch.dispatch_id) == before)
    for link in (await session.scalars(query)).all():
        if await session.get(CaseDispatch, (link.case_id, after)) is None:
            session.add(CaseDispatch(case_id=link.case_id, dispatch_id=after))
        await session.delete(link)
    await session.flush()
