"""One file on its way in: frames from the link, bytes to the lake."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from device_manager.uploads.tus import TRAILER_BYTES
from scanhub_libraries.lake_part import PartFile

_WRITE_BYTES = 4 << 20


class TransferError(Exception):
    """The file did not come whole; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A file as the device announced it, after the checks."""

    filename: str
    size_bytes: int
    sha256: str | None
    result_id: UUID
    device_parameter: dict[str, Any]
    has_trailer: bool = False
    """Behind the last byte comes the SHA-256."""


class Transfer:
    """Takes frames from the reader and writes them in another task.

    A bounded buffer lies between: the reader waits only while the disk is slower than the network
    for longer than the buffer holds.
    """

    def __init__(self, announced: Announced, *, buffer_bytes: int, idle_seconds: float) -> None:
        self.announced = announced
        self.received = 0
        self._expected = announced.size_bytes + (TRAILER_BYTES if announced.has_trailer else 0)
        self._trailer = bytearray()
        self.ended = asyncio.Event()
        self.over = asyncio.Event()
        """No more of it comes: it is whole, or has failed."""
        self._buffer_bytes = buffer_bytes
        self._idle_seconds = idle_seconds
        self._frames: deque[bytes] = deque()
        self._buffered = 0
        self._data = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: str | None = None
        self.is_given_up = False
        """The device knows that it failed, and may be sending the file again by now."""

    @property
    def is_whole(self) -> bool:
        """Say whether all announced bytes have been received."""
        return self.received == self._expected and self._failure is None

    def fail(self, why: str) -> None:
        """The rest will not come, unless it has come already."""
        if not self.is_whole and self._failure is None:
            self._failure = why
            self.over.set()
            self._data.set()
            self._room.set()

    def give_up(self, why: str) -> None:
        """The rest will not come, and the device need not be told so."""
        if not self.is_whole and self._failure is None:
            self.is_given_up = True
            self.fail(why)

    async def take(self, frame: bytes) -> None:
        """Take a binary frame; wait while the buffer is full."""
        if self.received + len(frame) > self._expected:
            self.fail(
                f"more bytes came than size_bytes announced ({self.announced.size_bytes}); "
                "send the file again with its right size"
            )
        if self._failure is not None:
            return
        self.received += len(frame)
        behind = min(len(frame), self.received - self.announced.size_bytes)
        if behind > 0:
            frame, trailer = frame[:-behind], frame[-behind:]
            self._trailer += trailer
        self._frames.append(frame)
        self._buffered += len(frame)
        self._data.set()
        if self.is_whole:
            self.over.set()
        while self._buffered > self._buffer_bytes and self._failure is None:
            self._room.clear()
            await self._room.wait()

    @asynccontextmanager
    async def writing(self, part: PartFile) -> AsyncIterator["asyncio.Task[None]"]:
        """Write as the bytes come, beside what else is done; see `write_to`."""
        write = asyncio.create_task(self.write_to(part), name=f"write {self.announced.filename}")
        write.add_done_callback(lambda _: self.over.set())
        try:
            yield write
        finally:
            write.cancel()
            await asyncio.gather(write, return_exceptions=True)

    async def write_to(self, part: PartFile) -> None:
        """Write until the file is whole and right.

        Raises:
            TransferError: It is not.
            OSError: The lake cannot take it.
        """
        while part.size < self.announced.size_bytes:
            frames = await self._next_frames()
            try:
                await part.write(*frames)
            except OSError:
                self.fail("the lake cannot store the file")
                raise
            self._buffered -= sum(map(len, frames))
            self._room.set()
        part.begin_sync()
        while not self.is_whole:
            await self._next_frames()  # the rest of the trailer, or why it does not come
        expected = self._trailer.hex() if self.announced.has_trailer else self.announced.sha256
        if expected is not None and part.sha256 != expected.lower():
            raise TransferError(
                f"the sha256 is {part.sha256}, announced was {expected}; send the file again"
            )

    async def _next_frames(self) -> list[bytes]:
        """Return what is written in one go: a thread is not worth its while for a small frame."""
        while not self._frames:
            if self._failure is not None:
                raise TransferError(self._failure)
            self._data.clear()
            await self._wait_for_data()
        if self._failure is not None:
            raise TransferError(self._failure)
        frames, size = [], 0
        while self._frames and size < _WRITE_BYTES:
            frames.append(self._frames.popleft())
            size += len(frames[-1])
        return frames

    async def _wait_for_data(self) -> None:
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._data.wait()
        except TimeoutError:
            self._failure = (
                f"nothing came for {self._idle_seconds:g} s after {self.received} of "
                f"{self.announced.size_bytes} bytes; send the file again"
            )
            self._room.set()
