"""What jobs left in a session, for people to look at, and how long it is kept."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models.case import (
    RunSessionOut,
    SessionFileOut,
    SessionHold,
    SessionHookOut,
    SessionValueOut,
)
from workflow_manager.job_sessions import folders, repository
from workflow_manager.job_sessions.models import SessionEnd, SessionFile, SessionValue
from workflow_manager.job_sessions.rules import returned_value
from workflow_manager.journal.service import append, own_event
from workflow_manager.wiring import Wiring


def describe_value(row: SessionValue) -> SessionValueOut:
    """Return a value that a job left as it is told."""
    return SessionValueOut.model_validate({**row.model_dump(), "value": returned_value(row.text)})


def describe_file(row: SessionFile) -> SessionFileOut:
    """Return a file that a job left as it is told."""
    return SessionFileOut.model_validate({**row.model_dump(), "meta": returned_value(row.meta)})


async def list_values(session: AsyncSession, session_id: UUID) -> list[SessionValueOut]:
    """Return the values of a session, by job and subject."""
    return [describe_value(row) for row in await repository.list_values(session, session_id)]


async def list_files(session: AsyncSession, session_id: UUID) -> list[SessionFileOut]:
    """Return the files of a session, by job and subject."""
    return [describe_file(row) for row in await repository.list_files(session, session_id)]


async def file_answer(
    wiring: Wiring, session: AsyncSession, session_id: UUID, key: str
) -> FileAnswer:
    """Return a file as the job stored it.

    Raises:
        NotFoundError: There is none of this key in the session.
    """
    rows = await repository.list_files(session, session_id)
    row = next((row for row in rows if row.key == key), None)
    if row is None:
        raise NotFoundError("The run has no such file.")
    path = folders.file_place(wiring.lake.root, row.session_id, row.key)
    return FileAnswer(path, media_type="application/octet-stream", filename=row.name)


async def describe_session(session: AsyncSession, session_id: UUID) -> RunSessionOut:
    """Return how a session ended, how long is kept what it left, and what became of its hooks."""
    hooks = [
        SessionHookOut.model_validate({**row.model_dump(), "failure": row.failure or None})
        for row in await repository.list_hooks(session, session_id)
    ]
    row = await session.get(SessionEnd, session_id)
    if row is None:
        return RunSessionOut(hooks=hooks)
    return RunSessionOut.model_validate({**row.model_dump(), "hooks": hooks})


async def hold(session: AsyncSession, session_id: UUID, wanted: SessionHold) -> RunSessionOut:
    """Hold what the jobs of a session left, or let it go when its time is over.

    Raises:
        ConflictError: The session has not ended: nothing of it is removed.
    """
    row = await session.get(SessionEnd, session_id, with_for_update=True)
    if row is None:
        raise ConflictError("The session has not ended: hold it when it has.")
    if row.hold != wanted.hold:
        kind = EventType.SESSION_HELD if wanted.hold else EventType.SESSION_RELEASED
        told = {"session_id": str(session_id), "reason": wanted.reason, "at": str(utc_now())}
        await append(session, [own_event(kind, session_id, told)])
    row.hold, row.hold_reason = wanted.hold, wanted.reason if wanted.hold else ""
    await session.flush()
    return await describe_session(session, session_id)
