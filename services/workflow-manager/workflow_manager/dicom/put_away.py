"""Received files lose the name that they were received under once the index has them for good.

Until then it is what a power cut leaves to be indexed again. Waiting until a series has come lets
one sync serve many files, and leaves the disk to who waits for it.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom import files
from workflow_manager.dicom.incoming import promised

logger = get_logger(__name__)
_PAUSE_S, _LONGEST_S = 0.2, 2.0
"""Files are put away when none came for a moment, or the first one has waited this long."""
_MOST_BYTES = 2**27
"""Or when as much waits: there is twice the room for copies of it (`redo`)."""
_RELIEF_IMAGES = 100
"""Of SQLite's log of writes that makes some 2 MiB."""


class PutAway:
    """Removes names in a thread of its own, many at a time."""

    def __init__(
        self, *, syncs: bool, sync_index: Callable[[], None], relieve_index: Callable[[], None]
    ) -> None:
        """Make it; the thread begins with the first file.

        Args:
            syncs: Whether files, folders and index are synced before names are removed.
            sync_index: Syncs the index.
            relieve_index: Does for the index what nobody shall wait for who commits.
        """
        self._syncs = syncs
        self._sync_index = sync_index
        self._relieve_index = relieve_index
        self._since_relief = 0
        self._lock, self._removing = threading.Lock(), threading.Lock()
        self._paths: list[str] = []
        self._bytes = 0
        self._folders: set[Path] = set()
        self._some, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.under_way: set[str] = set()
        """Files that somebody brought and that have not been put away."""

    def add(self, paths: Iterable[str], folders: Iterable[Path]) -> None:
        """Take files that the index has committed, and the folders where they have their places."""
        names = list(paths)
        size = sum(map(_size_of, names))
        with self._lock:
            self._paths += names
            self._bytes += size
            self._folders |= set(folders)
            if self._thread is None:
                self._closing.clear()
                self._thread = threading.Thread(target=self._run, name="put-away", daemon=True)
                self._thread.start()
        self._some.set()

    def close(self) -> None:
        """Put away what is left, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._closing.set()
            self._some.set()
            thread.join()

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            ending = self._wait_for_quiet()
            self.flush()
            if ending:
                return

    def _wait_for_quiet(self) -> bool:
        """Wait until it is time to put away; say whether it is the last time."""
        until = time.monotonic() + _LONGEST_S
        while not self._closing.wait(_PAUSE_S):
            if self._bytes >= _MOST_BYTES or not self._some.is_set() or time.monotonic() >= until:
                return False
            self._some.clear()
        return True

    def flush(self) -> None:
        """Put away what there is, now; blocking."""
        with self._removing:
            with self._lock:
                paths, self._paths, self._bytes = self._paths, [], 0
                folders, self._folders = self._folders, set()
            try:
                self._remove(paths, folders)
            except (
                OSError,
                sqlite3.Error,
            ) as error:  # they stay, and the sweep of what is left over takes them
                logger.warning("received files keep their names", error=repr(error))
            self.under_way.difference_update(paths)

    def _remove(self, paths: list[str], folders: set[Path]) -> None:
        if not paths:
            return
        if self._syncs:
            files.sync_files(paths)
            # Of a study, of a series, and of the images in it.
            files.sync_folders({each for one in folders for each in (one, *one.parents[:2])})
            self._sync_index()
        files.remove_all(paths)
        self._since_relief += len(paths)
        if self._since_relief >= _RELIEF_IMAGES:
            self._since_relief = 0
            self._relieve_index()


def _size_of(place: str) -> int:
    """Return what the name of a file says; 0: nothing [byte]."""
    said = promised(place)
    return 0 if said is None else said[0]
