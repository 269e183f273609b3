"""Files that come in pieces, over hours and restarts, until they are whole.

They lie in a folder of their own in the lake, on the disk of the rest, so that the last step is a
rename. What has been written is kept whatever happens to its writer: how far it got is the size of
the file.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from scanhub_libraries.errors import ConflictError
from scanhub_libraries.threads import to_the_end
from scanhub_libraries.writeback import WORTH_BYTES, begin_write_back

UNFINISHED_FOLDER = "uploads"
_SYNC_BYTES = 64 * 2**20
_READ_BYTES = 4 * 2**20
# Reading gigabytes again takes long: it has threads of its own, so that no short work waits for it.
_READERS = ThreadPoolExecutor(2, thread_name_prefix="lake-reader")


class UnfinishedFile(Protocol):
    """A file of which more is to come."""

    size: int

    @property
    def is_open(self) -> bool:
        """Say whether it is open here."""
        ...

    async def open(self) -> None:
        """Open it, making it if it is not there; nobody else writes it from now on.

        Raises:
            ConflictError: Another process writes it.
        """
        ...

    async def append(self, pieces: Iterable[bytes], *, whole: int | None = None) -> None:
        """Write at the end. After an error, `size` says what was written.

        Args:
            pieces: Asked for in the thread that writes, one after the other.
            whole: The size at which all is written [byte]: it is synced then, on the same way.
        """
        ...

    def begin_sync(self) -> None:
        """Let what was written survive a power cut, beside whatever is done next."""
        ...

    async def sync(self) -> None:
        """Return when what was written survives a power cut."""
        ...

    async def truncate(self, size: int) -> None:
        """Drop what was written behind `size`."""
        ...

    async def sha256(self) -> str:
        """Return the checksum of the whole file, hexadecimal."""
        ...

    async def measure(self) -> int:
        """Return how much of it survives a power cut, whoever writes it; 0 if it is not there."""
        ...

    async def publish(self, key: str) -> None:
        """Sync it and make it also the file `key` of the lake; `discard` it once that counts."""
        ...

    async def close(self) -> None:
        """Close; what was written is kept."""
        ...

    async def discard(self) -> None:
        """Remove it."""
        ...


def sync_directory(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LocalUnfinishedFile:
    """An unfinished file in a local folder; hashing and writing happen in threads.

    The checksum is computed as the bytes come. After a restart what is there is read once more,
    beside the writing: a sum cannot be stored half-way.

    A disk tells once that it could not write something (fsync(2)), and forgets it: of such a file
    nothing counts, and its end here leaves it empty.
    """

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._file = -1
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._reading: asyncio.Future[None] | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._synced = 0
        self._lost: OSError | None = None
        """What the disk said when it could not write a part of it."""
        self._closing = False
        self.size = 0

    @property
    def is_open(self) -> bool:
        """Say whether it is open here."""
        return self._file >= 0

    async def open(self) -> None:
        """Open it and lock it."""
        await to_the_end(self._open)
        self._closing, self._synced = False, 0
        if self._hashed > self.size:  # it was truncated meanwhile
            self._hash, self._hashed = hashlib.sha256(), 0
        self._follow()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            raise ConflictError("Another process of the server writes this file.") from error
        self._file = file
        self.size = os.fstat(file).st_size

    async def append(self, pieces: Iterable[bytes], *, whole: int | None = None) -> None:
        """Write at the end, and let the disk begin with what has gathered."""
        reading = self._reading is not None and not self._reading.done()
        await to_the_end(self._append, pieces, not reading and self._hashed == self.size, whole)
        self._follow()
        if self.size - self._synced >= _SYNC_BYTES:
            self.begin_sync()

    def begin_sync(self) -> None:
        """Sync in a thread what was written up to now, unless one syncs already."""
        if self._syncing is None and self._synced < self.size:
            self._synced = self.size
            self._syncing = asyncio.ensure_future(asyncio.to_thread(self._sync_data))
            self._syncing.add_done_callback(self._sync_ended)

    def _sync_ended(self, syncing: asyncio.Future[None]) -> None:
        self._syncing = None
        if not syncing.cancelled():
            syncing.exception()  # `_lost` has it, for whoever has to know

    def _sync_data(self) -> None:
        if self._lost is None:
            try:
                os.fdatasync(self._file)
            except OSError as error:
                self._lost = error
        if self._lost is not None:
            raise OSError(self._lost.errno, os.strerror(self._lost.errno or 0)) from self._lost

    def _append(self, pieces: Iterable[bytes], hash_too: bool, whole: int | None) -> None:
        # Piece by piece, not all with one call: what was just written is hashed out of the cache.
        begun = self.size
        for piece in pieces:
            self._write(memoryview(piece), hash_too)
            if self.size - begun >= WORTH_BYTES:
                begin_write_back(self._file, begun, self.size - begun)
                begun = self.size
        if self.size == whole and self._syncing is None:
            self._sync_data()
            self._synced = self.size

    def _write(self, rest: memoryview, hash_too: bool) -> None:
        while rest:
            written = os.write(self._file, rest)
            self.size += written
            if hash_too:
                self._hash.update(rest[:written])
                self._hashed += written
            rest = rest[written:]

    def _follow(self) -> None:
        """Read what has not been hashed, in a thread, unless one does."""
        if self._hashed < self.size and (self._reading is None or self._reading.done()):
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(_READERS, self._read_on)

    def _read_on(self) -> None:
        while self._hashed < self.size and not self._closing:
            most = min(_READ_BYTES, self.size - self._hashed)
            block = os.pread(self._file, most, self._hashed)
            if not block:
                raise OSError(f"{self._path.name} is shorter than what was written to it")
            self._hash.update(block)
            self._hashed += len(block)

    async def sync(self) -> None:
        """Sync the data and what is needed to find it."""
        if self._syncing is not None:  # what it is told, nobody is told again
            await asyncio.wait({self._syncing})
        size = self.size
        await to_the_end(self._sync)
        self._synced = size

    def _sync(self) -> None:
        self._sync_data()
        sync_directory(self._path.parent)

    async def truncate(self, size: int) -> None:
        """Drop what was written behind `size`, also of the checksum."""
        await self._wait()
        await to_the_end(os.ftruncate, self._file, size)
        self.size, self._synced = size, 0
        self._hash, self._hashed = hashlib.sha256(), 0
        self._follow()

    async def sha256(self) -> str:
        """Return the checksum; waits until all that was there before has been read."""
        while self._hashed < self.size:
            self._follow()
            if self._reading is not None:
                await asyncio.shield(self._reading)
        return self._hash.hexdigest()

    async def measure(self) -> int:
        """Return the size that was synced just now."""
        return await to_the_end(self._measure)

    def _measure(self) -> int:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            size = os.fstat(file).st_size
            os.fdatasync(file)
        finally:
            os.close(file)
        return size

    async def publish(self, key: str) -> None:
        """Give it a second name. It keeps the first until somebody has noted the second."""
        await self._wait()
        await to_the_end(self._publish, self._root / key)

    def _publish(self, target: Path) -> None:
        if self._synced < self.size or self._lost is not None:
            self._sync_data()
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{self._path.stem}.part")
        beside.unlink(missing_ok=True)
        beside.hardlink_to(self._path)
        beside.rename(target)
        # Both names of one file: the rename has done nothing, and left both.
        beside.unlink(missing_ok=True)
        sync_directory(target.parent)

    async def close(self) -> None:
        """Close when nobody reads or syncs it any more."""
        self._closing = True
        await self._wait()
        if self._file >= 0:
            file, self._file = self._file, -1
            await to_the_end(self._close, file)

    def _close(self, file: int) -> None:
        try:
            if self._lost is not None:
                os.ftruncate(file, 0)
                self.size, self._lost = 0, None
                self._hash, self._hashed = hashlib.sha256(), 0
        finally:
            os.close(file)

    async def discard(self) -> None:
        """Remove it, and begin anew if it is opened again."""
        await self.close()
        await to_the_end(self._unlink)
        self._hash, self._hashed, self.size = hashlib.sha256(), 0, 0

    def _unlink(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()

    async def _wait(self) -> None:
        running = [work for work in (self._reading, self._syncing) if work is not None]
        if running:
            await asyncio.wait(running)
