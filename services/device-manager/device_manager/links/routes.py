"""The websocket that devices connect to."""

from uuid import UUID

from fastapi import APIRouter, WebSocket
from starlette.responses import PlainTextResponse
from structlog.contextvars import bind_contextvars

from device_manager.acquisitions import reports
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.devices import service as devices
from device_manager.devices.models import Device
from device_manager.devices.service import device_actor
from device_manager.links.conversation import Conversation
from device_manager.links.throttle import HandshakeThrottle
from device_manager.links.websocket import WebsocketLink
from device_manager.nodes.custody import Custody
from device_manager.nodes.homes import Homecoming
from scanhub_libraries.database import reading
from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
router = APIRouter(prefix="/api/v1/device", tags=["links"])
_FORBIDDEN = 403
_TOO_MANY = 429


@router.websocket("/ws")
async def device_link(websocket: WebSocket) -> None:
    """Let a device in that shows its id and token, and serve it until it leaves."""
    room: ControlRoom = websocket.app.state.room
    revocations = room.links.revocations
    admitted = await _admit(websocket, room)
    if admitted is None:
        return
    device, homecoming = admitted
    bind_contextvars(actor=device_actor(device.id))
    await websocket.accept()
    link = WebsocketLink(
        websocket,
        device.id,
        home_version=homecoming.version,
        token_rotated_at=device.token_rotated_at,
    )
    try:
        await _come_home(websocket, room, link, homecoming)
        if room.links.revocations != revocations and not await _authenticate(room, websocket):
            link.close("the token of this device was replaced")
        await Conversation(websocket, link, room, websocket.app.state.archive).run()
    finally:
        if room.links.remove(link):
            ended = reports.disconnected(room, device.id, silent=link.fell_silent)
            room.run(ended, name="link-ended")


async def _admit(websocket: WebSocket, room: ControlRoom) -> tuple[Device, Homecoming] | None:
    """Find out who is there, and let the device be at home here; None: it was refused."""
    throttle: HandshakeThrottle = websocket.app.state.throttle
    address = websocket.client.host if websocket.client else ""
    claimed_id = _claimed_id(websocket)
    if throttle.is_closed(address, claimed_id):
        await _refuse(websocket, _TOO_MANY, "Too many refused handshakes: wait a minute.")
        return None
    device = await _authenticate(room, websocket)
    try:
        homecoming = await room.homes.claim(device.id) if device is not None else None
    except UnavailableError as error:
        await _refuse(websocket, error.status, error.detail)
        return None
    if device is None or homecoming is None:
        throttle.refused(address, claimed_id)
        await _refuse(websocket, _FORBIDDEN, "Device-Id or Device-Token is not valid.")
        return None
    throttle.succeeded(address, claimed_id)
    return device, homecoming


async def _come_home(
    websocket: WebSocket, room: ControlRoom, link: WebsocketLink, homecoming: Homecoming
) -> None:
    custody: Custody = websocket.app.state.custody
    if homecoming.moved:
        await custody.came_home(link.device_id, homecoming.former)
    room.links.add(link)
    custody.look_after(link.device_id)  # it may have come home elsewhere meanwhile


def _claimed_id(websocket: WebSocket) -> str:
    return websocket.headers.get("Device-Id", "")[:64]


async def _authenticate(room: ControlRoom, websocket: WebSocket) -> Device | None:
    try:
        device_id = UUID(_claimed_id(websocket))
    except ValueError:
        return None
    token = websocket.headers.get("Device-Token", "")
    async with reading(room.sessions) as session:
        return await devices.find_admitted(session, device_id, token, room.tokens)


async def _refuse(websocket: WebSocket, status: int, why: str) -> None:
    """Refuse the handshake: the connection is never accepted, so nothing can be sent over it."""
    logger.info("handshake refused", status=status)
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(PlainTextResponse(why, status_code=status))
    else:
        await websocket.close(1008, why)
