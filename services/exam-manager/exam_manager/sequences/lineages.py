"""Versions of a sequence: each upload is a row of its own, numbered within its lineage."""

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.sequences.models import Sequence
from scanhub_libraries.errors import ConflictError, UnprocessableError

_TRIES = 2


async def add(session: AsyncSession, row: Sequence, version_of: str | None) -> None:
    """Write a new sequence: the first of its lineage, or the next version of another one's.

    Raises:
        ConflictError: Others kept adding versions at the same moment.
        UnprocessableError: There is no sequence `version_of`.
    """
    if version_of is None:
        session.add(row)
        await session.flush()
        return
    for _ in range(_TRIES):
        await _number(session, row, version_of)
        if await _inserted(session, row):
            return
    raise ConflictError(
        "Somebody else uploads versions of this sequence at the same moment: try again.",
        field="version_of",
    )


async def _number(session: AsyncSession, row: Sequence, version_of: str) -> None:
    """Give the row the next number of the lineage that `version_of` belongs to."""
    lineage = sa.select(col(Sequence.lineage_id)).where(col(Sequence.id) == version_of)
    query = sa.select(col(Sequence.lineage_id), sa.func.max(col(Sequence.lineage_version)))
    query = query.where(col(Sequence.lineage_id) == lineage.scalar_subquery())
    found = (await session.execute(query.group_by(col(Sequence.lineage_id)))).one_or_none()
    if found is None:
        raise UnprocessableError(
            f"version_of: there is no sequence {version_of}.", field="version_of"
        )
    row.lineage_id, row.lineage_version = found[0], found[1] + 1


async def _inserted(session: AsyncSession, row: Sequence) -> bool:
    """Insert the row; False if its number was taken in the meantime."""
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True
