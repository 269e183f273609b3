"""Changes of parameters, and the word of them to the device."""

from typing import Any
from uuid import UUID

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.devices.models import Device
from device_manager.devices.service import device_actor
from device_manager.links.commands import Feedback
from device_manager.links.link import DeviceLink
from device_manager.links.messages import DeviceParameterUpdate
from device_manager.parameters import service
from device_manager.parameters.rules import read_only_changes, told
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import DeviceParameterOut
from scanhub_libraries.versions import check_version

PARAMETER_UPDATE = "parameter_update"


async def set_parameter(
    room: ControlRoom,
    device_id: UUID,
    parameter: dict[str, Any],
    *,
    author: str,
    comment: str = "",
    if_match: str | None = None,
) -> tuple[Device, DeviceParameterOut]:
    """Put parameters in force that a person or a job wrote.

    Raises:
        NotFoundError: There is no such device.
        StaleVersionError: Others are in force than those that were edited.
        UnprocessableError: They do not follow the schema of this type of device.
    """
    async with transaction(room.sessions) as session:
        device = await service.lock_device(session, device_id)
        check_version(if_match, device.parameter_version)
        changed = await service.write(session, device, parameter, author=author, comment=comment)
        await session.flush()
        described = await service.describe(session, device)
    if changed:
        tell(room, device)
    return device, described


async def restore(
    room: ControlRoom,
    device_id: UUID,
    version: int,
    *,
    author: str,
    comment: str,
    if_match: str | None,
) -> DeviceParameterOut:
    """Put an older version in force again, as a new one.

    Raises:
        NotFoundError: There is no such device or version.
        StaleVersionError: Others are in force than those that were looked at.
        UnprocessableError: The schema has changed, and the old parameters do not follow it.
    """
    async with transaction(room.sessions) as session:
        device = await service.lock_device(session, device_id)
        check_version(if_match, device.parameter_version)
        old = await service.get_version(session, device_id, version)
        comment = comment or f"Version {version} restored"
        changed = await service.write(
            session, device, old.parameter, author=author, comment=comment
        )
        await session.flush()
        described = await service.describe(session, device)
    if changed:
        tell(room, device)
    return described


async def changed_by_device(
    room: ControlRoom, link: DeviceLink, message: DeviceParameterUpdate
) -> Feedback:
    """Put parameters in force that a device has changed by itself.

    Raises:
        ConflictError: It did not begin from those in force.
        UnprocessableError: They do not follow the schema, or are not the device's to change.
    """
    async with transaction(room.sessions) as session:
        device = await service.lock_device(session, link.device_id)
        service.check_base(device, message.base_version)
        schema = await service.schema_of(session, device)
        fixed = read_only_changes(device.parameter or {}, message.parameter, schema)
        if device.parameter_version and fixed:
            raise UnprocessableError(f"parameter: {told(fixed)}.")
        changed = await service.write(
            session,
            device,
            message.parameter,
            author=device_actor(device.id),
            comment=message.comment,
        )
    if not changed:
        return Feedback(
            message=f"The parameters are those of version {device.parameter_version}", ok=True
        )
    tell(room, device)
    return Feedback(message=f"Parameters stored as version {device.parameter_version}", ok=True)


def tell(room: ControlRoom, device: Device) -> None:
    """Send the parameters in force to a device that takes them."""
    link = room.links.find_ready(device.id)
    if link is not None and PARAMETER_UPDATE in link.capabilities and device.parameter_version:
        link.update_parameter(device.parameter or {}, device.parameter_version)


def introduced(room: ControlRoom, link: DeviceLink, device: Device, version: int | None) -> None:
    """A device has registered: send it the parameters in force if it has others."""
    if version != device.parameter_version:
        tell(room, device)
    else:
        link.knows_parameter(version)
