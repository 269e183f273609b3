"""The token of a job: random, for one attempt at one run, kept as a checksum only."""

import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256

from sqlmodel import col, select

from scanhub_jobs.platform.documents import TOKEN_PREFIX
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import TokenInvalidError
from scanhub_libraries.security.principal import Principal, PrincipalKind
from workflow_manager.job_sessions.models import JobExecution


def new_token() -> tuple[str, str]:
    """Return a token, and what is kept of it."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, checksum_of(token)


def checksum_of(token: str) -> str:
    """Return what is kept of a token; it is random, so that no salt is needed."""
    return sha256(token.encode()).hexdigest()


def finder(sessions: Sessions) -> Callable[[str], Awaitable[Principal]]:
    """Return what says for whom a token speaks."""

    async def find(token: str) -> Principal:
        """Return the job that a token is of.

        Raises:
            TokenInvalidError: It is of none, or its run has ended.
        """
        query = select(JobExecution.id, JobExecution.session_id).where(
            col(JobExecution.token_sha256) == checksum_of(token)
        )
        async with reading(sessions) as session:
            row = (await session.execute(query)).first()
        if row is None:
            raise TokenInvalidError("This job has ended: its token opens nothing any more.")
        return Principal(kind=PrincipalKind.STEP, subject=str(row[0]), session_id=row[1])

    return find
