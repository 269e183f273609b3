"""Logins that have not ended: listing and ending them."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.paging import Page
from exam_manager.users.models import LoginSession
from exam_manager.users.revocations import revoke_session, revoke_user
from scanhub_libraries.errors import ForbiddenError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import SessionOut, UserRole
from scanhub_libraries.security.principal import Principal
from scanhub_libraries.security.tokens import RevocationList


async def list_sessions(
    session: AsyncSession,
    page: Page[UUID],
    *,
    username: str | None,
    everybody: bool,
    principal: Principal,
    now: datetime,
) -> list[SessionOut]:
    """Return logins that have not ended, newest first: one's own unless an admin asks for more."""
    query = sa.select(LoginSession).where(col(LoginSession.expires_at) > now)
    if everybody:
        _check_admin(principal)
    if username is not None or not everybody:
        name = username or principal.subject
        _check_own(name, principal)
        query = query.where(col(LoginSession.username) == name)
    if page.after is not None:
        query = query.where(col(LoginSession.id) < page.after)
    query = query.order_by(col(LoginSession.id).desc()).limit(page.fetch)
    return [_out(login, principal) for login in await session.scalars(query)]


def _out(login: LoginSession, principal: Principal) -> SessionOut:
    found = SessionOut.model_validate(login)
    return found.model_copy(update={"current": login.id == principal.session_id})


async def end_session(
    session: AsyncSession,
    known: RevocationList,
    session_id: UUID,
    *,
    principal: Principal,
    now: datetime,
) -> None:
    """End a login of one's own, or as admin anybody's."""
    login = await session.get(LoginSession, session_id)
    mine = login is not None and login.username == principal.subject
    if login is None or not (mine or principal.role is UserRole.ADMIN):
        raise NotFoundError("There is no such login, or it has ended.")
    await revoke_session(session, known, session_id, now=now)
    _tell(session, login.username, 1)


async def end_sessions(
    session: AsyncSession,
    known: RevocationList,
    username: str | None,
    *,
    principal: Principal,
    now: datetime,
) -> None:
    """End all logins of a user; of one's own all but this one."""
    name = username or principal.subject
    _check_own(name, principal)
    mine = col(LoginSession.username) == name
    query = sa.select(col(LoginSession.id)).where(mine, col(LoginSession.expires_at) > now)
    ids = [
        session_id
        for session_id in await session.scalars(query)
        if session_id != principal.session_id
    ]
    if name != principal.subject:
        await revoke_user(session, known, name, now=now)
    for session_id in ids if name == principal.subject else ():
        await revoke_session(session, known, session_id, now=now)
    if ids:
        _tell(session, name, len(ids))


def _check_own(username: str, principal: Principal) -> None:
    if username != principal.subject:
        _check_admin(principal)


def _check_admin(principal: Principal) -> None:
    if principal.role is not UserRole.ADMIN:
        raise ForbiddenError("Only an admin sees and ends the logins of somebody else.")


def _tell(session: AsyncSession, username: str, count: int) -> None:
    data = {"username": username, "logins": count}
    emit(session, EventType.USER_SESSION_ENDED, username, data)
