"""What of a series a target has: a row for each image, and their numbers in the dispatch.

Noting how far an attempt is costs as much as what came since it was noted last, however long the
series is.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.database import is_postgresql
from workflow_manager.dispatch.models import Dispatch, DispatchedInstance

_UIDS_AT_ONCE = 500
"""In one statement: SQLite takes 32,766 parameters, and plans are made anew for each number."""


async def delivered(session: AsyncSession, dispatch_id: UUID) -> dict[str, bool]:
    """Return the SOP Instance UIDs of what a target has, and whether each counts as sent."""
    instance = DispatchedInstance
    query = select(instance.sop_instance_uid, instance.confirmed).where(
        instance.dispatch_id == dispatch_id
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def confirmed_uids(session: AsyncSession, dispatch_id: UUID) -> set[str]:
    """Return the SOP Instance UIDs of what counts as sent."""
    return {uid for uid, confirmed in (await delivered(session, dispatch_id)).items() if confirmed}


async def list_transcoded(
    session: AsyncSession, dispatch_id: UUID, *, limit: int
) -> list[tuple[str, str]]:
    """Return what was sent in another encoding than it is stored in: UID and Transfer Syntax."""
    row = DispatchedInstance
    query = (
        select(row.sop_instance_uid, row.transfer_syntax_uid)
        .where(row.dispatch_id == dispatch_id, row.transfer_syntax_uid != "")
        .order_by(col(row.sop_instance_uid))
        .limit(limit)
    )
    return [(uid, syntax) for uid, syntax in (await session.execute(query)).all()]


async def count_transcoded(session: AsyncSession, dispatch_id: UUID) -> int:
    """Return how much was sent in another encoding than it is stored in."""
    row = DispatchedInstance
    query = select(sa.func.count()).where(
        row.dispatch_id == dispatch_id, row.transfer_syntax_uid != ""
    )
    return await session.scalar(query) or 0


async def note(
    session: AsyncSession,
    dispatch: Dispatch,
    uids: Sequence[str],
    *,
    confirmed: bool,
    transcoded: Mapping[str, str],
) -> None:
    """Write down what an attempt brought; repeating it changes nothing.

    Args:
        session: The transaction.
        dispatch: To what; locked.
        uids: SOP Instance UIDs.
        confirmed: They count as sent.
        transcoded: Transfer Syntax UIDs of those that were transcoded.
    """
    if not uids:
        return
    table: Any = sa.inspect(DispatchedInstance).local_table
    insert = (postgresql.insert if is_postgresql(session) else sqlite.insert)(table)
    changed = {name: insert.excluded[name] for name in ("attempt", "transfer_syntax_uid")}
    confirmed_now = sa.or_(table.c.confirmed, insert.excluded.confirmed)
    rows = [
        {
            "dispatch_id": dispatch.id,
            "sop_instance_uid": uid,
            "attempt": dispatch.attempt,
            "confirmed": confirmed,
            "transfer_syntax_uid": transcoded.get(uid, ""),
        }
        for uid in uids
    ]
    statement = insert.on_conflict_do_update(
        index_elements=["dispatch_id", "sop_instance_uid"],
        set_={**changed, "confirmed": confirmed_now},
    )
    await session.execute(statement, rows)
    await _count(session, dispatch)


async def confirm(session: AsyncSession, dispatch: Dispatch, uids: Sequence[str]) -> None:
    """Let what a target has count as sent."""
    for part in _parts(uids):
        await session.execute(
            sa.update(DispatchedInstance).where(*_these(dispatch, part)).values(confirmed=True)
        )
    await _count(session, dispatch)


async def take_back(session: AsyncSession, dispatch: Dispatch, uids: Sequence[str]) -> None:
    """Forget what a target does not keep: it is sent again."""
    for part in _parts(uids):
        await session.execute(sa.delete(DispatchedInstance).where(*_these(dispatch, part)))
    await _count(session, dispatch)


async def forget(session: AsyncSession, dispatch: Dispatch) -> None:
    """Forget what a target has: all of it may be sent again. The numbers stay as they are."""
    await session.execute(
        sa.delete(DispatchedInstance).where(col(DispatchedInstance.dispatch_id) == dispatch.id)
    )


async def forget_all(session: AsyncSession, dispatch: Dispatch) -> None:
    """Begin anew: nothing is there, as far as anybody knows."""
    await forget(session, dispatch)
    dispatch.sent = dispatch.sent_before = dispatch.stored = 0


def _parts(uids: Sequence[str]) -> list[Sequence[str]]:
    return [uids[start : start + _UIDS_AT_ONCE] for start in range(0, len(uids), _UIDS_AT_ONCE)]


def _these(dispatch: Dispatch, uids: Sequence[str]) -> list[Any]:
    row = DispatchedInstance
    return [col(row.dispatch_id) == dispatch.id, col(row.sop_instance_uid).in_(uids)]


async def _count(session: AsyncSession, dispatch: Dispatch) -> None:
    row = DispatchedInstance
    query = (
        sa.select(col(row.confirmed), sa.func.count())
        .where(col(row.dispatch_id) == dispatch.id)
        .group_by(col(row.confirmed))
    )
    counts = {bool(confirmed): count for confirmed, count in (await session.execute(query)).all()}
    dispatch.sent, dispatch.stored = counts.get(True, 0), counts.get(False, 0)
