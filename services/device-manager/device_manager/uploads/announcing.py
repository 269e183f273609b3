"""Announcements of files over HTTP: whose they are, and what is written down of them."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.links.commands import Feedback
from device_manager.uploads import service
from device_manager.uploads.models import Upload
from device_manager.uploads.tus import Metadata
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.errors import ConflictError, ForbiddenError
from scanhub_libraries.security.principal import Principal

FORWARD_SECONDS = 120.0
"""For the home of a device to answer, once a whole file has come [s]."""


async def lease_of(room: ControlRoom, principal: Principal, task_id: UUID | None) -> Lease:
    """Return the acquisition of a token.

    Raises:
        ForbiddenError: The token speaks for no scan, or for another task.
    """
    lease, device_id = None, principal.device_id
    if device_id is not None and principal.claim_id is not None:
        await room.require_home(device_id, seconds=FORWARD_SECONDS)
        lease = await room.find_lease(device_id, principal.claim_id)
    if lease is None:
        raise ForbiddenError("This is not the token that came with `start` of a scan.")
    if task_id not in (None, lease.task_id):
        raise ForbiddenError("Upload-Metadata: the token belongs to another task.")
    return lease


def new_upload(
    lease: Lease, name: str, metadata: Metadata, size_bytes: int, *, checksum_follows: bool
) -> Upload:
    """Return the row of a file that is new."""
    return Upload(
        acquisition_id=lease.id,
        device_id=lease.device_id,
        filename=name,
        content_type=metadata.content_type,
        size_bytes=size_bytes,
        sha256=metadata.sha256,
        checksum_follows=checksum_follows,
        device_parameter=metadata.device_parameter,
    )


async def add(sessions: Sessions, row: Upload) -> None:
    """Write a new upload; the one of the same name that was there before must be gone.

    Raises:
        ConflictError: It was written by another request at the same moment.
    """
    try:
        async with transaction(sessions) as session:
            session.add(row)
    except IntegrityError:
        detail = "The file was announced twice at the same moment; announce it again."
        raise ConflictError(detail) from None


async def note_checksum(sessions: Sessions, row: Upload, sha256: str) -> None:
    """Write down the sum of a file that was announced without."""
    async with transaction(sessions) as session:
        await service.note_checksum(session, row.id, sha256)
    row.sha256 = sha256


async def note_stored(sessions: Sessions, row: Upload, verdict: Feedback) -> None:
    """Write down that a file is in the lake, and what exam-manager has against it."""
    problem = None if verdict.ok else verdict.message
    if row.stored_at is not None and row.problem == problem:
        return
    async with transaction(sessions) as session:
        await service.mark_stored(session, row.id, problem)
