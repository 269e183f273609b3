"""The registry of devices."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.database import add_event
from device_manager.devices import repository
from device_manager.devices.models import Device
from device_manager.devices.rules import check_naming
from device_manager.devices.tokens import DeviceTokens
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DeviceCredentials, DeviceStatus

_DETAIL_LENGTH = 4000


def _event(
    session: AsyncSession, device: Device, event_type: EventType, actor: str | None = None
) -> None:
    data = {
        "device_id": str(device.id),
        "name": device.name,
        "status": device.status.value,
        "detail": device.status_detail,
    }
    add_event(session, event_type, device.id, data, actor=actor)


def device_actor(device_id: UUID) -> str:
    """How events name a device that did something."""
    return f"device:{device_id}"


async def list_devices(session: AsyncSession) -> Sequence[Device]:
    """Return all devices."""
    return await repository.list_devices(session)


async def get_device(session: AsyncSession, device_id: UUID) -> Device:
    """Return a device.

    Raises:
        NotFoundError: There is none.
    """
    device = await session.get(Device, device_id)
    if device is None:
        raise NotFoundError("Device not found.")
    return device


async def create_device(
    session: AsyncSession, name: str, description: str, tokens: DeviceTokens
) -> DeviceCredentials:
    """Let a device connect; its token is told only now."""
    name, description = check_naming(name, description)
    token, stored = tokens.make()
    device = Device(name=name, description=description, token_hash=stored)
    session.add(device)
    _event(session, device, EventType.DEVICE_CREATED)
    return DeviceCredentials(device_token=token, device_id=device.id)


async def rename_device(
    session: AsyncSession, device_id: UUID, name: str, description: str
) -> Device:
    """Change name and description."""
    device = await get_device(session, device_id)
    device.name, device.description = check_naming(name, description)
    device.datetime_updated = utc_now()
    _event(session, device, EventType.DEVICE_UPDATED)
    return device


async def set_parameter(
    session: AsyncSession, device_id: UUID, parameter: dict[str, Any]
) -> Device:
    """Replace the parameters that the device gets with its next start."""
    device = await get_device(session, device_id)
    device.parameter = parameter
    device.datetime_updated = utc_now()
    _event(session, device, EventType.DEVICE_UPDATED)
    return device


async def rotate_token(
    session: AsyncSession, device_id: UUID, tokens: DeviceTokens
) -> DeviceCredentials:
    """Make a new token; the old one is void at once."""
    device = await get_device(session, device_id)
    token, device.token_hash = tokens.make()
    device.token_rotated_at = device.datetime_updated = utc_now()
    _event(session, device, EventType.DEVICE_UPDATED)
    return DeviceCredentials(device_token=token, device_id=device.id)


async def delete_device(session: AsyncSession, device_id: UUID) -> None:
    """Take a device out of the registry; it can never connect again."""
    device = await get_device(session, device_id)
    _event(session, device, EventType.DEVICE_DELETED)
    await session.delete(device)


async def knows_token(
    session: AsyncSession, device_id: UUID, token: str, tokens: DeviceTokens
) -> bool:
    """Say whether a device may connect with this token."""
    device = await session.get(Device, device_id)
    return tokens.matches(token, device.token_hash if device else None)


async def key_tokens(session: AsyncSession, tokens: DeviceTokens) -> int:
    """Put the key to hashes that an earlier version stored without one; return how many."""
    keyed = 0
    for device in await repository.list_devices(session):
        stored = tokens.rekeyed(device.token_hash)
        if stored is not None:
            keyed += await repository.replace_token_hash(
                session, device.id, device.token_hash, stored
            )
    return keyed


async def register(
    session: AsyncSession, device_id: UUID, details: dict[str, Any], status: DeviceStatus
) -> None:
    """Store what a device says of itself when it connects; what it leaves out stays."""
    device = await session.get(Device, device_id)
    if device is None:
        return
    for field, value in details.items():
        if value is not None:
            setattr(device, field, value)
    device.status, device.status_detail = status, None
    device.last_seen = utc_now()
    _event(session, device, EventType.DEVICE_CONNECTED, device_actor(device_id))


async def set_status(
    session: AsyncSession,
    device_id: UUID,
    status: DeviceStatus,
    detail: str | None,
    event_type: EventType = EventType.DEVICE_STATUS,
) -> None:
    """Store the state of a device."""
    device = await session.get(Device, device_id)
    if device is None:
        return
    device.status = status
    device.status_detail = detail[:_DETAIL_LENGTH] if detail else None
    device.last_seen = utc_now()
    _event(session, device, event_type, device_actor(device_id))


async def set_all_offline(session: AsyncSession, detail: str) -> None:
    """Mark every device offline: no link outlives this process."""
    for device in await repository.list_not_offline(session):
        device.status, device.status_detail = DeviceStatus.OFFLINE, detail
        _event(session, device, EventType.DEVICE_STATUS, "service:device-manager")
