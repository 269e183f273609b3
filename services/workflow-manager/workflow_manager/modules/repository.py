"""Queries on modules."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.history import History
from workflow_manager.modules.models import Module, ModuleVersion

HISTORY = History(ModuleVersion, "module")


async def module_names(session: AsyncSession) -> set[str]:
    """Return the names of the modules."""
    return set((await session.scalars(select(Module.name))).all())


async def list_modules(session: AsyncSession) -> Sequence[Module]:
    """Return the modules by name."""
    return (await session.scalars(select(Module).order_by(col(Module.name)))).all()
