"""Certificates of devices: bound, removed, asked for."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.certificates import repository, rules
from device_manager.certificates.rules import Shown
from device_manager.devices import service as devices
from device_manager.nodes.notes import Kind, Note, add_note
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions
from scanhub_libraries.errors import ClientCertificateError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import DeviceCertificateIn, DeviceCertificateOut

logger = get_logger(__name__)


async def bind(
    session: AsyncSession, device_id: UUID, given: DeviceCertificateIn
) -> tuple[DeviceCertificateOut, bool]:
    """Let a device in with this certificate only, from now on; say whether that is new."""
    now = utc_now()
    sha256, certificate = rules.read_given(given.certificate_pem, given.sha256, now=now)
    device = await devices.get_device(session, device_id)
    changed = device.certificate_sha256 != sha256
    if changed:
        device.certificate_sha256, device.datetime_updated = sha256, now
        device.token_rotated_at = now  # what opened a link before is void
        add_note(session, Note(kind=Kind.CERTIFICATE, device_id=device_id))
        devices.note_update(session, device, certificate_sha256=sha256)
    out = DeviceCertificateOut(
        device_id=device_id,
        sha256=sha256,
        subject=certificate.subject if certificate else None,
        not_before=certificate.not_before if certificate else None,
        not_after=certificate.not_after if certificate else None,
    )
    return out, changed


async def remove(session: AsyncSession, device_id: UUID) -> None:
    """Let a device in with its token alone again."""
    device = await devices.get_device(session, device_id)
    if device.certificate_sha256 is not None:
        device.certificate_sha256, device.datetime_updated = None, utc_now()
        devices.note_update(session, device, certificate_sha256=None)


async def check_upload(sessions: Sessions, device_id: UUID, shown: Shown) -> None:
    """Refuse files of a device that does not show its certificate.

    Raises:
        ClientCertificateError: It does not.
    """
    bound = await repository.bound_certificate(sessions, device_id)
    try:
        rules.check_shown(bound, shown, now=utc_now())
    except ClientCertificateError as error:
        logger.warning("upload refused", device_id=str(device_id), why=error.detail)
        raise
