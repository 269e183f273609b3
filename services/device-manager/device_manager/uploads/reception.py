"""Uploads over HTTP: announced once, sent in as many requests as it takes, entered at the end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.links.commands import Feedback
from device_manager.uploads import repository, service
from device_manager.uploads.answers import at_offset, check_offset, check_takes, said_before
from device_manager.uploads.archive import Archive, stored_before, takes_files
from device_manager.uploads.models import Upload
from device_manager.uploads.piece import Piece, Receive
from device_manager.uploads.rules import check_header, result_id_of
from device_manager.uploads.space import storage_error
from device_manager.uploads.transfer import Announced, TransferError
from device_manager.uploads.tus import Checksum, Metadata
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import (
    ChecksumMismatchError,
    ConflictError,
    ForbiddenError,
    GoneError,
    PayloadTooLargeError,
    ScanHubError,
)
from scanhub_libraries.lake_unfinished import UnfinishedFile
from scanhub_libraries.logging import get_logger
from scanhub_libraries.security.principal import Principal, PrincipalKind

logger = get_logger(__name__)
_FORWARD_SECONDS = 120.0  # for the home of a device to answer, once a whole file has come
_REMEMBERED = 64  # sums of files that are between two requests; any other is read again


class Reception:
    """Takes the files that devices send over HTTP.

    How far an upload got is the size of its file, so that it survives the end of this process. Of
    two requests that send the same file, the later one counts: the device has given up the other.
    """

    def __init__(self, room: ControlRoom, archive: Archive) -> None:
        self._room = room
        self._archive = archive
        self._files: dict[UUID, UnfinishedFile] = {}
        self._writing: dict[UUID, Piece] = {}
        self._finishing: dict[UUID, asyncio.Task[Feedback]] = {}
        self.largest = room.settings.max_upload_bytes
        self.expiry = timedelta(seconds=room.settings.upload_expiry_seconds)

    async def resume(self) -> None:
        """Finish what was whole and not entered when an earlier process ended."""
        async with reading(self._room.sessions) as session:
            rows = await repository.list_own(session, self._room.homes)
        for row in rows:
            if await self._file(row.id).measure() == row.size_bytes:
                lease = await self._room.find_lease(row.device_id, row.acquisition_id)
                if lease is not None and takes_files(lease):
                    self._begin_finish(row, lease)

    # --- announcing -------------------------------------------------------------------------------

    async def announce(
        self, principal: Principal, metadata: Metadata, size_bytes: int
    ) -> tuple[Upload, int, Lease]:
        """Make room for a file; return its upload, how much of it is there, and its acquisition.

        A file that was announced before is the same upload, and goes on where it stopped.

        Raises:
            ForbiddenError: The token speaks for another task.
            GoneError: The scan takes no files any more.
            UnprocessableError: The name cannot be, or is that of another file.
            PayloadTooLargeError: The file is too large.
            InsufficientStorageError: There is no room for it; the device keeps it.
        """
        lease = await self._lease_of(principal, metadata.task_id)
        name = check_header(metadata.filename, size_bytes, largest=self.largest)
        known = stored_before(lease, name, metadata.sha256)
        if known is None:
            check_takes(lease)
        is_new = False
        async with self._archive.space.turn:
            row, others = await self._find_same(lease, name, metadata, size_bytes)
            if known is None:
                but = row.id if row else None
                await self._archive.space.check(lease.device_id, size_bytes, but=but, rows=others)
            if row is None:
                row, is_new = await self._add(lease, name, metadata, size_bytes), True
        if known is not None:
            await self._note_stored(row, known)
            return row, row.size_bytes, lease
        return row, 0 if is_new else await self._file(row.id).measure(), lease

    async def _lease_of(self, principal: Principal, task_id: UUID | None) -> Lease:
        lease, device_id = None, principal.device_id
        if device_id is not None and principal.claim_id is not None:
            await self._room.require_home(device_id, seconds=_FORWARD_SECONDS)
            lease = await self._room.find_lease(device_id, principal.claim_id)
        if lease is None:
            raise ForbiddenError("This is not the token that came with `start` of a scan.")
        if task_id not in (None, lease.task_id):
            raise ForbiddenError("Upload-Metadata: the token belongs to another task.")
        return lease

    async def _find_same(
        self, lease: Lease, name: str, metadata: Metadata, size_bytes: int
    ) -> tuple[Upload | None, Sequence[Upload]]:
        """Return the upload that goes on, and all that are not whole.

        An upload of another file under this name is removed.
        """
        async with reading(self._room.sessions) as session:
            row = await repository.find_upload(session, lease.id, name)
            unfinished = await repository.list_uploads(session)
        if row is None or service.goes_on(row, metadata, size_bytes):
            return row, unfinished
        if row.id in self._finishing:
            raise ConflictError("Another file of this name is being stored: give this one its own.")
        await self._drop(row.id, "the device announced another file of this name")
        return None, [other for other in unfinished if other.id != row.id]

    async def _add(self, lease: Lease, name: str, metadata: Metadata, size_bytes: int) -> Upload:
        try:
            async with transaction(self._room.sessions) as session:
                return await service.add_upload(session, lease, name, metadata, size_bytes)
        except IntegrityError:
            detail = "The file was announced twice at the same moment; announce it again."
            raise ConflictError(detail) from None

    async def _note_stored(self, row: Upload, verdict: Feedback) -> None:
        problem = None if verdict.ok else verdict.message
        if row.stored_at is not None and row.problem == problem:
            return
        async with transaction(self._room.sessions) as session:
            await service.mark_stored(session, row.id, problem)

    # --- looking ----------------------------------------------------------------------------------

    async def find(self, upload_id: UUID, principal: Principal) -> tuple[Upload, Lease]:
        """Return an upload that the caller may touch, and its acquisition.

        Raises:
            NotFoundError: There is none.
            ForbiddenError: It belongs to another scan.
        """
        async with reading(self._room.sessions) as session:
            row = await service.get_upload(session, upload_id)
        if principal.kind is PrincipalKind.TASK and principal.claim_id != row.acquisition_id:
            raise ForbiddenError("The token belongs to another scan.")
        await self._room.require_home(row.device_id, seconds=_FORWARD_SECONDS)
        lease = await self._room.find_lease(row.device_id, row.acquisition_id)
        if lease is None:
            raise GoneError("The acquisition of this upload is not known any more.")
        return row, lease

    async def list_unfinished(self, device_id: UUID | None) -> Sequence[tuple[Upload, int]]:
        """Return the uploads that are not whole, and how much of each is there."""
        async with reading(self._room.sessions) as session:
            rows = await repository.list_uploads(session, device_id=device_id)
        return [(row, await self.offset(row)) for row in rows]

    async def offset(self, row: Upload) -> int:
        """Return how much of a file is there for good."""
        if row.stored_at is not None:
            return row.size_bytes
        return await self._file(row.id).measure()

    async def ask(self, upload_id: UUID, principal: Principal) -> tuple[Upload, int]:
        """Tell a device from where to go on. What is whole is entered first, if it is not yet.

        Raises:
            ScanHubError: It cannot go on, or what is whole cannot be entered.
        """
        row, lease = await self.find(upload_id, principal)
        if upload_id in self._finishing:
            await self._finish(row, lease)
            return row, row.size_bytes
        if row.stored_at is None:
            known = stored_before(lease, row.filename, row.sha256)
            if known is not None:  # it came over the link meanwhile
                await self._note_stored(row, known)
                return row, row.size_bytes
            check_takes(lease)
        offset = await self.offset(row)
        if row.stored_at is None and offset == row.size_bytes and upload_id not in self._writing:
            await self._finish(row, lease)
        return row, offset

    # --- receiving --------------------------------------------------------------------------------

    async def receive(
        self,
        upload_id: UUID,
        principal: Principal,
        offset: int,
        receive: Receive,
        *,
        announced_bytes: int | None = None,
        checksum: Checksum | None = None,
    ) -> tuple[Upload, int, Feedback | None]:
        """Take one piece; return how much is there now, and the verdict if the file is whole.

        Raises:
            ScanHubError: It does not fit on, or something came between; what had come is kept.
        """
        row, lease = await self.find(upload_id, principal)
        return await self.take(
            row, lease, offset, receive, announced_bytes=announced_bytes, checksum=checksum
        )

    async def take(
        self,
        row: Upload,
        lease: Lease,
        offset: int,
        receive: Receive,
        *,
        announced_bytes: int | None = None,
        checksum: Checksum | None = None,
    ) -> tuple[Upload, int, Feedback | None]:
        """Take one piece of an upload that was just looked up, or announced; see `receive`."""
        upload_id = row.id
        await self._interrupt(upload_id, "a later request goes on with this upload")
        if upload_id in self._finishing:  # also since the request before had sent all of it
            check_offset(offset, row.size_bytes)
            return row, offset, await self._finish(row, lease)
        if row.stored_at is not None:
            check_offset(offset, row.size_bytes)
            return row, offset, said_before(row)
        check_takes(lease)
        piece = Piece(self._room, row, lease, self._file(row.id))
        self._writing[upload_id] = piece
        try:
            with self._archive.holding(lease):
                await self._take(piece, offset, announced_bytes, receive, checksum)
        except OSError as error:
            raise at_offset(storage_error(error), piece.file.size) from error
        except ScanHubError as error:
            raise at_offset(error, piece.file.size) from None
        finally:
            del self._writing[upload_id]
            piece.ended.set()
        come = piece.file.size
        return row, come, await self._finish(row, lease) if come == row.size_bytes else None

    async def _take(
        self,
        piece: Piece,
        offset: int,
        announced_bytes: int | None,
        receive: Receive,
        checksum: Checksum | None,
    ) -> None:
        """Write a piece. A file that is whole by then stays open: it is entered next."""
        row, whole = piece.row, False
        await piece.file.open()
        try:
            check_offset(offset, piece.file.size)
            if announced_bytes is not None and offset + announced_bytes > row.size_bytes:
                raise PayloadTooLargeError(
                    f"The file was announced with {row.size_bytes} bytes; {offset} are there, and "
                    f"{announced_bytes} more are too many."
                )
            await self._archive.space.check_piece(row.size_bytes - offset)
            await piece.take(receive, checksum)
            whole = piece.file.size == row.size_bytes
        finally:
            if not whole:
                await piece.file.close()

    def interrupt(self, device_id: UUID, why: str) -> None:
        """End the requests that write files of a device."""
        own = (piece for piece in self._writing.values() if piece.row.device_id == device_id)
        for piece in own:
            piece.interrupt(why)

    async def _interrupt(self, upload_id: UUID, why: str) -> None:
        """End the request that writes an upload: its connection may be dead for a minute."""
        while (piece := self._writing.get(upload_id)) is not None:
            piece.interrupt(why)
            await piece.ended.wait()

    # --- the end ----------------------------------------------------------------------------------

    async def _finish(self, row: Upload, lease: Lease) -> Feedback:
        """Enter a file that is whole, once, also if nobody waits for it any more."""
        return await asyncio.shield(self._begin_finish(row, lease))

    def _begin_finish(self, row: Upload, lease: Lease) -> "asyncio.Task[Feedback]":
        task = self._finishing.get(row.id)
        if task is None:
            task = self._room.run(self._enter(row, lease), name=f"upload {row.filename}")
            self._finishing[row.id] = task
            task.add_done_callback(lambda done: self._ended(row.id, done))
        return task

    def _ended(self, upload_id: UUID, task: "asyncio.Task[Feedback]") -> None:
        self._finishing.pop(upload_id, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.warning("an upload is not entered", upload_id=str(upload_id), why=str(error))

    async def _enter(self, row: Upload, lease: Lease) -> Feedback:
        file = self._file(row.id)
        parameter = row.device_parameter

        async def note(session: AsyncSession) -> None:
            await service.mark_stored(session, row.id)

        try:
            if not file.is_open:
                await file.open()
            with self._archive.holding(lease):
                announced = Announced(
                    filename=row.filename,
                    size_bytes=row.size_bytes,
                    sha256=row.sha256,
                    result_id=result_id_of(lease.id, row.filename),
                    device_parameter=lease.device_parameter if parameter is None else parameter,
                )
                await self._check_sum(row, sha256 := await file.sha256())
                await self._archive.enter(lease, announced, sha256, file.publish, note=note)
        except TransferError as error:
            await file.close()
            await self._drop(row.id, str(error))
            raise GoneError(f"File {row.filename} not stored: {error}.") from error
        except OSError as error:
            raise at_offset(storage_error(error), row.size_bytes) from error
        finally:
            await file.close()
        verdict = await self._archive.verdict(lease, announced)
        if not verdict.ok:
            await self._note_stored(row, verdict)
        await self._forget(row.id)
        return verdict

    async def _check_sum(self, row: Upload, sha256: str) -> None:
        if row.sha256 in (None, sha256):
            return
        await self._drop(row.id, "its sha256 is not what was announced")
        raise at_offset(
            ChecksumMismatchError(
                f"The sha256 is {sha256}, announced was {row.sha256}. What had come is removed: "
                "announce the file again and send it from its beginning."
            ),
            0,
        )

    # --- removing ---------------------------------------------------------------------------------

    async def remove(self, upload_id: UUID, principal: Principal) -> None:
        """Give up an upload.

        Raises:
            ConflictError: It is a result already.
        """
        row, _ = await self.find(upload_id, principal)
        if row.stored_at is not None or upload_id in self._finishing:
            raise ConflictError("The file is stored as a result: delete the result instead.")
        await self._drop(upload_id, f"deleted by {principal.actor}")

    async def expire(self, row: Upload) -> None:
        """Remove an upload that nobody went on with."""
        if row.id in self._writing or row.id in self._finishing:
            return
        offset = await self.offset(row)
        async with transaction(self._room.sessions) as session:
            gone = await service.expire(session, row.id, offset)
        await self._forget(row.id)
        if gone is not None and gone.stored_at is None:
            logger.warning("an upload was left and is removed", upload_id=str(row.id))

    async def _drop(self, upload_id: UUID, why: str) -> None:
        await self._interrupt(upload_id, why)
        async with transaction(self._room.sessions) as session:
            await service.remove(session, upload_id)
        await self._forget(upload_id)
        logger.info("an upload is removed", upload_id=str(upload_id), why=why)

    async def _forget(self, upload_id: UUID) -> None:
        file = self._file(upload_id)
        self._files.pop(upload_id, None)
        await file.discard()

    def _file(self, upload_id: UUID) -> UnfinishedFile:
        """Return the file of an upload; the same object as before knows its sum."""
        file = self._files.pop(upload_id, None) or self._room.lake.unfinished(str(upload_id))
        self._files[upload_id] = file
        idle = (known for known in self._files if known not in self._writing)
        while len(self._files) > _REMEMBERED and (oldest := next(idle, None)) is not None:
            del self._files[oldest]
            idle = (known for known in self._files if known not in self._writing)
        return file
