"""Revocations: written with the change that calls for them, known here at once."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import after_commit
from exam_manager.users.models import LoginSession, RevokedAccess
from scanhub_libraries.database import Sessions, is_postgresql, reading
from scanhub_libraries.models import Revocation, Revocations
from scanhub_libraries.security.tokens import USER_LIFETIME, RevocationList


async def revoke(
    session: AsyncSession, known: RevocationList, *, items: list[tuple[str, str]], now: datetime
) -> None:
    """Void tokens: in this process with the commit, elsewhere when the feed is next read.

    Args:
        session: The transaction that calls for it.
        known: The list of this process.
        items: Kind (`session` or `subject`) and value.
        now: The time.
    """
    if is_postgresql(session):
        # Numbers become visible in their order, so that a follower misses none.
        await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('revocation'))"))
    not_before = int(now.timestamp())
    rows = [
        RevokedAccess(
            kind=kind, value=value, not_before=not_before, expires_at=now + 2 * USER_LIFETIME
        )
        for kind, value in items
    ]
    session.add_all(rows)
    expired = col(RevokedAccess.expires_at) < now
    await session.execute(sa.delete(RevokedAccess).where(expired))
    await session.flush()
    # `last` stays as it is: the feed reads on from where it was.
    fresh = Revocations(items=[_wire(row) for row in rows], last=0)
    after_commit(session, lambda: known.update(fresh))


async def revoke_session(
    session: AsyncSession, known: RevocationList, session_id: UUID, *, now: datetime
) -> None:
    """End one login."""
    await session.execute(sa.delete(LoginSession).where(col(LoginSession.id) == session_id))
    await revoke(session, known, items=[("session", str(session_id))], now=now)


async def revoke_user(
    session: AsyncSession, known: RevocationList, username: str, *, now: datetime
) -> None:
    """End every login of a user.

    By their ids, because a token's time has whole seconds only and the next login may follow in the
    same second; and by name and time, for tokens whose login is not in this database.
    """
    mine = col(LoginSession.username) == username
    ids = (await session.scalars(sa.select(col(LoginSession.id)).where(mine))).all()
    await session.execute(sa.delete(LoginSession).where(mine))
    items = [("session", str(session_id)) for session_id in ids]
    await revoke(session, known, items=[*items, ("subject", username)], now=now)


async def list_revocations(session: AsyncSession, after: int) -> Revocations:
    """Return what was revoked after a number, oldest first."""
    number = col(RevokedAccess.id)
    query = sa.select(RevokedAccess).where(number > after).order_by(number).limit(10_000)
    items = [_wire(row) for row in await session.scalars(query)]
    return Revocations(items=items, last=items[-1].id if items else after)


class OwnRevocations:
    """Where this process follows revocations: its own database, for those of its twins."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def __call__(self, after: int) -> Revocations:
        """Return what was revoked after a number."""
        async with reading(self._sessions) as session:
            return await list_revocations(session, after)


def _wire(row: RevokedAccess) -> Revocation:
    return Revocation.model_validate(row)
