"""Files in memory are copied to segments by a thread of its own: one flush for all who wait.

What comes while the disk is busy goes together the next time, of whichever request it is. Whoever
brings a file has the time of the flush to write the file itself and to read its header.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import NamedTuple

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.pages import Page
from workflow_manager.dicom.redo import Redo
from workflow_manager.dicom.segments import Segment, room_of, write_all

logger = get_logger(__name__)
_MOST_AT_ONCE = 64


class Promise:
    """That a file has a copy on the disk, or has none. Whoever gets it waits for it, once."""

    def __init__(self, redo: Redo, page: Page, name: str) -> None:
        self.page = page.hold()
        self.name = name
        self._redo = redo
        self._segment: Segment | None = None
        self._is_kept = False
        self._known = threading.Event()

    def settle(self, segment: Segment | None = None, *, kept: bool) -> None:
        """Say what became of it, once; nobody writes from its memory any more.

        Args:
            segment: Where a place was kept for it.
            kept: Whether the copy is on the disk.
        """
        if self._known.is_set():
            return
        self._segment, self._is_kept = segment, kept
        self.page.let_go()
        self._known.set()

    def wait(self) -> bool:
        """Return whether a copy is on the disk; else the file itself is to be synced.

        From now on the copy stays as long as there is a file of its name: that has to be there.
        """
        self._known.wait()
        if self._segment is not None:
            self._redo.settle(self._segment, self.name if self._is_kept else "")
            self._segment = None
        return self._is_kept


class _Placed(NamedTuple):
    """A copy that has a place in a segment."""

    promise: Promise
    segment: Segment
    place: int

    @property
    def room(self) -> int:
        """Bytes that it takes there."""
        return room_of(self.promise.page.size)

    @property
    def memory(self) -> memoryview:
        """What is written."""
        return memoryview(self.promise.page.memory)[: self.room]


class Copying:
    """Writes copies to segments."""

    def __init__(self, redo: Redo) -> None:
        """Begin; the thread begins with the first file."""
        self._redo = redo
        self._coming: SimpleQueue[Promise | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def copy(self, page: Page, name: str) -> Promise:
        """Have a file copied, soon.

        Args:
            page: Its bytes; they stay as they are until it is copied.
            name: That it is received under.

        Returns:
            What to wait for, in any case, once the file has its name.
        """
        promise = Promise(self._redo, page, name)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dicom-copies", daemon=True)
                self._thread.start()
        self._coming.put(promise)
        return promise

    def close(self) -> None:
        """End the thread and its segments; nothing is brought any more."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._coming.put(None)
            thread.join()
        self._redo.close()

    def _run(self) -> None:
        while True:
            promises = self._all_that_wait()
            some = [promise for promise in promises if promise is not None]
            try:
                self._write(some)
            except Exception:  # whatever it is: who waits syncs the files
                logger.exception("received files were not copied")
                for promise in some:
                    promise.settle(kept=False)
            if None in promises:
                return

    def _all_that_wait(self) -> list[Promise | None]:
        found = [self._coming.get()]
        while len(found) < _MOST_AT_ONCE and found[-1] is not None:
            try:
                found.append(self._coming.get_nowait())
            except Empty:
                break
        return found

    def _write(self, promises: Sequence[Promise]) -> None:
        placed: list[_Placed] = []
        places = self._redo.reserve([promise.page.size for promise in promises])
        for promise, place in zip(promises, places, strict=True):
            if place is None:
                promise.settle(kept=False)
            else:
                placed.append(_Placed(promise, *place))
        for segment, some in groupby(placed, key=lambda one: one.segment):
            self._write_to(segment, list(some))

    def _write_to(self, segment: Segment, placed: Sequence[_Placed]) -> None:
        """Write copies to their places in a segment, and sync them with the last one."""
        kept = True
        try:
            for one in placed:
                segment.seal(one.memory, one.promise.name, one.promise.page.size)
            file = segment.open()
            try:
                runs = list(_runs(placed))
                for run in runs:
                    memories = [one.memory for one in run]
                    write_all(file, memories, run[0].place, synced=len(runs) == 1)
                if len(runs) > 1:
                    os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as error:
            logger.warning("received files were not copied", error=repr(error))
            kept = False
        for one in placed:
            one.promise.settle(segment, kept=kept)


def _runs(placed: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Yield copies that lie side by side; somebody else may have a place between them."""
    run: list[_Placed] = []
    for one in placed:
        if run and run[-1].place + run[-1].room != one.place:
            yield run
            run = []
        run.append(one)
    if run:
        yield run
