"""The registry of devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.calibrations import service as calibrations
from device_manager.calibrations.repository import delete_of_device
from device_manager.database import add_event
from device_manager.devices import repository
from device_manager.devices.models import Device
from device_manager.devices.rules import check_naming
from device_manager.devices.tokens import DeviceTokens
from device_manager.nodes.notes import Kind, Note, add_note
from device_manager.parameters import service as parameters
from device_manager.parameters.repository import delete_versions
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DeviceCredentials, DeviceStatus
from scanhub_libraries.models.fields import Parameter

_DETAIL_LENGTH = 4000
_PARAMETER: TypeAdapter[dict[str, Any]] = TypeAdapter(Parameter)


def _event(
    session: AsyncSession,
    device: Device,
    event_type: EventType,
    actor: str | None = None,
    **what: Any,
) -> None:
    data = {
        "device_id": str(device.id),
        "name": device.name,
        "status": device.status.value,
        "detail": device.status_detail,
        **what,
    }
    add_event(session, event_type, device.id, data, actor=actor)


def note_update(session: AsyncSession, device: Device, **what: Any) -> None:
    """Write the event of a change that a person made, with what has changed."""
    _event(session, device, EventType.DEVICE_UPDATED, **what)


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


async def rotate_token(
    session: AsyncSession, device_id: UUID, tokens: DeviceTokens
) -> DeviceCredentials:
    """Make a new token; the old one is void at once."""
    device = await get_device(session, device_id)
    token, device.token_hash = tokens.make()
    device.token_rotated_at = device.datetime_updated = utc_now()
    add_note(session, Note(kind=Kind.TOKEN, device_id=device_id))
    _event(session, device, EventType.DEVICE_UPDATED)
    return DeviceCredentials(device_token=token, device_id=device.id)


async def delete_device(session: AsyncSession, device_id: UUID) -> None:
    """Take a device out of the registry; it can never connect again."""
    device = await get_device(session, device_id)
    if device.calibration_id is not None:
        raise ConflictError("The device calibrates: wait for it, or stop it first.")
    _event(session, device, EventType.DEVICE_DELETED)
    await delete_versions(session, device_id)
    await delete_of_device(session, device_id)
    await session.delete(device)
    add_note(session, Note(kind=Kind.TOKEN, device_id=device_id))


async def find_admitted(
    session: AsyncSession, device_id: UUID, token: str, tokens: DeviceTokens
) -> Device | None:
    """Return the device that may connect with this token."""
    device = await session.get(Device, device_id)
    return device if tokens.matches(token, device.token_hash if device else None) else None


async def store_anew(sessions: Sessions, device: Device, token: str, tokens: DeviceTokens) -> None:
    """Store with the newest key what was stored with a former one: the token is at hand."""
    stored = tokens.stored(token)
    if stored != device.token_hash:
        async with transaction(sessions) as session:
            await repository.replace_token_hash(session, device.id, device.token_hash, stored)


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


@dataclass(frozen=True, slots=True)
class Registered:
    """A device that has introduced itself.

    Attributes:
        device: As it is stored now.
        problem: What it told and was not taken, and why.
    """

    device: Device
    problem: str | None = None


async def register(
    session: AsyncSession,
    device_id: UUID,
    details: dict[str, Any],
    status: DeviceStatus,
    parameter: dict[str, Any] | None = None,
) -> Registered | None:
    """Store what a device says of itself when it connects; what it leaves out stays.

    Its parameters are taken where there are none yet: later the server's are the truth.
    """
    device = await session.get(Device, device_id)
    if device is None:
        return None
    await calibrations.break_off(session, device, "The device has connected anew.")
    for field, value in details.items():
        if value is not None:
            setattr(device, field, value)
    device.status, device.status_detail = status, None
    device.last_seen = utc_now()
    _event(session, device, EventType.DEVICE_CONNECTED, device_actor(device_id))
    if not parameter or device.parameter_version:
        return Registered(device)
    return Registered(device, await _first_parameters(session, device, parameter))


async def _first_parameters(
    session: AsyncSession, device: Device, parameter: dict[str, Any]
) -> str | None:
    """Take the parameters of a device that has none here yet; return why not."""
    await session.flush()
    locked = await parameters.lock_device(session, device.id)
    if locked.parameter_version:
        return None
    try:
        small = _PARAMETER.validate_python(parameter)
        await parameters.write(
            session, locked, small, author=device_actor(device.id), comment="Told at register"
        )
    except ValidationError as error:
        return f"parameter {error.errors()[0]['msg']}."
    except UnprocessableError as error:
        return error.detail
    return None


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
    if status is DeviceStatus.OFFLINE:
        await calibrations.break_off(session, device, detail or "The link to the device broke.")
    device.status = status
    device.status_detail = detail[:_DETAIL_LENGTH] if detail else None
    device.last_seen = utc_now()
    _event(session, device, event_type, device_actor(device_id))


async def set_offline(session: AsyncSession, devices: Sequence[Device], detail: str) -> None:
    """Mark devices offline: no link outlives its process."""
    for device in devices:
        if device.status is DeviceStatus.OFFLINE:
            continue
        await calibrations.break_off(session, device, f"No contact with the device: {detail}.")
        device.status, device.status_detail = DeviceStatus.OFFLINE, detail
        _event(session, device, EventType.DEVICE_STATUS, "service:device-manager")
