"""Uploads over HTTP in the database: announced, touched, stored, removed."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.database import add_event
from device_manager.uploads import repository
from device_manager.uploads.models import Upload
from device_manager.uploads.tus import Metadata
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType

_PROBLEM_LENGTH = 4000


async def get_upload(session: AsyncSession, upload_id: UUID) -> Upload:
    """Return an upload.

    Raises:
        NotFoundError: There is none, or none any more.
    """
    row = await session.get(Upload, upload_id)
    if row is None:
        raise NotFoundError("There is no such upload (any more): announce the file again.")
    return row


def goes_on(row: Upload, metadata: Metadata, size_bytes: int) -> bool:
    """Say whether a file that is announced is the one that has come in part.

    Without a checksum nobody knows: it begins anew. If one was to follow and is said now, the file
    goes on: should it be another one, its sum is wrong at the end.
    """
    if row.size_bytes != size_bytes or metadata.sha256 is None:
        return False
    return row.awaits_checksum or row.sha256 == metadata.sha256


async def note_checksum(session: AsyncSession, upload_id: UUID, sha256: str) -> None:
    """Note the sum of a file that was announced without."""
    row = await repository.lock_upload(session, upload_id)
    if row is not None:
        row.sha256 = sha256


async def touch(session: AsyncSession, upload_id: UUID) -> None:
    """Note that bytes have come."""
    row = await repository.lock_upload(session, upload_id)
    if row is not None:
        row.touched_at = utc_now()


async def mark_stored(session: AsyncSession, upload_id: UUID, problem: str | None = None) -> None:
    """Note that the file is in the lake, and what exam-manager has against it."""
    now = utc_now()
    await repository.note_stored(
        session, upload_id, now, problem[:_PROBLEM_LENGTH] if problem else None
    )


async def remove(session: AsyncSession, upload_id: UUID) -> Upload | None:
    """Remove an upload; None if somebody else has."""
    row = await repository.lock_upload(session, upload_id)
    if row is not None:
        await session.delete(row)
    return row


async def expire(session: AsyncSession, upload_id: UUID, offset: int) -> Upload | None:
    """Remove an upload that nobody went on with, and tell so if bytes are lost by it."""
    row = await remove(session, upload_id)
    if row is not None and row.stored_at is None:
        data = {
            "upload_id": str(row.id),
            "acquisition_id": str(row.acquisition_id),
            "device_id": str(row.device_id),
            "filename": row.filename,
            "size_bytes": row.size_bytes,
            "offset": offset,
        }
        add_event(session, EventType.UPLOAD_EXPIRED, row.id, data)
    return row
