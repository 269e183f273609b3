"""Queries on devices."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.devices.models import Device
from scanhub_libraries.models import DeviceStatus


async def list_devices(session: AsyncSession) -> Sequence[Device]:
    """Return all devices, oldest first."""
    return (await session.scalars(select(Device).order_by(col(Device.id)))).all()


async def list_not_offline(session: AsyncSession) -> Sequence[Device]:
    """Return the devices that are not marked offline."""
    query = select(Device).where(col(Device.status) != DeviceStatus.OFFLINE)
    return (await session.scalars(query)).all()
