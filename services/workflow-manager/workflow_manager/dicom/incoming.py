"""Files of the listener: data sets go to disk as they come; the name says how far a file is.

`N.part` is being written, `N.dcm` is whole. Who sent it stands in the file meta information, so
that a whole file can be indexed later too, with nothing but the file. Blocking: called in threads.
"""

import hashlib
import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scanhub_libraries.ids import new_id

PART, WHOLE = ".part", ".dcm"
_PREAMBLE = b"\x00" * 128 + b"DICM"
_HEAD_BYTES = 65_536
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
        return self in {Durability.SYNCED, Durability.DIRECTORY}


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sends, and to whom."""

    calling_ae: str
    called_ae: str
    address: str


@dataclass(frozen=True, slots=True)
class Written:
    """A whole file of the listener."""

    path: Path
    head: bytes
    """The data set from its beginning, or all of it."""
    data_set_offset: int
    sha256: str
    """Of the transfer syntax and the data set: who sent it does not matter."""
    size: int


class IncomingFolder:
    """Where the files of one listener lie; no other writes there."""

    def __init__(self, folder: Path, durability: Durability = Durability.SYNCED) -> None:
        self.path = folder
        self._durability = durability
        self._numbers = itertools.count(1)
        self._prefix = new_id().hex

    def open(self, meta: bytes, transfer_syntax_uid: str) -> "IncomingFile":
        """Begin a file; raises OSError when the disk does not want it."""
        path = self.path / f"{self._prefix}-{next(self._numbers)}{PART}"
        return IncomingFile(path, meta, transfer_syntax_uid, self._durability)


class IncomingFile:
    """A file that is being received."""

    def __init__(
        self, path: Path, meta: bytes, transfer_syntax_uid: str, durability: Durability
    ) -> None:
        self._path = path
        self._durability = durability
        self._hash = hashlib.sha256(transfer_syntax_uid.encode())
        self._head = bytearray()
        self._offset = self._size = len(meta)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            self._write_all(memoryview(meta))
        except OSError:
            self.discard()
            raise

    def write(self, data: memoryview) -> None:
        """Write what came; when this returns, nothing refers to `data` any more."""
        self._write_all(data)
        self._hash.update(data)
        self._size += len(data)
        missing = _HEAD_BYTES - len(self._head)
        if missing > 0:
            self._head += data[:missing]

    def _write_all(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._file, data) :]

    def finish(self) -> Written:
        """Sync as asked for, and give the file its name as a whole one."""
        if self._durability.syncs_data:
            os.fdatasync(self._file)
        self._close()
        whole = self._path.with_suffix(WHOLE)
        self._path.rename(whole)
        return Written(whole, bytes(self._head), self._offset, self._hash.hexdigest(), self._size)

    def discard(self) -> None:
        """Remove what there is: the sender got no answer, or one that says so."""
        self._close()
        with suppress(OSError):
            self._path.unlink()

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def file_meta(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, peer: Peer
) -> bytes:
    """Write preamble and file meta information (PS3.10 section 7.1)."""
    elements = [
        (0x0001, "OB", b"\x00\x01"),
        (0x0002, "UI", _ascii(sop_class_uid, 64)),
        (0x0003, "UI", _ascii(sop_instance_uid, 64)),
        (0x0010, "UI", _ascii(transfer_syntax_uid, 64)),
        (0x0012, "UI", _IMPLEMENTATION_UID.encode()),
        (0x0013, "SH", b"SCANHUB"),
        (0x0016, "AE", _ascii(peer.calling_ae, 16)),
        (0x0018, "AE", _ascii(peer.called_ae, 16)),
        (0x0026, "UR", _ascii(peer.address, 64)),
    ]
    body = b"".join(_element(number, vr, value) for number, vr, value in elements if value)
    return _PREAMBLE + _element(0x0000, "UL", len(body).to_bytes(4, "little")) + body


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
