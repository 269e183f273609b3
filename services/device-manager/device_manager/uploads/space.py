"""Room in the lake: an upload that would not fit is refused before its first byte."""

import asyncio
import errno
from collections.abc import Sequence
from uuid import UUID

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.uploads import repository
from device_manager.uploads.models import Upload
from device_manager.uploads.rules import check_room
from scanhub_libraries.database import reading
from scanhub_libraries.errors import InsufficientStorageError, UnavailableError
from scanhub_libraries.lake_unfinished import UNFINISHED_FOLDER


class Space:
    """What the files on their way still need, and whether one more finds room.

    Nothing is allocated beforehand: how far an upload got is the size of its file.
    """

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._streams: dict[object, tuple[UUID, int]] = {}
        self.turn = asyncio.Lock()
        """Held from the check to the entry: two at once do not get the same room."""

    def begin(self, stream: object, device_id: UUID, size_bytes: int) -> None:
        """A file begins to come over a websocket."""
        self._streams[stream] = (device_id, size_bytes)

    def end(self, stream: object) -> None:
        """It has come, or will not."""
        self._streams.pop(stream, None)

    def look(self) -> "asyncio.Task[int]":
        """Begin to ask how much is free, beside what else has to be known for a check [byte]."""
        free = asyncio.create_task(self._room.lake.free_bytes(), name="room in the lake")
        free.add_done_callback(_was_asked)
        return free

    async def check(
        self,
        device_id: UUID,
        size_bytes: int,
        *,
        but: UUID | None = None,
        rows: Sequence[Upload] | None = None,
        free: "asyncio.Task[int] | None" = None,
    ) -> None:
        """Refuse a file for which there is no room.

        Args:
            device_id: Whose file it is.
            size_bytes: How large it is.
            but: The upload that it is already, if it is one.
            rows: The uploads that are not whole, if somebody has looked just now.
            free: What `look` has begun.

        Raises:
            InsufficientStorageError: The lake or the quota of the device is full.
        """
        if rows is None:
            async with reading(self._room.sessions) as session:
                rows = await repository.list_uploads(session)
        sizes = await self._sizes(rows)
        others = [row for row in rows if row.id != but]
        waiting = sum(max(0, row.size_bytes - sizes.get(row.id, 0)) for row in others)
        mine = sum(row.size_bytes for row in others if row.device_id == device_id)
        streams = list(self._streams.values())
        settings = self._room.settings
        check_room(
            size_bytes,
            size_bytes - (sizes.get(but, 0) if but else 0),
            free=await (free or self.look()),
            awaited=waiting + sum(size for _, size in streams),
            watermark=settings.min_free_bytes,
            of_device=mine + sum(size for owner, size in streams if owner == device_id),
            quota=settings.upload_quota_bytes,
        )

    async def check_piece(self, to_come: int) -> None:
        """Refuse to go on with a file when the disk has filled up since it was announced.

        Raises:
            InsufficientStorageError: What is still to come would not fit.
        """
        free, watermark = await self._room.lake.free_bytes(), self._room.settings.min_free_bytes
        if to_come + watermark > free:
            raise InsufficientStorageError(
                f"The data lake has become full: {to_come} bytes are to come, {free} are free, "
                f"{watermark} are kept free. Keep the file and go on when there is room."
            )

    async def _sizes(self, rows: Sequence[Upload]) -> dict[UUID, int]:
        names = {f"{row.id}.part": row.id for row in rows}
        files = await self._room.lake.list_files(UNFINISHED_FOLDER) if rows else []
        return {names[file.name]: file.size_bytes for file in files if file.name in names}


def _was_asked(free: "asyncio.Task[int]") -> None:
    """Whoever was refused for another reason does not ask how it ended."""
    if not free.cancelled():
        free.exception()


def storage_error(error: OSError) -> InsufficientStorageError | UnavailableError:
    """Return what a device is told when the lake cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return InsufficientStorageError(
            "the data lake is full; keep the file, make room on the server, then send it again"
        )
    why = error.strerror or error
    return UnavailableError(f"the data lake cannot be written ({why}); send the file again")
