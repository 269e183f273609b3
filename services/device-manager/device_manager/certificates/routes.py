"""HTTP routes of the certificates of devices."""

from uuid import UUID

from fastapi import APIRouter, status

from device_manager.certificates import service
from device_manager.certificates.rules import OTHER_CERTIFICATE
from device_manager.control import ControlRoomDep
from device_manager.devices.routes import close_link
from device_manager.links.protocol import CloseCode
from scanhub_libraries.database import transaction
from scanhub_libraries.models import DeviceCertificateIn, DeviceCertificateOut
from scanhub_libraries.web import SessionDep

router = APIRouter(prefix="/api/v1/device", tags=["devices"])


@router.put(
    "/{device_id}/certificate",
    summary="Bind a TLS client certificate to a device",
    responses={422: {"description": "It is no certificate, or has expired"}},
)
async def bind_certificate(
    device_id: UUID, given: DeviceCertificateIn, room: ControlRoomDep
) -> DeviceCertificateOut:
    """Ask the device for this certificate beside its token, on its link and for its uploads.

    A link that is open is closed: the device connects again, with the certificate.
    """
    async with transaction(room.sessions) as session:
        bound, changed = await service.bind(session, device_id, given)
    if changed:
        # To come again at once: with the certificate it is let in.
        close_link(room, device_id, OTHER_CERTIFICATE, CloseCode.SERVICE_RESTART)
    return bound


@router.delete(
    "/{device_id}/certificate",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take the TLS client certificate off a device",
)
async def remove_certificate(device_id: UUID, session: SessionDep) -> None:
    """Let the device in with its token alone again."""
    await service.remove(session, device_id)
