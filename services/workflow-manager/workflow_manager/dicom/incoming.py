"""Files of the listener: data sets go to disk as they come; the name says how far a file is.

`N.part` is being written, `N.SIZE.SHA256.dcm` is whole; the checksum is left out where nobody has
it yet. Who sent it stands in the file meta
information, so that a whole file can be indexed later too, with nothing but the file. Blocking:
called in threads.
"""

import hashlib
import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.logging import get_logger
from scanhub_libraries.writeback import begin_write_back
from workflow_manager.dicom.redo import USUAL_BYTES, Copy, Redo, Room

logger = get_logger(__name__)
PART, WHOLE = ".part", ".dcm"
_PREAMBLE = b"\x00" * 128 + b"DICM"
HEAD_BYTES = 16_384
"""What is kept of a data set from its beginning; where that is too little, the file is read."""
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PARTS_OF_A_NAME = 4
_IMPLEMENTATION_UID = "2.25.255066463254586410421926389416361640001"
_LONG = {"OB", "UR"}  # VRs with a length of four bytes (PS3.5 section 7.1.2)
_PADDING = {"UI": b"\x00", "OB": b"\x00"}


class Durability(StrEnum):
    """What has happened when a C-STORE is answered with success."""

    UNSYNCED = "unsynced"
    """The file is written, by the system at its leisure; the index follows."""
    INDEXED = "indexed"
    """The file is written, the index committed."""
    SYNCED = "synced"
    """The file's data are on the disk, the index committed."""
    DIRECTORY = "directory"
    """As synced, and the entries of the folders are on the disk too."""

    @property
    def syncs_data(self) -> bool:
        """Say whether the data of a file are synced before the answer."""
        return self is Durability.SYNCED or self is Durability.DIRECTORY


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sends, and to whom."""

    calling_ae: str
    called_ae: str
    address: str


Found = tuple[dict[str, str], dict[str, Any]]
"""UIDs and tags of a header."""
ReadHead = Callable[[bytes, str], Found | None]
"""Reads the first HEAD_BYTES of a data set of a transfer syntax; None: it takes more than them."""


@dataclass(frozen=True, slots=True)
class Written:
    """A whole file of the listener."""

    place: str
    """Its path, as text: a Path takes as long to make as the file to rename."""
    head: bytes
    """The data set from its beginning, or all of it; empty without checksum."""
    data_set_offset: int
    sha256: str
    """Of the transfer syntax and the data set: who sent it does not matter. Empty: not known."""
    size: int
    found: Found | None = None
    """What was read of the head while the rest came; None: nothing was."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.place)


class IncomingFolder:
    """Where the files of one listener lie; no other writes there."""

    def __init__(
        self,
        folder: Path,
        durability: Durability = Durability.SYNCED,
        *,
        hashes: bool = True,
        redo: Redo | None = None,
        read_head: ReadHead | None = None,
    ) -> None:
        """Take a folder.

        Args:
            folder: It is there, and nobody else's.
            durability: What has happened to a file that is finished.
            hashes: Whether checksum and head of a data set are kept as it comes. Where they are
                not, whoever needs them reads the file again, when there is time.
            redo: Takes copies that are synced instead of the files. Whoever takes a file then syncs
                it before it loses its name (`PutAway`).
            read_head: Reads the head of a long file while the rest is on its way.
        """
        self.path = folder
        self.durability = durability
        self.hashes = hashes
        self.redo = redo
        self.read_head = read_head
        self.under_way: set[str] = set()
        """Names of the files that are being received, or are not closed yet."""
        self._numbers = itertools.count(1)
        self._prefix = f"{folder}/{new_id().hex}"

    def open(self, meta: bytes, transfer_syntax_uid: str) -> "IncomingFile":
        """Begin a file; raises OSError when the disk does not want it."""
        return self.prepare().begin(meta, transfer_syntax_uid)

    def prepare(self) -> "IncomingFile":
        """Create a file, to be begun or discarded; raises OSError when the disk does not want it.

        To create it takes as long as to write an image: better while nobody waits.
        """
        return IncomingFile(self, f"{self._prefix}-{next(self._numbers)}")

    def sync(self) -> None:
        """Make the names of the files survive a power cut."""
        sync_directory(self.path)


class IncomingFile:
    """A file that is being received.

    Where a copy of it is synced, what comes is kept in memory while it fits: the disk begins with
    the copy as soon as all is there, and the file is written meanwhile.
    """

    def __init__(self, folder: IncomingFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._path = name + PART
        self._sums: _Sums | None = None
        self._meta = b""
        self._offset = self._size = 0
        self._file = os.open(self._path, _CREATE, 0o640)
        self._room: Room | None = None
        self._memory: memoryview | None = None
        """What came, while it is nowhere else."""
        self._copy: Copy | None = None
        self._is_synced = False

    def begin(self, meta: bytes, transfer_syntax_uid: str) -> "IncomingFile":
        """Say what comes: its file meta information, and in which transfer syntax."""
        folder = self._folder
        folder.under_way.add(self._name)
        self._offset = self._size = len(meta)
        if folder.hashes:
            self._sums = _Sums(transfer_syntax_uid, folder.read_head)
        if folder.redo is None:
            self._meta = meta
            return self
        self._room = folder.redo.room()
        self._memory = self._room.file(USUAL_BYTES)
        self._memory[: len(meta)] = meta
        return self

    def write(self, data: memoryview) -> None:
        """Take what came; when this returns, nothing refers to `data` any more."""
        memory, end = self._memory, self._size + len(data)
        if memory is not None and end <= len(memory):
            memory[self._size : end] = data
            self._size = end
            if self._sums is not None and len(self._folder.under_way) == 1:
                self._sums.hash(memory[self._offset : end])  # the processor has nothing else to do
            return
        if memory is not None:
            self._leave_memory(memory)
        if self._meta:
            meta, self._meta = self._meta, b""
            written = os.writev(self._file, (meta, data))
            if written < len(meta) + len(data):
                self._write_all(memoryview(meta)[written:])
                self._write_all(data[max(0, written - len(meta)) :])
        else:
            self._write_all(data)
        self._size = end
        if self._sums is not None:
            self._sums.add(data)

    def _write_all(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._file, data) :]

    def _leave_memory(self, memory: memoryview) -> None:
        """Write what has come so far: the file is too long for what is kept in memory."""
        self._memory = None
        self._write_all(memory[: self._size])
        if self._sums is not None:
            self._sums.leave(memory[self._offset : self._size])

    def finish(self) -> Written:
        """Give the file its name as a whole one; what it promises is true after `sync`.

        The name comes before the sync, so that one sync covers it too, where the file system keeps
        names and data in one log. It says what the file holds: a power cut before the sync is told
        by that. The disk has begun with what is to be synced when this returns.
        """
        if self._meta:  # an empty data set
            self._write_all(memoryview(self._meta))
        memory, self._memory = self._memory, None
        sums = self._sums
        if memory is not None and sums is not None:
            sums.hash(memory[self._offset : self._size])
        digest = "" if sums is None else sums.digest
        whole = f"{self._name}.{self._size}.{digest}{WHOLE}"
        self._begin_copy(whole, memory)
        if memory is not None:
            self._write_all(memory[: self._size])
            if sums is not None:
                sums.head += memory[self._offset : min(self._size, self._offset + HEAD_BYTES)]
        if self._copy is None and self._folder.durability.syncs_data:
            begin_write_back(self._file, 0, self._size, worth_bytes=0)  # while the header is read
        os.rename(self._path, whole)  # noqa: PTH104 - a Path takes as long as the call
        self._path = whole
        if sums is None:
            return Written(whole, b"", self._offset, "", self._size)
        return Written(whole, bytes(sums.head), self._offset, digest, self._size, sums.found)

    def _begin_copy(self, whole: str, memory: memoryview | None) -> None:
        redo, room = self._folder.redo, self._room
        if redo is None or room is None:
            return
        if memory is None:
            self._copy = redo.copy(self._file, self._size)
        else:
            self._copy = redo.copy_of(room, self._size)
            if self._copy is not None:
                self._room = None  # it is the copy's
        if self._copy is not None:
            self._copy.begin(whole)  # it says the name too

    def sync(self) -> None:
        """Let happen what is to happen to a file before anybody relies on it; once."""
        if self._is_synced:
            return
        copy, self._copy = self._copy, None
        if copy is None or not _is_on_disk(copy):
            durability = self._folder.durability
            if durability.syncs_data:
                os.fdatasync(self._file)
            if durability is Durability.DIRECTORY:
                self._folder.sync()
        self._is_synced = True

    def discard(self) -> None:
        """Remove what there is: the sender got no answer, or one that says so."""
        self.close()
        with suppress(OSError):
            Path(self._path).unlink()

    def close(self) -> None:
        """Close it, as it is."""
        self._folder.under_way.discard(self._name)
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)
        copy, self._copy = self._copy, None
        room, self._room = self._room, None
        self._memory = None
        if copy is not None:
            copy.close()
        if room is not None and self._folder.redo is not None:
            self._folder.redo.give_back(room)


def _is_on_disk(copy: Copy) -> bool:
    """Wait for a copy."""
    try:
        copy.wait()
    except OSError as error:
        logger.warning("a copy is not synced: the file itself is", error=repr(error))
        return False
    finally:
        copy.close()
    return True


class _Sums:
    """Checksum and beginning of a data set."""

    def __init__(self, transfer_syntax_uid: str, read_head: "ReadHead | None") -> None:
        """Begin.

        Args:
            transfer_syntax_uid: In front of the data set, in the checksum.
            read_head: Reads the beginning while the rest is on its way.
        """
        self.head = bytearray()
        self.found: Found | None = None
        self._syntax = transfer_syntax_uid
        self._read_head = read_head
        self._hash = hashlib.sha256(transfer_syntax_uid.encode())
        self._hashed = 0

    def add(self, data: memoryview) -> None:
        """Take a part that is gone when this returns."""
        self._hash.update(data)
        missing = HEAD_BYTES - len(self.head)
        if missing > 0:
            self.head += data[:missing]
            if len(data) >= missing and self._read_head is not None:
                self.found = self._read_head(bytes(self.head), self._syntax)

    def hash(self, data_set: memoryview) -> None:
        """Take what is new of a data set that is kept until it is whole."""
        self._hash.update(data_set[self._hashed :])
        self._hashed = len(data_set)

    def leave(self, data_set: memoryview) -> None:
        """Take all that came of a data set that is kept no more; `add` follows."""
        self.hash(data_set)
        self.head += data_set[:HEAD_BYTES]

    @property
    def digest(self) -> str:
        """The checksum of all that was taken."""
        return self._hash.hexdigest()


def promised(path: Path | str) -> tuple[int, str] | None:
    """Return size and checksum that the name of a whole file says; None: it says none.

    The checksum is empty where nobody had it when the file was named.
    """
    parts = os.fspath(path).rpartition("/")[2].split(".")
    if len(parts) != _PARTS_OF_A_NAME or not parts[1].isdecimal():
        return None
    return int(parts[1]), parts[2]


def file_meta(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, peer: Peer
) -> bytes:
    """Write preamble and file meta information (PS3.10 section 7.1)."""
    before, behind = _around(sop_class_uid, transfer_syntax_uid, peer)
    body = before + _elements((0x0003, "UI", _ascii(sop_instance_uid, 64))) + behind
    return _PREAMBLE + _element(0x0000, "UL", len(body).to_bytes(4, "little")) + body


@lru_cache(maxsize=256)
def _around(sop_class_uid: str, transfer_syntax_uid: str, peer: Peer) -> tuple[bytes, bytes]:
    """Return what stands around the UID of an instance: the images of a series have it alike."""
    before = _elements((0x0001, "OB", b"\x00\x01"), (0x0002, "UI", _ascii(sop_class_uid, 64)))
    behind = _elements(
        (0x0010, "UI", _ascii(transfer_syntax_uid, 64)),
        (0x0012, "UI", _IMPLEMENTATION_UID.encode()),
        (0x0013, "SH", b"SCANHUB"),
        (0x0016, "AE", _ascii(peer.calling_ae, 16)),
        (0x0018, "AE", _ascii(peer.called_ae, 16)),
        (0x0026, "UR", _ascii(peer.address, 64)),
    )
    return before, behind


def _elements(*elements: tuple[int, str, bytes]) -> bytes:
    return b"".join(_element(number, vr, value) for number, vr, value in elements if value)


def _ascii(text: str, length: int) -> bytes:
    return text.encode("ascii", "replace")[:length]


def _element(number: int, vr: str, value: bytes) -> bytes:
    value += _PADDING.get(vr, b" ") * (len(value) % 2)
    reserved_and_length = (
        b"\x00\x00" + len(value).to_bytes(4, "little")
        if vr in _LONG
        else len(value).to_bytes(2, "little")
    )
    return b"\x02\x00" + number.to_bytes(2, "little") + vr.encode() + reserved_and_length + value
