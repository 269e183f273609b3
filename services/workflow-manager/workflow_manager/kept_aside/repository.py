"""Queries on what was kept aside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.database import is_postgresql
from workflow_manager.kept_aside.models import AsideKind, KeptAside


async def put(session: AsyncSession, rows: Sequence[KeptAside]) -> None:
    """Insert rows, each of another key; what is there already is counted."""
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    table: Any = KeptAside
    statement = insert(table).values([row.model_dump() for row in rows])
    counted = {
        "times": col(table.times) + statement.excluded.times,
        "last_received_at": statement.excluded.last_received_at,
    }
    await session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=counted))


async def list_newest(
    session: AsyncSession, *, kind: AsideKind | None, before: UUID | None, limit: int
) -> Sequence[KeptAside]:
    """Return what was kept aside, newest first."""
    query = select(KeptAside).order_by(col(KeptAside.id).desc()).limit(limit)
    if kind is not None:
        query = query.where(KeptAside.kind == kind)
    if before is not None:
        query = query.where(col(KeptAside.id) < before)
    return (await session.scalars(query)).all()


async def list_oldest(
    session: AsyncSession, kind: AsideKind, *, received_before: datetime, after: UUID, limit: int
) -> Sequence[KeptAside]:
    """Return what was kept aside before a time, oldest first."""
    query = (
        select(KeptAside)
        .where(
            KeptAside.kind == kind,
            col(KeptAside.id) > after,
            col(KeptAside.received_at) < received_before,
        )
        .order_by(col(KeptAside.id))
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def delete(session: AsyncSession, keys: Sequence[str]) -> None:
    """Forget what is there no more."""
    await session.execute(sa.delete(KeptAside).where(col(KeptAside.key).in_(keys)))
