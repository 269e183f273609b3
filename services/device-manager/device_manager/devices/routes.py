"""HTTP routes of the device registry."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Response, status

from device_manager.acquisitions import repository as acquisitions
from device_manager.control import ControlRoomDep
from device_manager.devices import service
from device_manager.devices.models import Device, DeviceNaming
from device_manager.links.protocol import CloseCode
from device_manager.parameters.desk import set_parameter as set_device_parameter
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.models import DeviceCredentials, DeviceOut, fields
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/device", tags=["devices"])
_CREDENTIALS = {"Content-Disposition": 'attachment; filename="device_credentials.json"'}
Parameter = Annotated[
    fields.Parameter,
    Body(
        description="Parameters of the device, by its names",
        examples=[{"larmor_frequency": 2_000_000.0, "flip_angle_calibration": 1.02}],
    ),
]


@router.get("/", summary="List the devices")
async def list_devices(session: SessionDep, room: ControlRoomDep) -> list[DeviceOut]:
    """Return all devices."""
    return [_out(device, room) for device in await service.list_devices(session)]


@router.post(
    "/createdevice",
    status_code=status.HTTP_201_CREATED,
    summary="Let a device connect",
    responses={400: {"description": "Name or description is empty"}},
)
async def create_device(
    naming: DeviceNaming, session: SessionDep, room: ControlRoomDep, response: Response
) -> DeviceCredentials:
    """Create a device; the answer is the file to install on it, and is never shown again."""
    response.headers.update(_CREDENTIALS)
    return await service.create_device(session, naming.name, naming.description, room.tokens)


@router.put(
    "/parameter/{device_id}",
    summary="Replace the parameters of a device",
    responses={
        412: {"description": "The parameters were changed since they were read"},
        422: {"description": "They do not follow the schema of this type of device"},
    },
)
async def set_parameter(
    device_id: UUID,
    parameter: Parameter,
    room: ControlRoomDep,
    principal: PrincipalDep,
    if_match: IfMatchDep = None,
) -> DeviceOut:
    """Put parameters in force as a new version: ScanHub's way, with the parameters as body."""
    device, _ = await set_device_parameter(
        room, device_id, parameter, author=principal.actor, if_match=if_match
    )
    return _out(device, room)


@router.get("/{device_id}", summary="Return a device")
async def get_device(device_id: UUID, session: SessionDep, room: ControlRoomDep) -> DeviceOut:
    """Return a device."""
    return _out(await service.get_device(session, device_id), room)


@router.put("/{device_id}", summary="Rename a device")
async def update_device(
    device_id: UUID, naming: DeviceNaming, session: SessionDep, room: ControlRoomDep
) -> DeviceOut:
    """Change name and description of a device."""
    device = await service.rename_device(session, device_id, naming.name, naming.description)
    return _out(device, room)


@router.post("/{device_id}/rotate-token", summary="Give a device a new token")
async def rotate_token(
    device_id: UUID, room: ControlRoomDep, response: Response
) -> DeviceCredentials:
    """Make a new token. The old one is void at once, and the link that it opened is closed."""
    async with transaction(room.sessions) as session:
        credentials = await service.rotate_token(session, device_id, room.tokens)
    close_link(room, device_id, "the token of this device was replaced")
    response.headers.update(_CREDENTIALS)
    return credentials


@router.delete("/{device_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a device")
async def delete_device(device_id: UUID, room: ControlRoomDep) -> None:
    """Take a device out of the registry; refused while it scans."""
    async with transaction(room.sessions) as session:
        if await acquisitions.has_open(session, device_id):
            raise ConflictError("The device is scanning: stop the scan first.")
        await service.delete_device(session, device_id)
    room.leases.forget(device_id)
    close_link(room, device_id, "this device was deleted")


def close_link(
    room: ControlRoomDep,
    device_id: UUID,
    why: str,
    code: CloseCode = CloseCode.POLICY_VIOLATION,
) -> None:
    """Put a device out whose credentials have changed."""
    room.links.revoked()  # also those links that are being opened with the old token
    link = room.links.find(device_id)
    if link is not None:
        link.close(why, code)


def _out(device: Device, room: ControlRoomDep) -> DeviceOut:
    out = DeviceOut.model_validate(device)
    link = room.links.find(device.id)
    return out if link is None else out.model_copy(update={"last_seen": link.last_heard_at})
