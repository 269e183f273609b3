"""The websocket that devices connect to."""

from uuid import UUID

from fastapi import APIRouter, WebSocket
from starlette.responses import PlainTextResponse
from structlog.contextvars import bind_contextvars

from device_manager.acquisitions import reports
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.devices import service as devices
from device_manager.devices.service import device_actor
from device_manager.links.conversation import Conversation
from device_manager.links.throttle import HandshakeThrottle
from device_manager.links.websocket import WebsocketLink
from device_manager.uploads.archive import Archive
from scanhub_libraries.database import reading
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
router = APIRouter(prefix="/api/v1/device", tags=["links"])
_FORBIDDEN = 403
_TOO_MANY = 429


@router.websocket("/ws")
async def device_link(websocket: WebSocket) -> None:
    """Let a device in that shows its id and token, and serve it until it leaves."""
    room: ControlRoom = websocket.app.state.room
    archive: Archive = websocket.app.state.archive
    throttle: HandshakeThrottle = websocket.app.state.throttle
    address = websocket.client.host if websocket.client else ""
    claimed_id = websocket.headers.get("Device-Id", "")[:64]
    if throttle.is_closed(address, claimed_id):
        await _refuse(websocket, _TOO_MANY, "Too many refused handshakes: wait a minute.")
        return
    token = websocket.headers.get("Device-Token", "")
    revocations = room.links.revocations
    device_id = await _authenticate(room, claimed_id, token)
    if device_id is None:
        throttle.refused(address, claimed_id)
        await _refuse(websocket, _FORBIDDEN, "Device-Id or Device-Token is not valid.")
        return
    throttle.succeeded(address, claimed_id)
    bind_contextvars(actor=device_actor(device_id))
    await websocket.accept()
    link = WebsocketLink(websocket, device_id)
    room.links.add(link)
    try:
        if room.links.revocations != revocations and not await _authenticate(
            room, claimed_id, token
        ):
            link.close("the token of this device was replaced")
        await Conversation(websocket, link, room, archive).run()
    finally:
        if room.links.remove(link):
            ended = reports.disconnected(room, device_id, silent=link.fell_silent)
            room.run(ended, name="link-ended")


async def _authenticate(room: ControlRoom, claimed_id: str, token: str) -> UUID | None:
    try:
        device_id = UUID(claimed_id)
    except ValueError:
        return None
    async with reading(room.sessions) as session:
        known = await devices.knows_token(session, device_id, token, room.tokens)
    return device_id if known else None


async def _refuse(websocket: WebSocket, status: int, why: str) -> None:
    """Refuse the handshake: the connection is never accepted, so nothing can be sent over it."""
    logger.info("handshake refused", status=status)
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(PlainTextResponse(why, status_code=status))
    else:
        await websocket.close(1008, why)
