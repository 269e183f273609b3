"""Logins: passwords against tokens. No transaction is open while a password is checked."""

import hmac
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.settings import ExamManagerSettings
from exam_manager.users import rules
from exam_manager.users.login_gate import LoginGate
from exam_manager.users.models import Account, LoginSession
from exam_manager.users.revocations import revoke_session, revoke_user
from exam_manager.users.service import get_user, user_out
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import (
    PasswordUpdateRequest,
    ServiceCredentials,
    ServiceToken,
    User,
    UserRole,
)
from scanhub_libraries.security.passwords import hash_password, verify_password
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
    *,
    username: str,
    password: str,
    address: str,
    now: datetime,
) -> User:
    """Return the user with the token of a new login."""
    password_hash = await check_credentials(
        sessions, gate, username=username, password=password, address=address
    )
    async with transaction(sessions) as session:
        account = await session.get(Account, username, with_for_update=True)
        if account is None or account.password_hash != password_hash:
            raise UnauthenticatedError(_WRONG)  # changed while the password was checked
        login = LoginSession(
            username=username, datetime_created=now, expires_at=now + USER_LIFETIME
        )
        session.add(login)
        await session.execute(sa.delete(LoginSession).where(col(LoginSession.expires_at) < now))
        account.last_login_at = account.last_activity_at = now
        emit(
            session,
            EventType.USER_LOGGED_IN,
            username,
            {"username": username, "role": account.role.value, "address": address},
            actor=f"user:{username}",
        )
    return user_out(account, signer.user_token(username, account.role, login.id))


async def check_credentials(
    sessions: Sessions, gate: LoginGate, *, username: str, password: str, address: str
) -> str:
    """Return the hash that the password was found to match.

    Raises:
        UnauthenticatedError: Wrong user or password.
        TooManyRequestsError: Wait first.
    """
    async with gate.entered(username, address):
        async with reading(sessions) as session:
            account = await session.get(Account, username)
        password_hash = account.password_hash if account else None
        if await verify_password(password, password_hash) and password_hash is not None:
            gate.succeeded(username, address)
            return password_hash
        gate.failed(username, address)
    # What stands in the name field of an unknown user may be a password: it is not written down.
    known = username if account else "unknown"
    async with transaction(sessions) as session:
        emit(
            session,
            EventType.USER_LOGIN_REFUSED,
            known,
            {"username": known, "address": address},
            actor="anonymous",
        )
    raise UnauthenticatedError(_WRONG)


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
    if username != principal.subject and principal.role is not UserRole.ADMIN:
        raise ForbiddenError("Only an admin changes the password of somebody else.")
    rules.check_password(request.newpassword)
    await check_credentials(
        sessions,
        gate,
        username=principal.subject,
        password=request.password_of_requester,
        address=address,
    )
    password_hash = await hash_password(request.newpassword)
    async with transaction(sessions) as session:
        account = await session.get(Account, username, with_for_update=True)
        if account is None:
            raise NotFoundError(f"There is no user {username!r}.")
        account.password_hash = password_hash
        await revoke_user(session, known, username, now=now)
        emit(session, EventType.USER_PASSWORD_CHANGED, username, {"username": username})


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
