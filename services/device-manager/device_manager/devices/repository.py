"""Queries on devices."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.devices.models import Device

_HELD = select(Device).where(col(Device.id) == sa.bindparam("device_id")).with_for_update(read=True)


async def hold_device(session: AsyncSession, device_id: UUID) -> Device | None:
    """Return a device that nobody changes until the end of the transaction, others hold it too."""
    return await session.scalar(_HELD, {"device_id": device_id})


async def list_devices(session: AsyncSession) -> Sequence[Device]:
    """Return all devices, oldest first."""
    return (await session.scalars(select(Device).order_by(col(Device.id)))).all()


async def replace_token_hash(session: AsyncSession, device_id: UUID, old: str, new: str) -> int:
    """Replace a hash, unless another process has; return how many were replaced."""
    query = sa.update(Device).where(col(Device.id) == device_id, col(Device.token_hash) == old)
    answer = await session.execute(query.values(token_hash=new))
    return int(answer.rowcount)  # type: ignore[attr-defined]
