"""Queries on parameters of devices and their schemas."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.devices.models import Device
from device_manager.parameters.models import DeviceParameter, ParameterSchema


async def lock_device(session: AsyncSession, device_id: UUID) -> Device | None:
    """Return a device that nobody else changes before this transaction ends."""
    return await session.get(Device, device_id, with_for_update=True, populate_existing=True)


async def find_version(
    session: AsyncSession, device_id: UUID, version: int
) -> DeviceParameter | None:
    """Return one version of the parameters of a device."""
    query = select(DeviceParameter).where(
        col(DeviceParameter.device_id) == device_id, col(DeviceParameter.version) == version
    )
    return (await session.scalars(query)).one_or_none()


async def list_versions(
    session: AsyncSession, device_id: UUID, *, limit: int, before: int | None
) -> Sequence[DeviceParameter]:
    """Return versions, newest first."""
    query = select(DeviceParameter).where(col(DeviceParameter.device_id) == device_id)
    if before is not None:
        query = query.where(col(DeviceParameter.version) < before)
    return (
        await session.scalars(query.order_by(col(DeviceParameter.version).desc()).limit(limit))
    ).all()


async def delete_versions(session: AsyncSession, device_id: UUID) -> None:
    """Remove the history of a device."""
    await session.execute(
        sa.delete(DeviceParameter).where(col(DeviceParameter.device_id) == device_id)
    )


async def in_force(
    session: AsyncSession, device_id: UUID, version: int | None
) -> dict[str, Any] | None:
    """Return the parameters of a version; None: there are none."""
    if version is None:
        return None
    found = await find_version(session, device_id, version)
    return found.parameter if found is not None else None


async def find_schema(
    session: AsyncSession, device_type: str | None, *, lock: bool = False
) -> ParameterSchema | None:
    """Return the schema of a type of devices."""
    if device_type is None:
        return None
    return await session.get(ParameterSchema, device_type, with_for_update=lock or None)


async def list_schemas(session: AsyncSession) -> Sequence[ParameterSchema]:
    """Return all schemas, by name."""
    query = select(ParameterSchema).order_by(col(ParameterSchema.device_type))
    return (await session.scalars(query)).all()


async def list_devices_of(session: AsyncSession, device_type: str) -> Sequence[Device]:
    """Return the devices of a type that have parameters."""
    query = select(Device).where(
        col(Device.device_type) == device_type, col(Device.parameter_version) > 0
    )
    return (await session.scalars(query.order_by(col(Device.id)))).all()
