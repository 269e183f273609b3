"""Tables of exam-manager: its own registry, its outbox, and what its slices share of sessions."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy import event as sa_event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, registry
from sqlmodel import SQLModel

from scanhub_libraries.database import NAMING, is_postgresql
from scanhub_libraries.events import EventType
from scanhub_libraries.outbox import OutboxEventColumns, add_event

SOURCE = "exam-manager"


class Table(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
    """Base of every table of exam-manager."""

    model_config = {"defer_build": True}  # rows are made, not validated


class OutboxEvent(OutboxEventColumns, Table, table=True):
    """Events that wait for delivery."""

    __tablename__ = "outbox_event"


def emit(
    session: AsyncSession,
    event_type: EventType,
    subject: UUID | str,
    data: dict[str, Any],
    *,
    actor: str | None = None,
) -> None:
    """Write an event into the transaction of `session`."""
    add_event(session, OutboxEvent, event_type, subject, source=SOURCE, data=data, actor=actor)


async def see_one_state(session: AsyncSession) -> None:
    """Let a transaction see one state of things in all its reads; to be called before the first."""
    if is_postgresql(session):
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def after_commit(session: AsyncSession, action: Callable[[], None]) -> None:
    """Run `action` once the transaction of `session` is committed; never if it is not."""

    def run(_session: Session) -> None:
        action()

    sa_event.listen(session.sync_session, "after_commit", run, once=True)
