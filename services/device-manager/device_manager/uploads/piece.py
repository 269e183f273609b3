"""One request that sends a part of a file: bytes from the network to the disk, never all at once.

The loop gathers what the network brings, a thread hashes and writes it, and goes on with what came
meanwhile: a hop into a thread is worth its while for a megabyte, not for what one event brings.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.uploads import service
from device_manager.uploads.archive import takes_files
from device_manager.uploads.models import Upload
from device_manager.uploads.tus import TRAILER_BYTES, Checksum, Digest
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import (
    ChecksumMismatchError,
    ConflictError,
    GoneError,
    PayloadTooLargeError,
    RequestTimeoutError,
)
from scanhub_libraries.lake_unfinished import UnfinishedFile

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_BATCH_BYTES = 2**20
_HOP_BYTES = 8 * 2**20
"""After so much a thread lets others have a turn [byte]."""
_MOST_WAITING = 16 * 2**20
"""A busy machine lets a thread wait for longer than it works [byte]."""
_TOUCH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request, and what its headers say of it."""

    receive: Receive
    length: int | None = None
    """As announced [byte]."""
    checksum: Checksum | None = None
    """Of the body."""
    has_trailer: bool = False
    """Behind the last byte of the file comes its SHA-256."""

    @property
    def least_bytes(self) -> int:
        """How many of it are of the file, at least; 0 if nobody knows."""
        return max(0, (self.length or 0) - (TRAILER_BYTES if self.has_trailer else 0))


class Piece:
    """Takes the body of one request. What had come is written, also when it is interrupted."""

    def __init__(self, room: ControlRoom, row: Upload, lease: Lease, file: UnfinishedFile) -> None:
        self.row = row
        self.file = file
        self.ended = asyncio.Event()
        self._room = room
        self._lease = lease
        self._digest: Digest | None = None
        self._why: str | None = None
        self._scope: asyncio.Timeout | None = None
        self._gathered = 0
        self._come = 0
        self._trailer, self._trailer_bytes = bytearray(), 0
        self._waiting: deque[bytes] = deque()
        self._room_made = asyncio.Event()
        self._writing: asyncio.Future[None] | None = None
        self._touched = time.monotonic()

    def interrupt(self, why: str) -> None:
        """Take no more of it."""
        self._why = why
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def take(self, content: Body) -> bytes | None:
        """Take a body that goes behind what is there; return the trailer, if all of it has come.

        All of it is written then; of a file that `has_come` the rest still is, see `write_rest`.

        Raises:
            ChecksumMismatchError: It is not what was announced; it is dropped.
            PayloadTooLargeError: More came than the file has.
            RequestTimeoutError: Nothing came for too long.
            ConflictError: Another request has taken over.
            GoneError: The scan has ended meanwhile.
            OSError: The lake cannot take it.
        """
        before = self._come = self.file.size
        self._trailer_bytes = TRAILER_BYTES if content.has_trailer else 0
        checksum = content.checksum
        self._digest = checksum.begin() if checksum is not None else None
        whole = False
        try:
            whole = await self._read(content.receive)
        finally:
            if checksum is not None or not (whole and self.has_come):
                await self.write_rest()
            elif self._waiting:
                await self._write()
            if not whole and checksum is not None:
                await self.file.truncate(before)
        if checksum is not None and self._digest and self._digest.digest() != checksum.value:
            await self.file.truncate(before)
            raise ChecksumMismatchError(
                f"The {checksum.algorithm} of this piece is not what Upload-Checksum says: it is "
                "dropped, send it again."
            )
        if not self.has_come:
            await self.file.sync()
            await self._touch()
        return self._whole_trailer

    @property
    def has_come(self) -> bool:
        """Say whether the last byte has come, and the sum if it was to follow."""
        at_end = self._come >= self.row.size_bytes
        return at_end and not (self.row.awaits_checksum and self._whole_trailer is None)

    @property
    def _whole_trailer(self) -> bytes | None:
        return bytes(self._trailer) if len(self._trailer) == TRAILER_BYTES else None

    async def _read(self, receive: Receive) -> bool:
        """Gather and write until the body ends; False if the connection ended before."""
        idle = self._room.settings.upload_idle_seconds
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(idle) as self._scope:
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    more = message.get("more_body", False)
                    self._gather(message.get("body", b""))
                    if self._gathered >= _BATCH_BYTES:
                        await self._write()
                        await self._look()
                    self._heed()
                    self._scope.reschedule(loop.time() + idle)
        except TimeoutError:
            self._heed()
            raise RequestTimeoutError(
                f"Nothing came for {idle:g} s; what had come is kept."
            ) from None
        finally:
            self._scope = None
        return True

    def _heed(self) -> None:
        if self._why is not None:
            raise ConflictError(f"This request was ended: {self._why}.")

    def _gather(self, body: bytes) -> None:
        if not body:
            return
        self._come += len(body)
        behind = self._come - self.row.size_bytes
        if behind > self._trailer_bytes:
            raise PayloadTooLargeError(
                f"More bytes came than were announced ({self.row.size_bytes})."
            )
        if behind > 0:
            own = max(0, len(body) - behind)
            self._trailer += body[own:]
            body = body[:own]
        if not body:
            return
        self._waiting.append(body)
        self._gathered += len(body)

    async def _write(self) -> None:
        """Let a thread write what waits; wait only while the disk is far behind the network."""
        self._gathered = 0
        if self._writing is not None and self._writing.done():
            self._writing.result()  # what follows a gap is not part of the file
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_waiting())
        while self._come - self.file.size > _MOST_WAITING and not self._writing.done():
            self._room_made.clear()
            await self._room_made.wait()

    async def _write_waiting(self) -> None:
        whole = self.row.size_bytes if self._digest is None else None
        try:
            while self._waiting:
                await self.file.append(self._some(), whole=whole)
                self._room_made.set()
        finally:
            self._waiting.clear()
            self._room_made.set()

    def _some(self) -> Iterator[bytes]:
        """Yield what waits, in the thread that writes it."""
        most = self.file.size + _HOP_BYTES
        while self._waiting and self.file.size < most:
            body = self._waiting.popleft()
            if self._digest is not None:
                self._digest.update(body)
            yield body

    async def write_rest(self) -> None:
        """Write all that has come, also after the request was interrupted.

        Raises:
            OSError: The lake cannot take it.
        """
        if self._waiting:
            await self._write()
        if self._writing is not None:
            await self._writing

    async def close(self) -> None:
        """Write all that has come, and close the file."""
        try:
            await self.write_rest()
        finally:
            await self.file.close()

    async def _look(self) -> None:
        """Now and then: does the scan still take data, and does everybody know that they come?"""
        if time.monotonic() - self._touched > _TOUCH_SECONDS:
            await self._touch()
            known = await self._room.find_lease(self.row.device_id, self.row.acquisition_id)
            self._lease = known or self._lease
        if not takes_files(self._lease):
            raise GoneError(f"The acquisition has ended ({self._lease.state}).")

    async def _touch(self) -> None:
        self._touched = time.monotonic()
        async with transaction(self._room.sessions) as session:
            await service.touch(session, self.row.id)
