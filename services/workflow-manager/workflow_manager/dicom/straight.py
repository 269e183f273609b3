"""A listener puts usual images into the index itself: nobody has to wake up for it.

On SQLite, where an installation has the index committed before the answer. What is not usual goes
to the service, which is told of the others at its leisure.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanhub_libraries.logging import get_logger
from scanhub_libraries.thread_writer import ThreadWriter
from scanhub_libraries.turns import Turns
from workflow_manager.dicom import files
from workflow_manager.dicom.image import Image
from workflow_manager.dicom.quick_index import Statements, enter_usual
from workflow_manager.dicom.rules import instance_key

logger = get_logger(__name__)
_BUSY_S = 2.0
"""How long the service may hold the database [s]; an image that waited longer is handed over."""
_MOST_KNOWN = 10_000


@dataclass(slots=True)
class _Entry:
    """An image that shall enter, and whether it has."""

    path: str
    image: Image
    sync: Callable[[], None]
    is_done: bool = False
    has_entered: bool = False
    problem: OSError | None = None
    """Why the file is not safe."""

    def wait_for_disk(self) -> None:
        """Wait until the file is synced.

        Raises:
            OSError: It is not.
        """
        try:
            self.sync()
        except OSError as error:
            self.problem = error
            raise


def _nothing() -> None:
    """There is nothing to sync, or it has been."""


class Door:
    """One listener at a time goes to the index; the others sleep until it comes out.

    SQLite would let them look again and again, ever more seldom. Whoever is killed inside is
    outside: the kernel sees to it.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


class StraightIndex:
    """The index, as a listener has it. Any thread may enter images.

    Whoever's turn it is commits for all that wait: one transaction for several associations.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        """Open nothing yet.

        Args:
            told: By the service: `database`, `statements` and `root`, that of the lake; `door`, a
                file that listeners of one index lock in turn, or None if there is but one.
        """
        self._writer = ThreadWriter(Path(told["database"]), Turns(), busy_seconds=_BUSY_S)
        self._statements = Statements(*told["statements"])
        self._root = told["root"]
        door = told.get("door")
        self._door = nullcontext() if door is None else Door(door)
        self._known: dict[tuple[str, str], None] = {}
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._waiting: list[_Entry] = []

    def learn(self, image: Image) -> None:
        """Take note that the index has the series of an image."""
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()  # the next image of each is handed over
        self._known[image[:2]] = None

    def enter(
        self,
        path: str,
        image: Image,
        sync: Callable[[], None] = _nothing,
        *,
        is_alone: bool = False,
    ) -> bool:
        """Put an image into the index and its file in its place; False: the service must.

        Args:
            path: Of its file.
            image: What stands in it.
            sync: Waits until it is synced, once; called before anybody is waited for, so that who
                is in the index does not wait for the disk.
            is_alone: This listener receives nothing else: the rows of the image are written while
                the disk is busy, and committed when it is synced.

        Raises:
            OSError: Of `sync`: the image is not safe, and not in the index.
        """
        if image[:2] not in self._known:
            return False
        if not is_alone:
            sync()
        entry = _Entry(path, image, sync if is_alone else _nothing)
        with self._lock:
            self._waiting.append(entry)
        with self._turn:
            if not entry.is_done:
                self._enter_all_that_wait()
        if entry.problem is not None:
            raise entry.problem
        return entry.has_entered

    def _all_that_wait(self) -> list[_Entry]:
        with self._lock:
            entries, self._waiting = self._waiting, []
        return entries

    def _enter_all_that_wait(self) -> None:
        """Enter those that are usual, all in one transaction; it is this thread's turn."""
        entries: list[_Entry] = []

        def place(entered: Sequence[int]) -> None:
            for entry in entries:
                entry.wait_for_disk()
            for number in entered:
                key = instance_key(*entries[number].image[:3])
                files.link_in_place(entries[number].path, f"{self._root}/{key}")

        found: set[int] = set()
        try:
            with self._door:
                entries = self._all_that_wait()
                with self._writer.transaction() as connection:
                    images = [entry.image for entry in entries]
                    entered = enter_usual(connection, self._statements, images, place)
            found = entered  # they are committed
        except (sqlite3.Error, OSError, TimeoutError) as error:
            logger.warning("received instances go the general way", error=repr(error))
        finally:
            for number, entry in enumerate(entries or self._all_that_wait()):
                entry.has_entered, entry.is_done = number in found, True
