"""Queries on targets."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.history import History
from workflow_manager.targets.models import DispatchPause, Target, TargetVersion

HISTORY = History(TargetVersion, "target")


async def list_targets(session: AsyncSession, *, enabled_only: bool = False) -> Sequence[Target]:
    """Return the targets by name."""
    query = select(Target).order_by(col(Target.name))
    if enabled_only:
        query = query.where(col(Target.enabled).is_(True))
    return (await session.scalars(query)).all()


async def pauses(session: AsyncSession) -> dict[str, DispatchPause]:
    """Return what is paused, by target; the empty name stands for all."""
    query = select(DispatchPause).order_by(col(DispatchPause.target))
    return {row.target: row for row in (await session.scalars(query)).all()}
