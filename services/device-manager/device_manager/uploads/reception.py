"""Uploads over HTTP: announced once, sent in as many requests as it takes, entered at the end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.links.commands import Feedback
from device_manager.uploads import announcing, repository, service
from device_manager.uploads.answers import at_offset, check_offset, check_takes, said_before
from device_manager.uploads.archive import Archive, stored_before, takes_files
from device_manager.uploads.files import Files
from device_manager.uploads.models import Upload
from device_manager.uploads.piece import Body, Piece
from device_manager.uploads.rules import check_header, result_id_of
from device_manager.uploads.space import storage_error
from device_manager.uploads.taking import close_written, take_piece
from device_manager.uploads.transfer import Announced, TransferError
from device_manager.uploads.tus import Metadata
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import (
    ChecksumMismatchError,
    ConflictError,
    ForbiddenError,
    GoneError,
    ScanHubError,
)
from scanhub_libraries.logging import get_logger
from scanhub_libraries.security.principal import Principal, PrincipalKind

logger = get_logger(__name__)
Taken = tuple[Upload, int, Feedback | None]
"""An upload, how much of it is there, and the verdict if the file is whole."""


class Reception:
    """Takes the files that devices send over HTTP.

    How far an upload got is the size of its file, so that it survives the end of this process. Of
    two requests that send the same file, the later one counts: the device has given up the other.
    """

    def __init__(self, room: ControlRoom, archive: Archive) -> None:
        self._room = room
        self._archive = archive
        self._writing: dict[UUID, Piece] = {}
        self._files = Files(room.lake, self._writing)
        self._finishing: dict[UUID, asyncio.Task[Feedback]] = {}
        self.largest = room.settings.max_upload_bytes
        self.expiry = timedelta(seconds=room.settings.upload_expiry_seconds)

    async def resume(self) -> None:
        """Finish what was whole and not entered when an earlier process ended."""
        async with reading(self._room.sessions) as session:
            rows = await repository.list_own(session, self._room.homes)
        for row in rows:
            is_whole = await self._files.find(row.id).measure() == row.size_bytes
            if is_whole and not row.awaits_checksum:
                lease = await self._room.find_lease(row.device_id, row.acquisition_id)
                if lease is not None and takes_files(lease):
                    self._begin_finish(row, lease)

    # --- announcing -------------------------------------------------------------------------------

    async def announce(
        self,
        principal: Principal,
        metadata: Metadata,
        size_bytes: int,
        *,
        checksum_follows: bool = False,
        body: Body | None = None,
    ) -> Taken:
        """Make room for a file, and take what comes of it along with the announcement.

        A file that was announced before is the same upload, and goes on where it stopped; what
        comes along is taken if it begins at the beginning.

        Raises:
            ForbiddenError: The token speaks for another task.
            GoneError: The scan takes no files any more.
            UnprocessableError: The name cannot be, or is that of another file.
            PayloadTooLargeError: The file is too large.
            InsufficientStorageError: There is no room for it; the device keeps it.
        """
        lease = await announcing.lease_of(self._room, principal, metadata.task_id)
        name = check_header(metadata.filename, size_bytes, largest=self.largest)
        known = stored_before(lease, name, metadata.sha256)
        if known is None:
            check_takes(lease)
        taking = None
        space = self._archive.space
        async with space.turn:
            free = space.look()
            row, others = await self._find_same(lease, name, metadata, size_bytes)
            if known is None:
                but = row.id if row else None
                await space.check(lease.device_id, size_bytes, but=but, rows=others, free=free)
            is_new = row is None
            if row is None:
                row = announcing.new_upload(
                    lease, name, metadata, size_bytes, checksum_follows=checksum_follows
                )
                taking = await self._add(row, lease, body if known is None else None)
        if known is not None:
            await announcing.note_stored(self._room.sessions, row, known)
            return row, row.size_bytes, None
        if taking is not None:
            return await taking
        offset = 0
        if not is_new:  # what the request before it still has in hand counts too
            await self._interrupt(row.id, "the device has announced the file again")
            offset = await self._enter_if_whole(row, lease)
        if body is None or offset:
            return row, offset, None
        return await self.take(row, lease, 0, body)

    async def _add(
        self, row: Upload, lease: Lease, body: Body | None
    ) -> "asyncio.Task[Taken] | None":
        """Enter a new upload; what has come along is written meanwhile, and counts afterwards.

        A crash between the two leaves a file without an upload, which the sweep removes.
        """
        if body is None:
            await announcing.add(self._room.sessions, row)
            return None
        entered = asyncio.Event()
        taking = asyncio.create_task(self.take(row, lease, 0, body, entered=entered))
        try:
            await announcing.add(self._room.sessions, row)
        except BaseException as error:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            if isinstance(error, ConflictError):  # else it may be entered, as far as is known
                await self._forget(row.id)
            raise
        entered.set()
        return taking

    async def _enter_if_whole(self, row: Upload, lease: Lease) -> int:
        """Return how much of a file is there for good. What is whole is entered first."""
        offset = await self.offset(row)
        is_whole = offset == row.size_bytes and not row.awaits_checksum
        if row.stored_at is None and is_whole and row.id not in self._writing:
            await self._finish(row, lease)
        return offset

    async def _find_same(
        self, lease: Lease, name: str, metadata: Metadata, size_bytes: int
    ) -> tuple[Upload | None, Sequence[Upload]]:
        """Return the upload that goes on, and all that are not whole.

        An upload of another file under this name is removed.
        """
        async with reading(self._room.sessions) as session:
            row, unfinished = await repository.find_same(session, lease.id, name)
        if row is None or service.goes_on(row, metadata, size_bytes):
            if row is not None and row.sha256 is None and metadata.sha256 is not None:
                await announcing.note_checksum(self._room.sessions, row, metadata.sha256)
            return row, unfinished
        if row.id in self._finishing:
            raise ConflictError("Another file of this name is being stored: give this one its own.")
        await self._drop(row.id, "the device announced another file of this name")
        return None, [other for other in unfinished if other.id != row.id]

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
        await self._room.require_home(row.device_id, seconds=announcing.FORWARD_SECONDS)
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
        return await self._files.find(row.id).measure()

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
                await announcing.note_stored(self._room.sessions, row, known)
                return row, row.size_bytes
            check_takes(lease)
        return row, await self._enter_if_whole(row, lease)

    # --- receiving --------------------------------------------------------------------------------

    async def receive(
        self, upload_id: UUID, principal: Principal, offset: int, body: Body
    ) -> Taken:
        """Take one piece; return how much is there now, and the verdict if the file is whole.

        Raises:
            ScanHubError: It does not fit on, or something came between; what had come is kept.
        """
        row, lease = await self.find(upload_id, principal)
        return await self.take(row, lease, offset, body)

    async def take(
        self,
        row: Upload,
        lease: Lease,
        offset: int,
        body: Body,
        *,
        entered: asyncio.Event | None = None,
    ) -> Taken:
        """Take one piece of an upload that was just looked up, or announced; see `receive`.

        Args:
            row: The upload.
            lease: Its acquisition.
            offset: Where the piece begins [byte].
            body: The piece.
            entered: Set when the upload is in the database, if it is new and not there yet.
        """
        upload_id = row.id
        await self._interrupt(upload_id, "a later request goes on with this upload")
        if upload_id in self._finishing:  # also since the request before had sent all of it
            check_offset(offset, row.size_bytes)
            return row, offset, await self._finish(row, lease)
        if row.stored_at is not None:
            check_offset(offset, row.size_bytes)
            return row, offset, said_before(row)
        check_takes(lease)
        piece, finishing = Piece(self._room, row, lease, self._files.find(row.id)), None
        self._writing[upload_id] = piece
        try:
            with self._archive.holding(lease):
                if await take_piece(piece, self._archive.space, offset, body, entered=entered):
                    finishing = self._begin_finish(row, lease, piece)
        except OSError as error:
            raise at_offset(storage_error(error), piece.file.size) from error
        except ScanHubError as error:
            raise at_offset(error, piece.file.size) from None
        finally:
            del self._writing[upload_id]
            piece.ended.set()
        if finishing is None:
            return row, piece.file.size, None
        return row, row.size_bytes, await asyncio.shield(finishing)

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

    def _begin_finish(
        self, row: Upload, lease: Lease, piece: Piece | None = None
    ) -> "asyncio.Task[Feedback]":
        task = self._finishing.get(row.id)
        if task is None:
            task = self._room.run(self._enter(row, lease, piece), name=f"upload {row.filename}")
            self._finishing[row.id] = task
            task.add_done_callback(lambda done: self._ended(row.id, done))
        return task

    def _ended(self, upload_id: UUID, task: "asyncio.Task[Feedback]") -> None:
        self._finishing.pop(upload_id, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.warning("an upload is not entered", upload_id=str(upload_id), why=str(error))

    async def _enter(self, row: Upload, lease: Lease, piece: Piece | None) -> Feedback:
        """Enter a file; of the piece that made it whole the rest may still be written."""
        file = self._files.find(row.id)
        parameter = row.device_parameter
        announced = Announced(
            filename=row.filename,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            result_id=result_id_of(lease.id, row.filename),
            device_parameter=lease.device_parameter if parameter is None else parameter,
        )

        async def written() -> str:
            if piece is not None:
                await piece.write_rest()
            await self._check_sum(row, sha256 := await file.sha256())
            return sha256

        async def note(session: AsyncSession) -> None:
            await service.mark_stored(session, row.id)

        try:
            if not file.is_open:
                await file.open()
            with self._archive.holding(lease):
                await self._archive.enter(lease, announced, written, file.publish, note=note)
        except TransferError as error:
            await close_written(file, piece)
            await self._drop(row.id, str(error))
            raise GoneError(f"File {row.filename} not stored: {error}.") from error
        except OSError as error:
            await close_written(file, piece)
            raise at_offset(storage_error(error), file.size) from error
        finally:
            await close_written(file, piece)
        verdict = await self._archive.verdict(lease, announced)
        if not verdict.ok:
            await announcing.note_stored(self._room.sessions, row, verdict)
        self._room.run(self._forget(row.id), name=f"tidy after {row.filename}")
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
        await self._files.drop(upload_id)
