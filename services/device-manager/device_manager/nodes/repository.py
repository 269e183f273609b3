"""Queries on processes and homes. They are for PostgreSQL: SQLite has one process."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import OPEN_STATES
from device_manager.devices.models import Device
from device_manager.nodes.models import Node
from scanhub_libraries.models import DeviceStatus

_LOCK = "device-manager nodes"


class Home(NamedTuple):
    """Where a device is at home, as the table says."""

    device_id: UUID
    node_id: UUID | None
    version: int
    token_rotated_at: datetime | None
    parameter_version: int


def lock_of(node_id: UUID) -> int:
    """Return the number of the lock that a process holds while it lives."""
    return node_id.int & (2**63 - 1)


def _is_dead(seconds: float) -> sa.ColumnElement[bool]:
    # The clock of the database: those of the hosts differ.
    age = sa.literal(timedelta(seconds=seconds), sa.Interval())
    return col(Node.seen_at) < sa.func.now() - age


def _is_orphaned() -> sa.ColumnElement[bool]:
    """Its home is gone; or, after an upgrade, it was connected before there were homes."""
    nodes = sa.select(Node.id)  # type: ignore[call-overload]
    open_ = sa.select(Acquisition.device_id).where(  # type: ignore[call-overload]
        col(Acquisition.state).in_(list(OPEN_STATES))
    )
    home = col(Device.node_id)
    left = col(Device.status).is_distinct_from(DeviceStatus.OFFLINE) | col(Device.id).in_(open_)
    return (home.is_not(None) & home.not_in(nodes)) | (home.is_(None) & left)


async def lock_membership(session: AsyncSession) -> None:
    """Let nobody else come or take over before this transaction ends."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(_LOCK))))


async def add_node(session: AsyncSession, node_id: UUID, host: str, url: str | None) -> None:
    """Write down that a process lives."""
    now = sa.func.now()
    row = {"id": node_id, "host": host, "url": url, "started_at": now, "seen_at": now}
    await session.execute(sa.insert(Node).values(row))


async def remove_node(session: AsyncSession, node_id: UUID) -> None:
    """Write down that a process has ended."""
    await session.execute(sa.delete(Node).where(col(Node.id) == node_id))


async def is_gone(session: AsyncSession, node_id: UUID) -> bool:
    """Say whether a process has let go of its lock, as one does that was killed."""
    lock = sa.func.pg_try_advisory_xact_lock(lock_of(node_id))
    return bool(await session.scalar(sa.select(lock)))


async def remove_namesakes(session: AsyncSession, url: str) -> int:
    """Remove the processes at an address: whoever comes with it now has taken their place."""
    answer = await session.execute(sa.delete(Node).where(col(Node.url) == url))
    return int(answer.rowcount)  # type: ignore[attr-defined]


async def remove_dead(session: AsyncSession, seconds: float) -> Sequence[UUID]:
    """Remove the processes that have not been seen for so long; return which."""
    query = sa.delete(Node).where(_is_dead(seconds)).returning(col(Node.id))
    return (await session.scalars(query)).all()


async def beat(session: AsyncSession, node_id: UUID) -> bool:
    """Show that a process lives; False: the others have removed it."""
    query = sa.update(Node).where(col(Node.id) == node_id).values(seen_at=sa.func.now())
    return bool((await session.execute(query)).rowcount)  # type: ignore[attr-defined]


async def list_nodes(session: AsyncSession) -> Sequence[Node]:
    """Return all processes."""
    return (await session.scalars(select(Node).order_by(col(Node.id)))).all()


async def list_alive(session: AsyncSession, seconds: float) -> Sequence[Node]:
    """Return the processes that have been seen of late."""
    return (await session.scalars(select(Node).where(~_is_dead(seconds)))).all()


async def is_registered(session: AsyncSession, node_id: UUID) -> bool:
    """Say whether a process counts as living, and will until this transaction ends."""
    query = select(Node.id).where(col(Node.id) == node_id)
    return (
        await session.scalars(query.with_for_update(read=True, key_share=True))
    ).first() is not None


def _home_columns() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        col(Device.id),
        col(Device.node_id),
        col(Device.home_version),
        col(Device.token_rotated_at),
        col(Device.parameter_version),
    )


async def list_homes(session: AsyncSession) -> Sequence[Home]:
    """Return where all devices are at home."""
    return [Home(*row) for row in (await session.execute(_home_columns())).all()]


async def find_home(session: AsyncSession, device_id: UUID, *, lock: bool = False) -> Home | None:
    """Return where a device is at home."""
    query = _home_columns().where(col(Device.id) == device_id)
    if lock:
        query = query.with_for_update()
    row = (await session.execute(query)).first()
    return Home(*row) if row is not None else None


async def find_node(session: AsyncSession, node_id: UUID) -> Node | None:
    """Return a process."""
    return await session.get(Node, node_id)


async def home_of(session: AsyncSession, device_id: UUID) -> UUID | None:
    """Return the home of a device; it stays so until the transaction ends."""
    query = select(Device.node_id).where(col(Device.id) == device_id)
    return (await session.scalars(query.with_for_update(read=True))).first()


async def set_home(session: AsyncSession, device_id: UUID, node_id: UUID, version: int) -> None:
    """Let a device be at home at a process."""
    query = sa.update(Device).where(col(Device.id) == device_id)
    await session.execute(query.values(node_id=node_id, home_version=version))


async def has_orphans(session: AsyncSession, seconds: float) -> bool:
    """Say whether a process has died, or a device has lost its home."""
    dead = sa.exists().where(_is_dead(seconds))
    orphaned = sa.exists().where(_is_orphaned())
    return bool(await session.scalar(sa.select(dead | orphaned)))


async def take_orphans(session: AsyncSession, node_id: UUID) -> Sequence[Device]:
    """Let all devices that have lost their home be at home at a process; return them."""
    query = sa.update(Device).where(_is_orphaned())
    query = query.values(node_id=node_id, home_version=Device.home_version + 1)
    return (await session.scalars(query.returning(Device))).all()


async def list_own(session: AsyncSession, node_id: UUID) -> Sequence[Device]:
    """Return the devices at home at a process; nobody else takes them until the end."""
    query = select(Device).where(col(Device.node_id) == node_id).order_by(col(Device.id))
    return (await session.scalars(query.with_for_update())).all()
