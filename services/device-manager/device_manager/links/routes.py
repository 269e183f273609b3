"""The websocket that devices connect to."""

from uuid import UUID

from fastapi import APIRouter, WebSocket
from structlog.contextvars import bind_contextvars

from device_manager.acquisitions import reports
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.certificates.rules import check_shown
from device_manager.certificates.shown import shown_certificate
from device_manager.devices import service as devices
from device_manager.devices.models import Device
from device_manager.devices.service import device_actor
from device_manager.links.conversation import Conversation
from device_manager.links.throttle import HandshakeThrottle
from device_manager.links.websocket import WebsocketLink
from device_manager.nodes.custody import Custody
from device_manager.nodes.homes import Homecoming
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.errors import ForbiddenError, ScanHubError, TooManyRequestsError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.problems import refusal_response

logger = get_logger(__name__)
router = APIRouter(prefix="/api/v1/device", tags=["links"])
_VOID = "Device-Id or Device-Token is not valid."
_LONGEST_REASON = 100  # of a close frame: 123 bytes (RFC 6455 section 5.5.1)


@router.websocket("/ws")
async def device_link(websocket: WebSocket) -> None:
    """Let a device in that shows its id and token, and serve it until it leaves."""
    room: ControlRoom = websocket.app.state.room
    revocations = room.links.revocations
    try:
        device, homecoming = await _admit(websocket, room)
    except ScanHubError as error:
        await _refuse(websocket, error)
        return
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
        if room.links.revocations != revocations:
            await _check_again(websocket, room, link)
        await Conversation(websocket, link, room, websocket.app.state.archive).run()
    finally:
        if room.links.remove(link):
            ended = reports.disconnected(room, device.id, silent=link.fell_silent)
            room.run(ended, name="link-ended")


async def _admit(websocket: WebSocket, room: ControlRoom) -> tuple[Device, Homecoming]:
    """Find out who is there, and let the device be at home here.

    Raises:
        ScanHubError: It is refused.
    """
    throttle: HandshakeThrottle = websocket.app.state.throttle
    address = websocket.client.host if websocket.client else ""
    claimed_id = _claimed_id(websocket)
    if throttle.is_closed(address, claimed_id):
        raise TooManyRequestsError("Too many refused handshakes: wait a minute.")
    try:
        device = await _authenticate(room, websocket)
        homecoming = await _claim(room, device)
    except ForbiddenError:
        throttle.refused(address, claimed_id)
        raise
    throttle.succeeded(address, claimed_id)
    return device, homecoming


async def _claim(room: ControlRoom, device: Device) -> Homecoming:
    homecoming = await room.homes.claim(device.id)
    if homecoming is None:  # it was deleted meanwhile
        raise ForbiddenError(_VOID)
    return homecoming


async def _check_again(websocket: WebSocket, room: ControlRoom, link: WebsocketLink) -> None:
    """Credentials were changed while the link was opened: perhaps those that opened it."""
    try:
        await _authenticate(room, websocket)
    except ForbiddenError:
        link.close("the token of this device was replaced, or its certificate")


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


async def _authenticate(room: ControlRoom, websocket: WebSocket) -> Device:
    """Return which device it is.

    Raises:
        ForbiddenError: It is none, or does not show the certificate that is bound to it.
    """
    try:
        device_id = UUID(_claimed_id(websocket))
    except ValueError:
        raise ForbiddenError(_VOID) from None
    token = websocket.headers.get("Device-Token", "")
    async with reading(room.sessions) as session:
        device = await devices.find_admitted(session, device_id, token, room.tokens)
    if device is None:
        raise ForbiddenError(_VOID)
    shown = shown_certificate(websocket, room.settings)
    check_shown(device.certificate_sha256, shown, now=utc_now())
    await devices.store_anew(room.sessions, device, token, room.tokens)
    return device


async def _refuse(websocket: WebSocket, error: ScanHubError) -> None:
    """Refuse the handshake: the connection is never accepted, so nothing can be sent over it."""
    claimed_id = _claimed_id(websocket)
    logger.info("handshake refused", status=error.status, device_id=claimed_id, why=error.detail)
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(refusal_response(error))
    else:
        await websocket.close(1008, error.detail[:_LONGEST_REASON])
