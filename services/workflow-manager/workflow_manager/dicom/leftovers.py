"""What listeners left in their folders: half files go, whole files enter the index.

Each folder has a lock that lives as long as the service and the listener that use it, so that
services which share a lake leave one another's files alone. Blocking, but for `recover`.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pydicom

from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import get_logger
from scanhub_libraries.spreading import spread_folders
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.files import checksum
from workflow_manager.dicom.incoming import PART, WHOLE, promised
from workflow_manager.dicom.part10 import content_of, read_header
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicom.restoring import restore
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.dicom.segments import SUFFIX

logger = get_logger(__name__)
_LOCK = "lock"
TORN = "The file is not what was received: a power cut took a part of it."
_AT_ONCE = 50
"""Files that are indexed together."""
_SETTLED_S = 60.0
"""A whole file this old, of which nobody knows, was left behind [s]."""


class Leftovers:
    """The folders of all listeners of a lake."""

    def __init__(self, lake: LocalLake, receiving: Receiving) -> None:
        self._lake = lake.root
        self._root = self._lake / "dicom" / "incoming"
        self._receiving = receiving
        self._ours: dict[Path, int] = {}
        self.unrestored: dict[Path, str] = {}
        """Folders with files that a power cut took and that are not restored yet, and why."""

    def new_folder(self) -> Path:
        """Make a folder for a listener, locked for as long as this service lives."""
        folder = self._root / new_id().hex
        self._root.mkdir(parents=True, exist_ok=True)
        spread_folders(self._root)  # what others have removed makes nothing slow that is received
        folder.mkdir()
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

    def restore(self) -> None:
        """Restore what a power cut took; blocking, and before anybody reads files of the lake.

        Where the disk does not take it, the copies stay, and the sweep tries again.
        """
        for folder in sorted(self._root.glob("*/")):
            lock = None if folder in self._ours else _try_lock(folder)
            if lock is not None:
                try:
                    self._restore(folder)
                except OSError:
                    logger.exception("received files cannot be restored", folder=folder.name)
                finally:
                    os.close(lock)

    def _restore(self, folder: Path) -> None:
        try:
            restore(folder, self._lake)
        except OSError as error:
            self.unrestored[folder] = error.strerror or repr(error)
            raise
        self.unrestored.pop(folder, None)

    async def recover(self) -> int:
        """Index the whole files that were left behind, and clear what nobody uses; say how many."""
        found, free = await asyncio.to_thread(self._look)
        recovered = await self.index(found)
        await asyncio.to_thread(self._receiving.put_away.flush)
        await asyncio.to_thread(self._clear, free)
        return recovered

    def whole_files(self, folder: Path) -> list[Path]:
        """Return the whole files of a listener that has ended."""
        return sorted(folder.glob(f"*{WHOLE}"))

    async def index(self, found: Sequence[Path]) -> int:
        """Index whole files that were left behind; say how many."""
        recovered = 0
        for begin in range(0, len(found), _AT_ONCE):  # those that are stored at once share a commit
            some = found[begin : begin + _AT_ONCE]
            recovered += sum(await asyncio.gather(*(self._index_one(path) for path in some)))
        if recovered:
            logger.warning("received files were found and indexed", count=recovered)
        return recovered

    async def _index_one(self, path: Path) -> bool:
        if str(path) in self._receiving.under_way:
            return False
        try:
            arrived = await asyncio.to_thread(_read, path)
            await self._receiving.store(arrived)
        except FileNotFoundError:
            return False  # whoever brought it was faster
        except Exception as error:
            logger.exception("a received file cannot be indexed", error=repr(error))
            return False
        return True

    def _look(self) -> tuple[list[Path], dict[Path, int]]:
        """Return files that were left behind, and the folders that were locked to look."""
        found: list[Path] = []
        free: dict[Path, int] = {}
        for folder in sorted(self._root.glob("*/")):
            if folder in self._ours:
                found += [p for p in folder.glob(f"*{WHOLE}") if _is_settled(p)]
                continue
            lock = _try_lock(folder)
            if lock is None:
                continue
            try:
                self.remove_parts(folder)
                self._restore(folder)
                found += folder.glob(f"*{WHOLE}")
            except OSError as error:  # the next look tries again
                _tell(folder, error)
                os.close(lock)
            else:
                free[folder] = lock
        return found, free

    def _clear(self, free: dict[Path, int]) -> None:
        for folder, lock in free.items():
            try:
                self._remove_if_empty(folder)
            except OSError as error:
                _tell(folder, error)
            finally:
                os.close(lock)

    def _remove_if_empty(self, folder: Path) -> None:
        left = list(folder.iterdir())
        if any(path.name != _LOCK and path.suffix != SUFFIX for path in left):
            return  # and copies stay as long as there is a file
        for path in left:
            path.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def _tell(folder: Path, error: OSError) -> None:
    logger.warning("a folder of a listener cannot be swept", folder=folder.name, error=repr(error))


def _is_settled(path: Path) -> bool:
    """Say whether a whole file is old, or of a time to come: then the clock was put back."""
    try:
        return abs(time.time() - path.stat().st_mtime) > _SETTLED_S
    except FileNotFoundError:
        return False


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
    if _is_torn(path):
        return Arrived(path, origin_of(path), checksum(path), None, TORN)
    try:
        header = read_header(path)
        problem, sha256 = "", header.sha256
    except NotStorableError as error:
        header, problem, sha256 = None, str(error), checksum(path)
    return Arrived(path, origin_of(path), sha256, header, problem)


def _is_torn(path: Path) -> bool:
    """Say whether a file holds something else than its name says."""
    said = promised(path)
    if said is None:
        return False
    size, sha256 = said
    try:
        found = content_of(path)
    except NotStorableError:
        return True
    return found[0] != size or sha256 not in {"", found[1]}


def origin_of(path: Path) -> Origin:
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
