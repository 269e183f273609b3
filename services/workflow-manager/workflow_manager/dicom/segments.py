"""A file of blocks that are written over and over, for copies of what is received; see `redo`.

To sync a new file, the file system commits its own log; to sync blocks that were written before, it
need not. Blocking: called in threads.
"""

import errno
import os
import weakref
from collections.abc import Iterator, Sequence
from mmap import PROT_READ, mmap
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from scanhub_libraries.lake_unfinished import sync_directory

SUFFIX = ".redo"
SEGMENT_BYTES = 16 * 2**20
BLOCK_BYTES = 4096
HEAD = Struct(">16s16s36s")
"""Of a segment: what it is, which filling, and which start of the machine wrote it."""
_RECORD = Struct(">16s16sQH")
"""Of a record, in a block of its own: what it is, which filling, size and length of the name."""
IS_SEGMENT, _IS_RECORD = b"scanhub segment\n", b"scanhub  record\n"
_MOST_AT_ONCE = 256
_LONGEST_NAME = 512 - _RECORD.size  # a sector is written whole or not at all
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Record(NamedTuple):
    """A copy of a file in a segment."""

    name: str
    """That the file was received under."""
    place: int
    """Where the copy begins in the segment [byte]."""
    size: int


def boot_id() -> bytes:
    """Return what tells this start of the machine from others; where nothing does, never the same.

    As long as it is the same, what was written to a file is there, synced or not.
    """
    try:
        return _BOOT_ID.read_bytes()[:36].ljust(36)
    except OSError:
        return os.urandom(36)


def records(path: Path, *, of_other_start: bool = False) -> list[Record]:
    """Return the records of the last filling; several may be torn that nobody relied on.

    Args:
        path: The segment.
        of_other_start: Give none that this start of the machine wrote.
    """
    if path.stat().st_size != SEGMENT_BYTES:
        return []  # it was being made
    with path.open("rb") as file, mmap(file.fileno(), 0, prot=PROT_READ) as data:
        kind, filling, boot = HEAD.unpack_from(data)
        if kind != IS_SEGMENT or (of_other_start and boot == boot_id()):
            return []
        return list(_records(data, filling))


def _records(data: mmap, filling: bytes) -> Iterator[Record]:
    """Look at each block: where a record was not written to the end, others follow it."""
    mark = _IS_RECORD + filling
    for place in range(BLOCK_BYTES, SEGMENT_BYTES, BLOCK_BYTES):
        if data[place : place + len(mark)] != mark:
            continue
        _, _, size, length = _RECORD.unpack_from(data, place)
        begin = place + _RECORD.size
        if place + BLOCK_BYTES + size <= SEGMENT_BYTES:
            name = data[begin : begin + length].decode("ascii", "replace")
            yield Record(name, place + BLOCK_BYTES, size)


class Segment:
    """One such file. Where its owner holds a lock, is said; copies are written side by side."""

    def __init__(self, path: Path) -> None:
        """Make it, or take over what a listener left: then nothing is added to it.

        Raises:
            OSError: There is no room for it.
        """
        self.path = path
        self._folder = f"{path.parent}/"
        self._names = [record.name for record in records(path)] if path.exists() else []
        self._end = SEGMENT_BYTES
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        weakref.finalize(self, os.close, self._file)  # not while somebody writes
        self._filling = b""
        self._writing = 0
        self._broken = False
        self._flags = os.O_RDWR | os.O_CLOEXEC | os.O_DIRECT
        if os.fstat(self._file).st_size != SEGMENT_BYTES:
            self._fill(path)
        if not self._names:
            self.begin_anew()

    def _fill(self, path: Path) -> None:
        zeros = bytes(2**20)
        try:
            for place in range(0, SEGMENT_BYTES, len(zeros)):
                os.pwrite(self._file, zeros, place)
            os.fsync(self._file)
        except OSError:
            path.unlink()
            raise
        # Whoever writes past the cache takes out of it what is there.
        os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        sync_directory(path.parent)

    def reserve(self, size: int) -> int | None:
        """Return where a file goes; None: it has no room here. The owner holds its lock."""
        place = self._end
        end = place + room_of(size)
        if self._broken or end > SEGMENT_BYTES:
            return None
        self._end = end
        self._writing += 1
        return place

    def seal(self, memory: memoryview, name: str, size: int) -> None:
        """Put the record in front of a copy.

        Args:
            memory: Of `room_of(size)` bytes, at a page; the copy is behind the first block.
            name: That the file was received under.
            size: Its size [byte].

        Raises:
            OSError: The name is too long.
        """
        encoded = name.encode()
        if len(encoded) > _LONGEST_NAME:
            raise OSError(errno.ENAMETOOLONG, "The name of a received file is too long", name)
        head = _RECORD.pack(_IS_RECORD, self._filling, size, len(encoded)) + encoded
        memory[:BLOCK_BYTES] = head.ljust(BLOCK_BYTES, b"\0")
        end = BLOCK_BYTES + size
        memory[end:] = bytes(len(memory) - end)

    def open(self) -> int:
        """Return a descriptor to write by, which the caller closes.

        One of its own for each who writes at a time: the kernel tells each once of what the disk
        did not take, and makes one of the syncs that several ask for. Past its cache, where the
        file system can: what is kept there is the file.
        """
        try:
            return os.open(self.path, self._flags)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        self._flags &= ~os.O_DIRECT  # not on this file system
        return os.open(self.path, self._flags)

    def settled(self, name: str = "") -> None:
        """Take note that a copy is written, or has been given up. The owner holds its lock."""
        if name:
            self._names.append(name)
        self._writing -= 1  # last: who looks whether the segment is needed holds no lock

    @property
    def is_begun(self) -> bool:
        """Say whether something is in it."""
        return self._end > BLOCK_BYTES

    @property
    def has_much(self) -> bool:
        """Say whether it is time for the next one to be there."""
        return self._end > SEGMENT_BYTES // 8

    @property
    def is_needed(self) -> bool:
        """Say whether a file may have to be restored from it: one that has its first name still.

        The owner holds its lock, or reserves nothing here meanwhile.
        """
        if self._writing:
            return True
        names = reversed(self._names)  # the last are put away last
        return any(os.path.exists(self._folder + name) for name in names)  # noqa: PTH110 - quicker

    def begin_anew(self) -> None:
        """Forget its records, for good. The owner holds its lock, or reserves nothing here.

        Raises:
            OSError: The disk does not take it.
        """
        filling = os.urandom(16)
        head = HEAD.pack(IS_SEGMENT, filling, boot_id())
        try:
            os.pwrite(self._file, head.ljust(BLOCK_BYTES, b"\0"), 0)
            os.fdatasync(self._file)
        except OSError:
            self._broken = True
            raise
        self._filling, self._end, self._names = filling, BLOCK_BYTES, []


def write_all(file: int, memories: Sequence[memoryview], place: int, *, synced: bool) -> None:
    """Write what lies side by side in a segment, with as few calls as may be.

    Args:
        file: Descriptor of `Segment.open`.
        memories: Each of whole blocks, at a page.
        place: Where the first one goes [byte].
        synced: Whether it is on the disk when this returns; else once the file is synced.

    Raises:
        OSError: It is not written.
    """
    flags = os.RWF_DSYNC if synced else 0
    for begin in range(0, len(memories), _MOST_AT_ONCE):
        left = list(memories[begin : begin + _MOST_AT_ONCE])
        while left:
            done = os.pwritev(file, left, place, flags)
            place += done
            while left and done >= len(left[0]):
                done -= len(left.pop(0))
            if done:
                left[0] = left[0][done:]


def room_of(size: int) -> int:
    """Return how much a file takes in a segment, with its record [byte]."""
    return BLOCK_BYTES + -(-size // BLOCK_BYTES) * BLOCK_BYTES
