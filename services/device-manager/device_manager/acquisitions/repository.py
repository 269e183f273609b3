"""Queries on acquisitions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import OPEN_STATES


async def lock_acquisition(session: AsyncSession, acquisition_id: UUID) -> Acquisition | None:
    """Return an acquisition that nobody else changes before this transaction ends."""
    return await session.get(Acquisition, acquisition_id, with_for_update=True)


async def list_acquisitions(
    session: AsyncSession, *, device_id: UUID | None, task_id: UUID | None, limit: int
) -> Sequence[Acquisition]:
    """Return acquisitions, newest first."""
    # Not by id: who starts a scan may have made it, without a time in it.
    newest = (col(Acquisition.created_at).desc(), col(Acquisition.id).desc())
    query = select(Acquisition).order_by(*newest).limit(limit)
    if device_id is not None:
        query = query.where(col(Acquisition.device_id) == device_id)
    if task_id is not None:
        query = query.where(col(Acquisition.task_id) == task_id)
    return (await session.scalars(query)).all()


async def list_open(session: AsyncSession, own: ColumnElement[bool]) -> Sequence[Acquisition]:
    """Return the acquisitions that have not ended, of the devices that are at home here."""
    query = select(Acquisition).where(col(Acquisition.state).in_(list(OPEN_STATES)), own)
    return (await session.scalars(query)).all()


async def find_open(session: AsyncSession, device_id: UUID) -> Acquisition | None:
    """Return what runs on a device."""
    query = select(Acquisition).where(
        col(Acquisition.device_id) == device_id, col(Acquisition.state).in_(list(OPEN_STATES))
    )
    return (await session.scalars(query)).first()


async def list_unsettled(
    session: AsyncSession, own: ColumnElement[bool], *, before: datetime | None = None
) -> Sequence[Acquisition]:
    """Return what has ended (before a time) without exam-manager knowing, of the devices here."""
    query = select(Acquisition).where(
        col(Acquisition.settled_at).is_(None),
        col(Acquisition.state).not_in(list(OPEN_STATES)),
        own,
    )
    if before is not None:
        query = query.where(col(Acquisition.ended_at) < before)
    return (await session.scalars(query.order_by(col(Acquisition.id)))).all()


async def find_open_task(session: AsyncSession, device_id: UUID) -> UUID | None:
    """Return the task that runs on a device."""
    query = select(Acquisition.task_id).where(
        col(Acquisition.device_id) == device_id, col(Acquisition.state).in_(list(OPEN_STATES))
    )
    return (await session.scalars(query.limit(1))).first()


async def has_open(session: AsyncSession, device_id: UUID) -> bool:
    """Say whether something runs on a device."""
    query = select(Acquisition.id).where(
        col(Acquisition.device_id) == device_id, col(Acquisition.state).in_(list(OPEN_STATES))
    )
    return (await session.scalars(query.limit(1))).first() is not None
