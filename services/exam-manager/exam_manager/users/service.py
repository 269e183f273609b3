"""Users: creating, changing and deleting them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.paging import Page
from exam_manager.users import rules
from exam_manager.users.models import Account
from exam_manager.users.revocations import revoke_user
from scanhub_libraries.database import Sessions, reading, transaction
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
from scanhub_libraries.versions import check_version


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
        must_change_password=account.must_change_password,
        version=account.version,
        locked_until=account.locked_until,
    )


def _unix_time(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


async def has_no_users(session: AsyncSession) -> bool:
    """Say whether nobody can log in yet."""
    return await session.scalar(sa.select(col(Account.username)).limit(1)) is None


async def create_first_user(sessions: Sessions, user: User, *, now: datetime) -> User:
    """Create the first admin. Two at once: the unique founder lets one through."""
    rules.check_first_user(user)
    async with reading(sessions) as session:
        if not await has_no_users(session):  # before the hash: anybody may ask, and it takes time
            raise BadRequestError("There are users already: an admin creates the others.")
    account = _account(user, await hash_password(user.access_token), now)
    account.founder = True
    actor = f"user:{account.username}"
    taken = BadRequestError("There is a first user already.")
    async with transaction(sessions) as session:
        if not await has_no_users(session):
            raise taken
        return await _insert(session, account, taken, actor=actor)


async def create_user(sessions: Sessions, user: User, *, now: datetime) -> User:
    """Create a user."""
    rules.check_new_user(user)
    account = _account(user, await hash_password(user.access_token), now)
    taken = ConflictError(f"There is a user {account.username!r} already.", field="username")
    async with transaction(sessions) as session:
        await _lock_admins(session)  # of look-alikes at once, each sees the one before
        if await session.get(Account, account.username) is not None:
            raise taken
        rules.check_look(account.username, await session.scalars(sa.select(col(Account.username))))
        return await _insert(session, account, taken)


def _account(user: User, password_hash: str, now: datetime) -> Account:
    return Account(
        username=rules.username_of(user.username),
        first_name=user.first_name.strip(),
        last_name=user.last_name.strip(),
        email=user.email,
        role=user.role,
        password_hash=password_hash,
        must_change_password=user.must_change_password,
        password_changed_at=now,
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


def is_activity_due(account: Account, now: datetime) -> bool:
    """Say whether the last activity that is kept of a user is too long ago."""
    seen = account.last_activity_at
    return seen is None or now - seen >= rules.ACTIVITY_STEP


async def note_activity(sessions: Sessions, username: str, *, now: datetime) -> None:
    """Keep when a user was last here."""
    changed = sa.update(Account).where(col(Account.username) == username)
    async with transaction(sessions) as session:
        await session.execute(
            changed.values(last_activity_at=now),
            execution_options={"synchronize_session": False},
        )


async def list_users(
    session: AsyncSession, page: Page[str], *, search: str | None, role: UserRole | None
) -> list[User]:
    """Return users by name."""
    query = sa.select(Account)
    if search:
        fields = (Account.username, Account.first_name, Account.last_name, Account.email)
        found = (col(field).icontains(search, autoescape=True) for field in fields)
        query = query.where(sa.or_(*found))
    if role is not None:
        query = query.where(col(Account.role) == role)
    if page.after is not None:
        query = query.where(col(Account.username) > page.after)
    query = query.order_by(col(Account.username)).limit(page.fetch)
    return [user_out(account) for account in await session.scalars(query)]


async def update_user(
    session: AsyncSession,
    user: User,
    known: RevocationList,
    *,
    if_match: str | None,
    now: datetime,
) -> User:
    """Change names, email, role and the demand for a new password.

    A new role and a new demand are in the token, so they end the logins of the user.
    """
    rules.check_update(user)
    admins = await _lock_admins(session)
    account = await session.get(Account, user.username, with_for_update=True)
    if account is None:
        raise ForbiddenError(f"There is no user {user.username!r}.")
    check_version(if_match, account.version)
    if user.role is not UserRole.ADMIN:
        rules.check_admin_remains(user.username, admins, act="change this role")
    before = (account.role, account.must_change_password)
    account.first_name, account.last_name = user.first_name.strip(), user.last_name.strip()
    account.email, account.role = user.email, user.role
    if "must_change_password" in user.model_fields_set:
        account.must_change_password = user.must_change_password
    account.version += 1
    if before != (account.role, account.must_change_password):
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
