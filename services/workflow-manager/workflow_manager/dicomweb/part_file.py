"""A DICOM file that comes in a request: written as it comes, and hashed on the way. Blocking."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from workflow_manager.dicom.incoming import HEAD_BYTES, PART, WHOLE, Written
from workflow_manager.dicom.part10 import Header, read_header, read_received
from workflow_manager.dicom.walk import META, UnusualError, code_of, data_set_begin, find

_SYNTAX = code_of(0x00020010)


@dataclass(frozen=True, slots=True)
class ReceivedPart:
    """A part that is written to its end; it is neither synced nor named as a whole file yet."""

    path: Path
    media_type: str
    disposition: str = ""
    """Content-Disposition of the part: a form says there what the file is called."""
    transfer_syntax_uid: str = ""
    written: Written | None = None
    """What was learned on the way; None: the file meta information is not as it should be."""

    def sync(self) -> Path:
        """Sync the file and name it as a whole one; return its path."""
        path = self.name()
        if self.written is not None:
            _sync(self.written.place)
        return path

    def name(self) -> Path:
        """Name the file as a whole one; return its path.

        Where size and checksum are known, the name says them and comes before the sync, which is
        left to who calls, as with listeners: one sync covers both, and a power cut before it is
        told by the name. Any other file is synced here.
        """
        if self.written is not None:
            os.rename(self.path, self.written.place)  # noqa: PTH104 - a Path takes as long as that
            return self.written.path
        _sync(str(self.path))
        return self.path.rename(self.path.with_suffix(WHOLE))

    def read(self, path: Path) -> Header:
        """Read the header of the file, which is at `path` now.

        Raises:
            NotStorableError: It lacks what the index cannot do without.
        """
        if self.written is None:
            return read_header(path)
        return read_received(self.written, self.transfer_syntax_uid)


def _sync(path: str) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(file)
    finally:
        os.close(file)


class PartFile:
    """A part that is being received."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o640)
        self._head = bytearray()
        self._offset = 0
        """Where the data set begins; 0: not known yet."""
        self._syntax = ""
        self._digest: hashlib._Hash | None = None
        self.size = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self._learn(data)
        while data:
            data = data[os.write(self._file, data) :]

    def _learn(self, data: memoryview) -> None:
        if self._digest is not None:
            self._digest.update(data)
        missing = HEAD_BYTES + self._offset - len(self._head)
        if missing > 0:
            self._head += data[:missing]
            if self._digest is None:
                self._begin_data_set(data[missing:])

    def _begin_data_set(self, rest: memoryview) -> None:
        """Hash as `part10` does, transfer syntax and data set, once the data set has begun."""
        head = self._head
        end = data_set_begin(head)
        if end is None or len(head) < end:
            return
        meta = bytes(head[:end])
        try:
            place = find(meta, META, end, {_SYNTAX: None}, implicit=False)[_SYNTAX]
            self._syntax = meta[place.value : place.end].decode("ascii").rstrip("\x00 ")
        except (UnusualError, KeyError, UnicodeDecodeError):
            return
        self._offset = end
        self._digest = hashlib.sha256(self._syntax.encode())
        self._digest.update(head[end:])
        self._digest.update(rest)

    def finish(self, media_type: str, disposition: str) -> ReceivedPart:
        """Close the file: nothing more comes."""
        os.close(self._file)
        if self._digest is None:
            return ReceivedPart(self._path, media_type, disposition)
        head = bytes(self._head[self._offset :])
        sha256 = self._digest.hexdigest()
        whole = f"{str(self._path).removesuffix(PART)}.{self.size}.{sha256}{WHOLE}"
        written = Written(whole, head, self._offset, sha256, self.size)
        return ReceivedPart(self._path, media_type, disposition, self._syntax, written)

    def discard(self) -> None:
        """Remove it: it is not whole."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)
