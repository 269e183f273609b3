"""The database of device-manager: its own registry, its own outbox."""

from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from scanhub_libraries import outbox
from scanhub_libraries.database import NAMING
from scanhub_libraries.events import EventType

SERVICE = "device-manager"
_REGISTRY = registry(metadata=MetaData(naming_convention=NAMING))


class Table(SQLModel, registry=_REGISTRY):
    """Base of every table of this service, and of no other."""

    model_config = {"defer_build": True}  # rows are made, not validated


class OutboxEvent(outbox.OutboxEventColumns, Table, table=True):
    """Events on their way to the journal."""

    __tablename__ = "outbox_event"


def add_event(
    session: AsyncSession,
    event_type: EventType,
    subject: UUID,
    data: dict[str, Any],
    *,
    actor: str | None = None,
) -> None:
    """Write an event into the transaction of `session`."""
    outbox.add_event(
        session, OutboxEvent, event_type, subject, source=SERVICE, data=data, actor=actor
    )
