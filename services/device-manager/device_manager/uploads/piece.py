"""One request that sends a part of a file: bytes from the network to the disk, never all at once.

The loop gathers what the network brings, a thread hashes and writes what was gathered before: a
hop into a thread is worth its while for some megabytes, not for the 64 KiB that one event brings.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
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
_BATCH_BYTES = 2 * 2**20
_MOST_WAITING = 8  # batches; a busy machine lets a thread wait for longer than one takes
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
        self._why: str | None = None
        self._scope: asyncio.Timeout | None = None
        self._batch: list[bytes] = []
        self._gathered = 0
        self._come = 0
        self._trailer, self._trailer_bytes = bytearray(), 0
        self._waiting: deque[list[bytes]] = deque()
        self._room_made = asyncio.Event()
        self._writing: asyncio.Future[None] | None = None
        self._touched = time.monotonic()

    def interrupt(self, why: str) -> None:
        """Take no more of it."""
        self._why = why
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def take(self, content: Body) -> bytes | None:
        """Write a body behind what is there; return the trailer, if all of it has come.

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
        digest = checksum.begin() if checksum is not None else None
        whole = False
        try:
            whole = await self._read(content.receive, digest)
        finally:
            await self._write_rest(digest)
            if not whole and checksum is not None:
                await self.file.truncate(before)
        if checksum is not None and digest is not None and digest.digest() != checksum.value:
            await self.file.truncate(before)
            raise ChecksumMismatchError(
                f"The {checksum.algorithm} of this piece is not what Upload-Checksum says: it is "
                "dropped, send it again."
            )
        trailer = bytes(self._trailer) if len(self._trailer) == TRAILER_BYTES else None
        if self.file.size < self.row.size_bytes or (self.row.awaits_checksum and trailer is None):
            await self.file.sync()
            await self._touch()
        return trailer

    async def _read(self, receive: Receive, digest: Digest | None) -> bool:
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
                        await self._write(digest)
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
        self._batch.append(body)
        self._gathered += len(body)

    async def _write(self, digest: Digest | None) -> None:
        """Hand on what was gathered; wait only while the disk is far behind the network."""
        batch, self._batch, self._gathered = self._batch, [], 0
        if self._writing is not None and self._writing.done():
            self._writing.result()  # what follows a gap is not part of the file
        self._waiting.append(batch)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_waiting(digest))
        while len(self._waiting) > _MOST_WAITING and not self._writing.done():
            self._room_made.clear()
            await self._room_made.wait()

    async def _write_waiting(self, digest: Digest | None) -> None:
        try:
            while self._waiting:
                batch = self._waiting.popleft()
                if digest is not None:
                    await asyncio.to_thread(_add_all, digest, batch)
                await self.file.append(batch)
                if self.file.size == self.row.size_bytes:
                    self.file.begin_sync()  # the disk need not wait for what else is to be done
                self._room_made.set()
        finally:
            self._waiting.clear()
            self._room_made.set()

    async def _write_rest(self, digest: Digest | None) -> None:
        """Write all that has come, also after the request was interrupted."""
        if self._batch:
            await self._write(digest)
        if self._writing is not None:
            await self._writing

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


def _add_all(digest: Digest, batch: Sequence[bytes]) -> None:
    for body in batch:
        digest.update(body)
