"""Logins: passwords against tokens. No transaction is open while a password is checked."""

import hmac
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.settings import ExamManagerSettings
from exam_manager.users.lockout import (
    Attempt,
    find,
    find_again,
    forget_failures,
    note_failure,
    note_success,
)
from exam_manager.users.login_gate import LoginGate
from exam_manager.users.models import Account, LoginSession
from exam_manager.users.password_rules import check_is_new, check_password
from exam_manager.users.revocations import revoke_session, revoke_user
from exam_manager.users.rules import names_of
from exam_manager.users.service import get_user, user_out
from scanhub_libraries.database import Sessions, glance, reading, transaction
from scanhub_libraries.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import (
    PasswordUpdateRequest,
    ServiceCredentials,
    ServiceToken,
    User,
    UserRole,
)
from scanhub_libraries.security.passwords import hash_password, is_outdated, verify_password
from scanhub_libraries.security.principal import Principal
from scanhub_libraries.security.tokens import (
    SERVICE_LIFETIME,
    USER_LIFETIME,
    RevocationList,
    TokenSigner,
    TokenVerifier,
)

_WRONG = "Invalid authentication credentials"


async def log_in(
    sessions: Sessions,
    signer: TokenSigner,
    gate: LoginGate,
    attempt: Attempt,
    *,
    user_agent: str,
) -> User:
    """Return the user with the token of a new login."""
    password_hash = await check_credentials(sessions, gate, attempt)
    fresh_hash = await hash_password(attempt.password) if is_outdated(password_hash) else None
    async with transaction(sessions) as session:
        account = await session.get(Account, attempt.username, with_for_update=True)
        if account is None or account.password_hash != password_hash:
            raise UnauthenticatedError(_WRONG)  # changed while the password was checked
        if fresh_hash is not None:
            account.password_hash = fresh_hash
        login = await _open_session(session, account, attempt, user_agent)
    token = signer.user_token(
        account.username,
        account.role,
        login.id,
        must_change_password=account.must_change_password,
    )
    return user_out(account, token)


async def _open_session(
    session: AsyncSession, account: Account, attempt: Attempt, user_agent: str
) -> LoginSession:
    now = attempt.now
    login = LoginSession(
        username=account.username,
        datetime_created=now,
        expires_at=now + USER_LIFETIME,
        address=attempt.address,
        user_agent=user_agent,
    )
    session.add(login)
    await session.execute(sa.delete(LoginSession).where(col(LoginSession.expires_at) < now))
    await note_success(session, account, attempt.address, now=now)
    account.last_login_at = account.last_activity_at = now
    emit(
        session,
        EventType.USER_LOGGED_IN,
        account.username,
        {
            "username": account.username,
            "role": account.role.value,
            "address": attempt.address,
        },
        actor=f"user:{account.username}",
    )
    return login


async def check_credentials(sessions: Sessions, gate: LoginGate, attempt: Attempt) -> str:
    """Return the hash that the password was found to match.

    Raises:
        UnauthenticatedError: Wrong user or password.
        TooManyRequestsError: Wait first.
    """
    async with glance(sessions) as connection:
        found = await find(connection, gate, attempt)
    async with gate.entered(attempt.place, known=found.known_place):
        right = await verify_password(attempt.password, found.password_hash)
    async with transaction(sessions) as session:
        now_found = await find_again(session, gate, attempt)
        if right and found.password_hash is not None and now_found == found:
            return found.password_hash
        if not right:
            await note_failure(session, gate, attempt)
    raise UnauthenticatedError(_WRONG)  # wrong, or changed while it was checked


async def renew_from_cookie(
    session: AsyncSession, verifier: TokenVerifier, token: str | None, *, now: datetime
) -> User:
    """Return the user of a login cookie, with its token."""
    if not token:
        raise UnauthenticatedError("There is no login cookie.")
    principal = verifier.verify(token)
    login = await session.get(LoginSession, principal.session_id) if principal.session_id else None
    if login is None or login.expires_at <= now:
        raise UnauthenticatedError("The session has ended: log in again.")
    account = await get_user(session, login.username)
    account.last_activity_at = now
    return user_out(account, token)


async def log_out(
    session: AsyncSession, principal: Principal, known: RevocationList, *, now: datetime
) -> None:
    """End this login, and no other of the same user."""
    if principal.session_id is not None:
        await revoke_session(session, known, principal.session_id, now=now)
    emit(session, EventType.USER_LOGGED_OUT, principal.subject, {"username": principal.subject})


async def change_password(
    sessions: Sessions,
    gate: LoginGate,
    known: RevocationList,
    request: PasswordUpdateRequest,
    *,
    principal: Principal,
    address: str,
    now: datetime,
) -> None:
    """Set a password, vouched for by the requester's own, and end the logins of that user."""
    username = request.username_to_change_password_for
    own = username == principal.subject
    if not own and principal.role is not UserRole.ADMIN:
        raise ForbiddenError("Only an admin changes the password of somebody else.")
    await _check_new_password(sessions, request, own=own)
    attempt = Attempt(principal.subject, request.password_of_requester, address, now)
    await check_credentials(sessions, gate, attempt)
    password_hash = await hash_password(request.newpassword)
    async with transaction(sessions) as session:
        account = await session.get(Account, username, with_for_update=True)
        if account is None:
            raise NotFoundError(f"There is no user {username!r}.")
        _set_password(account, password_hash, request, own=own, now=now)
        if own:
            await note_success(session, account, address, now=now)
        else:
            await forget_failures(session, account)
        await revoke_user(session, known, username, now=now)
        emit(session, EventType.USER_PASSWORD_CHANGED, username, {"username": username})


async def reset_password(
    sessions: Sessions, known: RevocationList, username: str, password: str, *, now: datetime
) -> None:
    """Set the password of a user for somebody who keeps the machine, and unlock the user.

    Raises:
        NotFoundError: There is no such user.
        BadRequestError: The password is easily guessed.
    """
    async with reading(sessions) as session:
        account = await session.get(Account, username)
    check_password(password, names_of(user_out(account)) if account else ())
    password_hash = await hash_password(password)
    async with transaction(sessions) as session:
        account = await session.get(Account, username, with_for_update=True)
        if account is None:
            raise NotFoundError(f"There is no user {username!r}.")
        account.password_hash, account.password_changed_at = password_hash, now
        account.must_change_password = False
        account.version += 1
        await forget_failures(session, account)
        await revoke_user(session, known, username, now=now)
        emit(session, EventType.USER_PASSWORD_CHANGED, username, {"username": username})


async def _check_new_password(
    sessions: Sessions, request: PasswordUpdateRequest, *, own: bool
) -> None:
    """Refuse a password that is no good; that it is the old one is told to its owner only."""
    async with reading(sessions) as session:
        account = await session.get(Account, request.username_to_change_password_for)
    names = names_of(user_out(account)) if account else ()
    check_password(request.newpassword, names)
    if own:
        check_is_new(request.newpassword, request.password_of_requester)


def _set_password(
    account: Account,
    password_hash: str,
    request: PasswordUpdateRequest,
    *,
    own: bool,
    now: datetime,
) -> None:
    account.password_hash = password_hash
    account.password_changed_at = now
    if own:
        account.must_change_password = False
    elif request.must_change_password is not None:
        account.must_change_password = request.must_change_password
    account.version += 1


def sign_service_token(
    settings: ExamManagerSettings, signer: TokenSigner, credentials: ServiceCredentials
) -> ServiceToken:
    """Return the token of a service that shows its secret."""
    secret = settings.service_secrets.get(credentials.service)
    expected = secret.get_secret_value() if secret else ""
    same = hmac.compare_digest(expected.encode(), credentials.secret.encode())
    if not (same and expected):
        raise UnauthenticatedError("Unknown service or wrong secret.")
    return ServiceToken(
        access_token=signer.service_token(credentials.service),
        expires_in=int(SERVICE_LIFETIME.total_seconds()),
    )
