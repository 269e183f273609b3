"""Notes between the processes: something has changed, look at the table.

A note is a hint, sent by PostgreSQL (NOTIFY) when the transaction commits that makes it true. It
carries ids and no more: it may be logged by the database. What is missed is found by looking again.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from scanhub_libraries.database import Sessions
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
CHANNEL: Final = "device_manager_nodes"
_PENDING = "notes"


class Kind(StrEnum):
    """What has changed."""

    HOME = "home"
    LEASE = "lease"
    PARAMETER = "parameter"
    TOKEN = "token"  # noqa: S105 - a word
    CERTIFICATE = "certificate"
    NODES = "nodes"


class Note(BaseModel):
    """What has changed, and of which device."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    device_id: UUID | None = None
    node_id: UUID | None = None
    """Of a home: the process that it is now."""
    version: int = 0
    """Of a home: which one it is; the highest counts."""
    acquisition_id: UUID | None = None
    task_id: UUID | None = None
    state: str | None = None
    sender: UUID | None = None


def read_note(text: str) -> Note | None:
    """Return what another process said; None: it cannot be read."""
    try:
        return Note.model_validate_json(text)
    except ValidationError:
        logger.warning("a note of another process cannot be read")
        return None


def add_note(session: AsyncSession, note: Note) -> None:
    """Tell the other processes, if there can be any, when the transaction of `session` commits."""
    session.info.setdefault(_PENDING, []).append(note)


def send_notes(sessions: Sessions, sender: UUID) -> None:
    """Let the sessions of a factory send what is noted in them."""
    base = sessions.kw.get("sync_session_class", Session)

    class NotingSession(base):  # type: ignore[misc, valid-type]
        pass

    @event.listens_for(NotingSession, "before_commit")
    def _before_commit(session: Session) -> None:
        notes: list[Note] = session.info.pop(_PENDING, [])
        for note in dict.fromkeys(notes):
            signed = note.model_copy(update={"sender": sender})
            text = signed.model_dump_json(exclude_none=True)
            session.execute(sa.select(sa.func.pg_notify(CHANNEL, text)))

    sessions.configure(sync_session_class=NotingSession)
