"""The queue of files on the disk: safe before they are sent, gone only when the server has them.

    DIR/lock               one program at a time
    DIR/scan.json          the scan that runs
    DIR/coming/ID/         being put in; whole when its entry.json and its data are
    DIR/pending/ID/        entry.json and data: to be delivered
    DIR/aside/ID/          the server will not take it; problem.txt says why

A folder is made whole and then renamed, so that a crash leaves it in one place or in the other.
The entries hold tokens of scans: nobody but the user of the program may read them.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from scanhub_device._parameters import sync_folder, write_durably
from scanhub_device.errors import SpoolError
from scanhub_device.messages import FileTransfer

_logger = logging.getLogger(__name__)
_BLOCK = 4 << 20
_FOLDERS = ("coming", "pending", "aside")
_ENTRY, _DATA, _PROBLEM, _SCAN = "entry.json", "data", "problem.txt", "scan.json"


class Entry(BaseModel):
    """What is known of a file in the queue."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    header: FileTransfer
    acquisition_id: str | None = None
    upload_url: str | None = None
    queued_at: float


class RunningScan(BaseModel):
    """What has to be known of a scan to report on it after a crash."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    task_id: str
    access_token: str
    acquisition_id: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be put in.

    Attributes:
        path: where it lies.
        header: makes its header of its size [byte] and its SHA-256, if that is known.
        acquisition_id: which start of its task it belongs to.
        upload_url: where the server takes files over HTTP.
        hand_over: whether it may be moved instead of copied.
        takes_trailer: whether the server takes the SHA-256 behind the last byte.
    """

    path: Path
    header: Callable[[int, str | None], FileTransfer]
    acquisition_id: str | None = None
    upload_url: str | None = None
    hand_over: bool = False
    takes_trailer: bool = False


class Spool:
    """The folder of the queue. All its methods block: they belong into threads.

    Args:
        folder: where it lies; on the disk that has room for the data, not in a memory file system.
        max_bytes: the most that all its files may have together.

    Raises:
        SpoolError: another program uses it, or it cannot be made.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._room = threading.Lock()
        self._promised = 0
        try:
            for name in _FOLDERS:
                (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock: BinaryIO = (folder / "lock").open("wb")
        except OSError as error:
            raise SpoolError(f"the queue {folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise SpoolError(f"the queue {folder} is used by another program") from None

    def close(self) -> None:
        """Let another program use it."""
        self._lock.close()

    # --- files ------------------------------------------------------------------------------------

    def put(self, source: Source, cancelled: threading.Event) -> Entry | None:
        """Make a file safe; None if `cancelled` was set meanwhile.

        Raises:
            SpoolError: the queue is full.
            OSError: the disk is, or the file cannot be read.
        """
        size = source.path.stat().st_size
        with self._room:
            if self.size_bytes() + self._promised + size > self._max_bytes:
                raise SpoolError(f"the queue {self._folder} is full")
            self._promised += size
        place = self._folder / "coming" / uuid.uuid4().hex
        try:
            place.mkdir(mode=0o700)
            entry = self._fill(place, source, cancelled)
            if entry is not None:
                self._move(place, "pending")
            return entry
        finally:
            with self._room:
                self._promised -= size
            if source.path.exists():  # else this is the only copy, and `recover` finds it
                shutil.rmtree(place, ignore_errors=True)

    def _fill(self, place: Path, source: Source, cancelled: threading.Event) -> Entry | None:
        data = place / _DATA
        same_disk = source.path.stat().st_dev == place.stat().st_dev
        moved = source.hand_over and same_disk and not source.path.is_symlink()
        known = _copy(source.path, None if moved else data, cancelled)
        if known is None or cancelled.is_set():
            return None
        entry = Entry(
            id=place.name,
            header=source.header(*known),
            acquisition_id=source.acquisition_id,
            upload_url=source.upload_url,
            queued_at=time.time(),
        )
        _write_private(place / _ENTRY, entry.model_dump_json())
        if moved:  # from here on this folder has the only copy: see `recover`
            source.path.rename(data)
            sync_folder(source.path.parent)
        sync_folder(place)
        return entry

    def recover(self) -> list[Entry]:
        """Return what is to be delivered, the oldest first; call it once, at the start."""
        for place in (self._folder / "coming").iterdir():
            entry = _read(place)
            if entry is not None and _is_whole(place / _DATA, entry.header):
                self._move(place, "pending")
            else:
                shutil.rmtree(place)
        return self.entries("pending")

    def entries(self, where: str) -> list[Entry]:
        """Return what is in `pending` or `aside`, the oldest first."""
        found = (_read(place) for place in (self._folder / where).iterdir())
        return sorted(filter(None, found), key=lambda entry: entry.queued_at)

    def data(self, entry: Entry) -> Path:
        """Return the file of an entry that is pending."""
        return self._folder / "pending" / entry.id / _DATA

    def remove(self, entry: Entry) -> None:
        """The server has the file."""
        shutil.rmtree(self._folder / "pending" / entry.id)
        sync_folder(self._folder / "pending")

    def set_aside(self, entry: Entry, problem: str) -> Path:
        """The file is kept, and not tried again; returns where it is."""
        place = self._folder / "pending" / entry.id
        if place.exists():
            write_durably(place / _PROBLEM, problem + "\n")
            self._move(place, "aside")
        return self._folder / "aside" / entry.id / _DATA

    def retry(self, entry: Entry) -> None:
        """Let a file that was set aside be delivered at the next start of the program."""
        self._move(self._folder / "aside" / entry.id, "pending")

    def problem(self, entry: Entry) -> str:
        """Return why a file was set aside."""
        path = self._folder / "aside" / entry.id / _PROBLEM
        return path.read_text().strip() if path.exists() else ""

    def size_bytes(self) -> int:
        """Return how large the files are together."""
        found = [*self.entries("pending"), *self.entries("aside")]
        return sum(entry.header.size_bytes for entry in found)

    def _move(self, place: Path, where: str) -> None:
        place.rename(self._folder / where / place.name)
        sync_folder(self._folder / where)
        sync_folder(place.parent)

    # --- the scan that runs -----------------------------------------------------------------------

    def scan_began(self, scan: RunningScan) -> None:
        """Note a scan, so that its end is told even if this program does not live to see it."""
        _write_private(self._folder / _SCAN, scan.model_dump_json())
        sync_folder(self._folder)

    def scan_ended(self) -> None:
        """No scan runs."""
        (self._folder / _SCAN).unlink(missing_ok=True)
        sync_folder(self._folder)

    def broken_scan(self) -> RunningScan | None:
        """Return the scan that ran when an earlier program ended."""
        try:
            return RunningScan.model_validate_json((self._folder / _SCAN).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:  # it broke while this was written: nothing had been played
            return None


def _read(place: Path) -> Entry | None:
    try:
        return Entry.model_validate_json((place / _ENTRY).read_bytes())
    except (OSError, ValidationError):
        return None


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a handle has no path
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _copy(path: Path, to: Path | None, cancelled: threading.Event) -> tuple[int, str] | None:
    """Read a file once: return its size and SHA-256, and write it too. None: cancelled."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", 0) as source, (to or Path(os.devnull)).open("wb", 0) as target:
        while block := source.read(_BLOCK):
            if cancelled.is_set():
                return None
            digest.update(block)
            size += len(block)
            if to is not None:
                _write_all(target, block)
        if to is not None:
            os.fsync(target.fileno())
        else:
            os.fsync(source.fileno())
    return size, digest.hexdigest()


def _write_all(target: BinaryIO, block: bytes) -> None:
    """An unbuffered file may take less than it is given, as when the disk gets full."""
    rest = memoryview(block)
    while rest:
        rest = rest[target.write(rest) :]


def _is_whole(path: Path, header: FileTransfer) -> bool:
    try:
        known = _copy(path, None, threading.Event())
    except OSError:
        return False
    return known == (header.size_bytes, header.sha256)
