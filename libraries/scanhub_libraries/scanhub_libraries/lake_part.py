"""One file on its way into the lake: written as `.part`, synced, renamed, or not there."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.threads import to_the_end
from scanhub_libraries.writeback import begin_write_back

_AT_ONCE_BYTES = 256 << 10
"""What is written with one call, and is in the cache of the processor when it is hashed [byte]."""
# Whoever commits waits in a thread: where all threads did, nobody would be left to sync for them.
_SYNCING = ThreadPoolExecutor(4, thread_name_prefix="lake-sync")


class PartFile(Protocol):
    """A file being written. Leaving the context without `commit` removes it."""

    size: int

    @property
    def sha256(self) -> str:
        """Checksum of what was written so far, hexadecimal."""
        ...

    async def write(self, *pieces: bytes) -> None:
        """Append bytes, also in several pieces."""
        ...

    def begin_sync(self) -> None:
        """All is written: let the disk work while it is looked into whether it counts."""
        ...

    async def commit(self) -> None:
        """Sync and rename: from now on the file is there, also after a power cut."""
        ...

    async def abort(self) -> None:
        """Remove what was written."""
        ...

    async def __aenter__(self) -> Self:
        """Open."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Abort unless committed."""
        ...


class LocalPartFile:
    """A `.part` file in a local folder; hashing and writing happen in a thread."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f".{target.name}.{new_id()}.part")
        self._hash = hashlib.sha256()
        self._file: int | None = None
        self._syncing: Future[None] | None = None
        self.size = 0

    @property
    def sha256(self) -> str:
        """Checksum of what was written so far, hexadecimal."""
        return self._hash.hexdigest()

    async def __aenter__(self) -> Self:
        """Open the part file, making its folder."""
        # Each step is waited for, also when the caller is cancelled: a file that is tidied away
        # while a thread works on it comes back, or its number is another file's by then.
        await to_the_end(self._open, discard=lambda _: self._abort())
        return self

    def _open(self) -> None:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)

    async def write(self, *pieces: bytes) -> None:
        """Append bytes."""
        await to_the_end(self._write, pieces)

    def _write(self, pieces: Sequence[bytes]) -> None:
        if self._file is None:
            raise ValueError("the part file is closed")
        if self._syncing is not None:
            raise ValueError("it was said that all is written")
        first = self.size
        for some in _some_at_once(pieces):
            _write_all(self._file, some)
            for piece in some:
                self._hash.update(piece)
                self.size += len(piece)
        begin_write_back(self._file, first, self.size - first)

    async def write_whole(self, data: bytes) -> None:
        """Write all of a small file and commit it, with one way to a thread."""
        await to_the_end(self._write_whole, data)

    def _write_whole(self, data: bytes) -> None:
        self._open()
        try:
            self._write((data,))
            self._commit()
        finally:
            self._abort()

    def begin_sync(self) -> None:
        """Begin to sync in a thread; `commit` tells how it went."""
        if self._file is not None and self._syncing is None:
            self._syncing = _SYNCING.submit(os.fsync, self._file)

    async def commit(self) -> None:
        """Sync, rename, sync the folder."""
        await to_the_end(self._commit)

    def _commit(self) -> None:
        if self._file is None:
            raise ValueError("the part file is closed")
        if self._syncing is None:
            os.fsync(self._file)
        else:
            self._syncing.result()
        os.close(self._file)
        self._file = None
        self._part.rename(self._target)
        sync_directory(self._target.parent)

    async def abort(self) -> None:
        """Remove what was written."""
        await to_the_end(self._abort)

    def _abort(self) -> None:
        if self._file is not None:
            if self._syncing is not None:
                wait([self._syncing])  # its number is another file's once it is closed
            os.close(self._file)
            self._file = None
            self._part.unlink(missing_ok=True)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Abort unless committed."""
        if self._file is not None:
            await self.abort()


def _some_at_once(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    size = 0
    for piece in pieces:
        if some and size + len(piece) > _AT_ONCE_BYTES:
            yield some
            some, size = [], 0
        some.append(piece)
        size += len(piece)
    yield some


def _write_all(file: int, pieces: Sequence[bytes]) -> None:
    rest = [memoryview(piece) for piece in pieces]
    while rest:
        written = os.writev(file, rest)
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if rest:
            rest[0] = rest[0][written:]
