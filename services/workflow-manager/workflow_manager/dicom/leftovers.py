"""What listeners left in their folders: half files go, whole files enter the index.

Each folder has a lock that lives as long as the service and the listener that use it, so that
services which share a lake leave one another's files alone. Blocking, but for `recover`.
"""

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pydicom

from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.incoming import PART, WHOLE
from workflow_manager.dicom.part10 import read_header
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicom.rules import NotStorableError

logger = get_logger(__name__)
_LOCK = "lock"
_SETTLED_S = 60.0
"""A whole file this old, of which nobody knows, was left behind [s]."""


class Leftovers:
    """The folders of all listeners of a lake."""

    def __init__(self, lake: LocalLake, receiving: Receiving) -> None:
        self._root = lake.root / "dicom" / "incoming"
        self._receiving = receiving
        self._ours: dict[Path, int] = {}

    def new_folder(self) -> Path:
        """Make a folder for a listener, locked for as long as this service lives."""
        folder = self._root / new_id().hex
        folder.mkdir(parents=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._ours[folder] = lock
        return folder

    def remove_parts(self, folder: Path) -> None:
        """Remove what a listener that has ended was writing: it was never answered."""
        for part in folder.glob(f"*{PART}"):
            part.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the folders back; empty ones go."""
        for folder, lock in self._ours.items():
            self._remove_if_empty(folder)
            os.close(lock)
        self._ours.clear()

    async def recover(self) -> int:
        """Index the whole files that were left behind, and clear what nobody uses; say how many."""
        found, free = await asyncio.to_thread(self._look)
        recovered = await self.index(found)
        await asyncio.to_thread(self._clear, free)
        return recovered

    def whole_files(self, folder: Path) -> list[Path]:
        """Return the whole files of a listener that has ended."""
        return sorted(folder.glob(f"*{WHOLE}"))

    async def index(self, found: Sequence[Path]) -> int:
        """Index whole files that were left behind; say how many."""
        recovered = 0
        for path in found:
            if path in self._receiving.under_way:
                continue
            try:
                arrived = await asyncio.to_thread(_read, path)
                await self._receiving.store(arrived)
                recovered += 1
            except FileNotFoundError:
                continue  # whoever brought it was faster
            except Exception as error:
                logger.exception("a received file cannot be indexed", error=repr(error))
        if recovered:
            logger.warning("received files were found and indexed", count=recovered)
        return recovered

    def _look(self) -> tuple[list[Path], dict[Path, int]]:
        """Return files that were left behind, and the folders that were locked to look."""
        found: list[Path] = []
        free: dict[Path, int] = {}
        old = time.time() - _SETTLED_S
        for folder in sorted(self._root.glob("*/")):
            if folder in self._ours:
                found += [p for p in folder.glob(f"*{WHOLE}") if _modified(p) < old]
                continue
            lock = _try_lock(folder)
            if lock is not None:
                free[folder] = lock
                self.remove_parts(folder)
                found += folder.glob(f"*{WHOLE}")
        return found, free

    def _clear(self, free: dict[Path, int]) -> None:
        for folder, lock in free.items():
            self._remove_if_empty(folder)
            os.close(lock)

    def _remove_if_empty(self, folder: Path) -> None:
        if any(path.name != _LOCK for path in folder.iterdir()):
            return
        (folder / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _try_lock(folder: Path) -> int | None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _read(path: Path) -> Arrived:
    try:
        header = read_header(path)
        problem, sha256 = "", header.sha256
    except NotStorableError as error:
        header, problem, sha256 = None, str(error), _checksum(path)
    return Arrived(path, _origin(path), sha256, header, problem)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _origin(path: Path) -> Origin:
    """Return who sent a file, as its file meta information says."""
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
    except Exception:  # noqa: BLE001 - torn by a power cut, or no DICOM at all
        return Origin("")
    return Origin(
        str(meta.get("SourceApplicationEntityTitle", "")),
        receiver_aet=str(meta.get("ReceivingApplicationEntityTitle", "")),
        sender_address=str(meta.get("SourcePresentationAddress", "")),
    )
