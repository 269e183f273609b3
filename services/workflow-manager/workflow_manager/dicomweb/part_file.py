"""A DICOM file that comes in a request: in memory until it is whole, or to disk if it is large.

Blocking: fed in threads.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from workflow_manager.dicom.incoming import HEAD_BYTES, PART, WHOLE, Written
from workflow_manager.dicom.pages import Page, Pages
from workflow_manager.dicom.part10 import Header, read_header, read_received
from workflow_manager.dicom.redo import LARGEST_BYTES
from workflow_manager.dicom.walk import META, UnusualError, code_of, data_set_begin, find

_SYNTAX = code_of(0x00020010)
_PAGES = Pages()


@dataclass(frozen=True, slots=True)
class ReceivedPart:
    """A part that has come to its end; it is neither synced nor named as a whole file yet."""

    path: Path
    media_type: str
    disposition: str = ""
    """Content-Disposition of the part: a form says there what the file is called."""
    transfer_syntax_uid: str = ""
    written: Written | None = None
    """What was learned on the way; None: the file meta information is not as it should be."""
    page: Page | None = None
    """Its bytes, which are not on the disk yet; None: they are in the file at `path`."""

    def sync(self) -> Path:
        """Write and sync the file and name it as a whole one; return its path."""
        path = self.name()
        if self.written is not None:
            _sync(self.written.place)
        return path

    def name(self) -> Path:
        """Write the file, where it is in memory still, and name it as a whole one; return its path.

        Where size and checksum are known, the name says them and comes before the sync, which is
        left to who calls, as with listeners: one sync covers both, and a power cut before it is
        told by the name. Any other file is synced here.

        Raises:
            OSError: It cannot be written; nothing is left of it.
        """
        if self.page is not None:
            _write(self.path, self.page)
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

    def discard(self) -> None:
        """Let it go: it has not been named."""
        if self.page is None:
            self.path.unlink(missing_ok=True)
        else:
            self.page.let_go()


def _write(path: Path, page: Page) -> None:
    """Write a file from memory, which is nobody's any more then."""
    try:
        file = _create(path)
        try:
            with page.data as data:
                _write_all(file, data)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(file)
    finally:
        page.let_go()


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)


def _write_all(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]


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
        self._page: Page | None = Page(_PAGES)
        self._file = -1
        self._sums = _Sums()
        self.size = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""
        self.size += len(data)
        if self._page is not None:
            if self.size <= LARGEST_BYTES:
                self._page.add(data)
                return
            self._begin_file(self._page)
        self._sums.add(data)
        _write_all(self._file, data)

    def _begin_file(self, page: Page) -> None:
        """Go on in a file: it is larger than what is kept in memory."""
        self._file = _create(self._path)
        with page.data as data:
            self._sums.add(data)
            _write_all(self._file, data)
        self._page = None
        page.let_go()

    def finish(self, media_type: str, disposition: str) -> ReceivedPart:
        """Say what came: nothing more does."""
        page, sums = self._page, self._sums
        if page is None:
            os.close(self._file)
        else:
            with page.data as data:
                sums.add(data)
        sha256 = sums.hexdigest()
        if sha256 is None:
            return ReceivedPart(self._path, media_type, disposition, page=page)
        whole = f"{str(self._path).removesuffix(PART)}.{self.size}.{sha256}{WHOLE}"
        written = Written(whole, sums.head, sums.offset, sha256, self.size)
        return ReceivedPart(self._path, media_type, disposition, sums.syntax, written, page)

    def discard(self) -> None:
        """Remove it: it is not whole."""
        page, self._page = self._page, None
        if page is not None:
            page.let_go()
        elif self._file >= 0:
            os.close(self._file)
            self._path.unlink(missing_ok=True)


class _Sums:
    """Checksum and beginning of a file, of what comes."""

    def __init__(self) -> None:
        self.syntax = ""
        self.offset = 0
        """Where the data set begins; 0: not known yet."""
        self._beginning = bytearray()
        self._digest: hashlib._Hash | None = None

    @property
    def head(self) -> bytes:
        """The data set from its beginning."""
        return bytes(self._beginning[self.offset :])

    def hexdigest(self) -> str | None:
        """Return the checksum; None: the data set has not begun."""
        return None if self._digest is None else self._digest.hexdigest()

    def add(self, data: memoryview) -> None:
        """Take the next bytes."""
        if self._digest is not None:
            self._digest.update(data)
        missing = HEAD_BYTES + self.offset - len(self._beginning)
        if missing > 0:
            self._beginning += data[:missing]
            if self._digest is None:
                self._begin_data_set(data[missing:])

    def _begin_data_set(self, rest: memoryview) -> None:
        """Hash as `part10` does, transfer syntax and data set, once the data set has begun."""
        beginning = self._beginning
        end = data_set_begin(beginning)
        if end is None or len(beginning) < end:
            return
        meta = bytes(beginning[:end])
        try:
            place = find(meta, META, end, {_SYNTAX: None}, implicit=False)[_SYNTAX]
            self.syntax = meta[place.value : place.end].decode("ascii").rstrip("\x00 ")
        except (UnusualError, KeyError, UnicodeDecodeError):
            return
        self.offset = end
        self._digest = hashlib.sha256(self.syntax.encode())
        self._digest.update(beginning[end:])
        self._digest.update(rest)
