"""Folders for files that are being made: below the data folder, and gone with their process.

Images of patients lie in them while they are converted, so they are not left to the machine's
temporary folder. Each process has a folder of its own and holds a lock on the file beside it. The
system lets go of the lock however the process ends: a folder whose lock can be had is nobody's,
and the next start clears it. More than one process may work with the same data.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from exam_manager.results.places import Places
from scanhub_libraries.ids import new_id
from scanhub_libraries.threads import to_the_end

_LOCK = ".lock"
_COPY_AT_ONCE = 2
_MOST_WAITING = 8


class Scratch:
    """The folder of this process, made when it is first needed. Its methods take a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own: tuple[Path, int] | None = None
        self._making = threading.Lock()
        self.copying = Places(_COPY_AT_ONCE, _MOST_WAITING)
        """For whoever writes copies of many files: each takes a thread for long."""

    def clear(self) -> int:
        """Remove the folders of processes that are gone; return how many there were."""
        names = {path.stem for path in self.root.glob("*")} if self.root.is_dir() else set()
        return sum(self._clear(self.root / name) for name in sorted(names))

    def _clear(self, folder: Path) -> bool:
        lock = _take(folder)
        if lock is None:
            return False
        _remove(folder, lock)
        return True

    def home(self) -> Path:
        """Return the folder of this process."""
        with self._making:
            if self._own is None:
                self._own = self._make()
            return self._own[0]

    def _make(self) -> tuple[Path, int]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            folder = self.root / str(new_id())
            lock = _take(folder)
            if lock is not None:  # else another process took the new file for one of the dead
                folder.mkdir(mode=0o700)
                return folder, lock

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """Make a folder that is gone when the context is left, whatever happens."""
        home = await to_the_end(self.home)
        path = home / str(new_id())
        try:
            await to_the_end(path.mkdir)
            yield path
        finally:
            await to_the_end(_remove_tree, path)

    def close(self) -> None:
        """Remove the folder of this process."""
        with self._making:
            own, self._own = self._own, None
        if own is not None:
            _remove(*own)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _take(folder: Path) -> int | None:
    """Return a descriptor that holds the lock of a folder; None: another process has it."""
    path = _lock_of(folder)
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    with suppress(OSError):  # it is held, or this file system has no locks, or it was removed
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == path.stat().st_ino:
            return lock
    os.close(lock)
    return None


def _remove(folder: Path, lock: int) -> None:
    """Remove a folder, and its lock at the end: whoever breaks off leaves both."""
    _remove_tree(folder)
    with suppress(OSError):
        _lock_of(folder).unlink()
    os.close(lock)


def _remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
