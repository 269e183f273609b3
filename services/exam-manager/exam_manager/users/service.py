"""Users: creating, changing and deleting them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.users import rules
from exam_manager.users.models import Account
from exam_manager.users.revocations import revoke_user
from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)
from scanhub_libraries.events import EventType
from scanhub_libraries.models import User, UserRole
from scanhub_libraries.security.passwords import hash_password
from scanhub_libraries.security.principal import Principal
from scanhub_libraries.security.tokens import RevocationList


def user_out(account: Account, access_token: str = "") -> User:
    """Return a user as the wire has it; never with a password."""
    return User(
        username=account.username,
        first_name=account.first_name,
        last_name=account.last_name,
        email=account.email,
        role=account.role,
        access_token=access_token,
        token_type="bearer" if access_token else "",
        last_activity_unixtime=_unix_time(account.last_activity_at),
        last_login_unixtime=_unix_time(account.last_login_at),
    )


def _unix_time(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


async def has_no_users(session: AsyncSession) -> bool:
    """Say whether nobody can log in yet."""
    return await session.scalar(sa.select(col(Account.username)).limit(1)) is None


async def create_first_user(session: AsyncSession, user: User, *, now: datetime) -> User:
    """Create the first admin. Two at once: the unique founder lets one through."""
    rules.check_first_user(user)
    password_hash = await hash_password(user.access_token)
    if not await has_no_users(session):
        raise BadRequestError("There are users already: an admin creates the others.")
    account = _account(user, password_hash, now)
    account.founder = True
    actor = f"user:{account.username}"
    return await _insert(
        session, account, BadRequestError("There is a first user already."), actor=actor
    )


async def create_user(session: AsyncSession, user: User, *, now: datetime) -> User:
    """Create a user."""
    rules.check_new_user(user)
    account = _account(user, await hash_password(user.access_token), now)
    taken = ConflictError(f"There is a user {account.username!r} already.", field="username")
    if await session.get(Account, account.username) is not None:
        raise taken
    return await _insert(session, account, taken)


def _account(user: User, password_hash: str, now: datetime) -> Account:
    return Account(
        username=user.username.strip(),
        first_name=user.first_name.strip(),
        last_name=user.last_name.strip(),
        email=user.email,
        role=user.role,
        password_hash=password_hash,
        datetime_created=now,
    )


async def _insert(
    session: AsyncSession, account: Account, taken: Exception, *, actor: str | None = None
) -> User:
    try:
        async with session.begin_nested():
            session.add(account)
    except IntegrityError as error:
        raise taken from error
    emit(session, EventType.USER_CREATED, account.username, _event_data(account), actor=actor)
    return user_out(account)


async def get_user(session: AsyncSession, username: str) -> Account:
    """Return a user.

    Raises:
        UnauthenticatedError: The user of this token is gone.
    """
    account = await session.get(Account, username)
    if account is None:
        raise UnauthenticatedError("The user does not exist any more.")
    return account


async def list_users(session: AsyncSession) -> list[User]:
    """Return all users by name."""
    accounts = await session.scalars(sa.select(Account).order_by(col(Account.username)))
    return [user_out(account) for account in accounts]


async def update_user(
    session: AsyncSession, user: User, known: RevocationList, *, now: datetime
) -> User:
    """Change names, email and role; a new role ends the logins of the user."""
    rules.check_update(user)
    admins = await _lock_admins(session)
    account = await session.get(Account, user.username, with_for_update=True)
    if account is None:
        raise ForbiddenError(f"There is no user {user.username!r}.")
    if user.role is not UserRole.ADMIN:
        rules.check_admin_remains(user.username, admins, act="change this role")
    role_changed = account.role is not user.role
    account.first_name, account.last_name = user.first_name.strip(), user.last_name.strip()
    account.email, account.role = user.email, user.role
    if role_changed:
        await revoke_user(session, known, account.username, now=now)
    emit(session, EventType.USER_UPDATED, account.username, _event_data(account))
    return user_out(account)


async def delete_user(
    session: AsyncSession,
    username: str,
    known: RevocationList,
    *,
    principal: Principal,
    now: datetime,
) -> None:
    """Delete a user and end their logins."""
    admins = await _lock_admins(session)
    account = await session.get(Account, username, with_for_update=True)
    if account is None:
        raise NotFoundError(f"There is no user {username!r}.")
    rules.check_admin_remains(username, admins, act="delete this one")
    if username == principal.subject:
        raise ForbiddenError("Nobody deletes themselves: ask another admin.")
    await revoke_user(session, known, username, now=now)
    await session.delete(account)
    emit(session, EventType.USER_DELETED, username, _event_data(account))


async def _lock_admins(session: AsyncSession) -> list[str]:
    """Return the admins, locked: two that demote one another at once must not both succeed."""
    query = (
        sa.select(col(Account.username))
        .where(col(Account.role) == UserRole.ADMIN)
        .order_by(col(Account.username))
        .with_for_update()
    )
    return list((await session.scalars(query)).all())


def _event_data(account: Account) -> dict[str, str]:
    return {"username": account.username, "role": account.role.value}
