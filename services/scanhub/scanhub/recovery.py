"""Lets somebody in again: for whoever may write to the database when nobody can log in.

A running server follows within seconds.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.contextvars import bound_contextvars

from exam_manager.audit.recorder import record_changes
from exam_manager.users.lockout import unlock
from exam_manager.users.logins import reset_password
from scanhub.settings import InstallationSettings
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, create_engine, create_sessions, transaction
from scanhub_libraries.security.tokens import RevocationList

_ACTOR = "service:command-line"


@asynccontextmanager
async def _opened(settings: InstallationSettings) -> AsyncIterator[Sessions]:
    engine = create_engine(settings.database_url("exam-manager"))
    sessions = create_sessions(engine)
    record_changes(sessions)
    try:
        with bound_contextvars(actor=_ACTOR):
            yield sessions
    finally:
        await engine.dispose()


async def unlock_user(settings: InstallationSettings, username: str) -> None:
    """Forget the wrong passwords of a user."""
    async with _opened(settings) as sessions, transaction(sessions) as session:
        await unlock(session, username)


async def set_password(settings: InstallationSettings, username: str, password: str) -> None:
    """Give a user a new password, forget the wrong ones, and end the logins."""
    async with _opened(settings) as sessions:
        await reset_password(sessions, RevocationList(), username, password, now=utc_now())
