"""What a listener received, once more: a copy that is synced in the place of the file.

Syncs of several associations become one in the kernel. The file itself is synced later, with many
others, before it loses the name that it was received under (`put_away`). Until then a power cut
may take it, and `restoring` brings it back from the copy.
"""

import os
import shutil
import threading
import time
from collections.abc import Sequence
from mmap import mmap
from pathlib import Path

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.segments import BLOCK_BYTES, SEGMENT_BYTES, SUFFIX, Segment, room_of

logger = get_logger(__name__)
LARGEST_BYTES = SEGMENT_BYTES // 4
"""Of a file that is copied; the sync of a larger one is short beside its writing."""
_MOST = 16
"""Segments: what comes within a second or two, which is how long it is needed."""
_AHEAD = 5
"""How many are there before they are needed, once images come that fill them: to make one takes the
disk from whoever waits for a sync."""
_FREE_BYTES = 2**30
"""With less room on the disk there are no more segments: it is for images."""
_USUAL_BYTES, _MOST_KEPT_BYTES = 2**18, 2**20
"""Of memory for an image, and of what a thread keeps of it."""
_PAUSE_S = 0.05
_NEXT_TRY_S = 60.0


class Redo:
    """The segments of one listener. Any thread may write; a thread of its own makes room."""

    def __init__(self, folder: Path) -> None:
        """Take the folder where files are received; nothing is made before the first one."""
        self._folder = folder
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._current: Segment | None = None
        self._some, self._closing = threading.Event(), threading.Event()
        self._keeper: threading.Thread | None = None
        self._next_try = 0.0

    def copy(self, file: int, size: int) -> "Copy | None":
        """Copy a whole file to memory, for the disk.

        Args:
            file: Its descriptor, for reading.
            size: Its size [byte].

        Returns:
            The copy, to sync and to close. None: there is none, and the file itself is to be
            synced.
        """
        if size > LARGEST_BYTES:
            return None
        with self._lock:
            reserved = self._reserve(size)
        if reserved is None:
            return None
        segment, place = reserved
        copy = Copy(self, segment, place, size)
        try:
            copy.read(file)
        except OSError as error:
            logger.warning("a received file was not copied", error=repr(error))
            copy.close()
            return None
        return copy

    def reserve(self, sizes: Sequence[int]) -> list[tuple[Segment, int] | None]:
        """Return where copies go, side by side as far as may be; each is settled afterwards.

        Args:
            sizes: Of whole files [byte].

        Returns:
            Segment and place [byte]; None: there is none, and the file itself is to be synced.
        """
        with self._lock:
            return [None if size > LARGEST_BYTES else self._reserve(size) for size in sizes]

    def settle(self, segment: Segment, name: str = "") -> None:
        """Take note that a copy has its record under a name, or none."""
        with self._lock:
            segment.settled(name)

    def _reserve(self, size: int) -> tuple[Segment, int] | None:
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name="dicom-redo", daemon=True)
            self._keeper.start()
        self._some.set()
        following = (one for one in self._segments if not one.is_begun)
        for segment in (self._current, next(following, None)):
            offset = None if segment is None else segment.reserve(size)
            if segment is not None and offset is not None:
                self._current = segment
                return segment, offset
        self._current = None
        return None

    def close(self) -> None:
        """End the thread and remove what nobody needs; nothing is written any more."""
        self._closing.set()
        self._some.set()
        if self._keeper is not None:
            self._keeper.join()
        with self._lock:
            segments, self._segments, self._current = self._segments, [], None
        for segment in segments:
            if not segment.is_needed:
                segment.path.unlink()

    def _keep(self) -> None:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            self._add(path)  # of a listener that was here before
        while not self._closing.is_set():
            self._some.wait()
            self._some.clear()
            while self._look():
                self._closing.wait(_PAUSE_S)

    def _look(self) -> bool:
        """Begin anew what nobody needs, make what is missing; False: until something comes."""
        with self._lock:
            current = self._current
            if current is not None:
                _begin_anew(current)
            # Nothing is reserved in these any more before they are begun anew.
            full = [one for one in self._segments if one is not current and one.is_begun]
        for segment in full:
            _begin_anew(segment)
        if self._is_short() and time.monotonic() > self._next_try:
            self._add(self._folder / f"{len(self._segments) + 1}{SUFFIX}")
        return not self._closing.is_set() and any(one.is_begun for one in self._segments)

    def _is_short(self) -> bool:
        with self._lock:
            current, count = self._current, len(self._segments)
            ahead = sum(not one.is_begun for one in self._segments if one is not current)
        if current is None:
            return count < _MOST and ahead == 0
        return count < _MOST and ahead < _AHEAD and current.has_much

    def _add(self, path: Path) -> None:
        """Make a segment, or take one over."""
        if not path.exists() and shutil.disk_usage(self._folder).free < _FREE_BYTES:
            self._next_try = time.monotonic() + _NEXT_TRY_S
            return
        try:
            segment = Segment(path)
        except OSError as error:
            logger.warning("there is no copy of what is received", error=repr(error))
            self._next_try = time.monotonic() + _NEXT_TRY_S
            return
        with self._lock:
            self._segments.append(segment)


class Copy:
    """A copy on its way to a segment, which keeps room for it until it is closed."""

    def __init__(self, redo: Redo, segment: Segment, place: int, size: int) -> None:
        self._redo = redo
        self._segment = segment
        self._place, self._size = place, size
        self._memory = _take_memory(room_of(size))
        self._is_settled = False

    @property
    def data(self) -> memoryview:
        """The file, until the copy is closed."""
        return memoryview(self._memory)[BLOCK_BYTES : BLOCK_BYTES + self._size]

    def read(self, file: int) -> None:
        """Read the file.

        Raises:
            OSError: It cannot be read, or is shorter.
        """
        left = self.data
        while left:
            done = os.preadv(file, [left], self._size - len(left))
            if not done:
                raise OSError("A received file is shorter than it was.")
            left = left[done:]

    def sync(self, place: str) -> None:
        """Write it, synced, and under which path the file lies.

        Raises:
            OSError: It is not on the disk.
        """
        name = place.rpartition("/")[2]
        memory = memoryview(self._memory)[: room_of(self._size)]
        self._segment.write(self._place, memory, name, self._size)
        self._is_settled = True
        self._redo.settle(self._segment, name)

    def close(self) -> None:
        """Be done with it, synced or not."""
        if not self._is_settled:
            self._redo.settle(self._segment)
        _give_memory_back(self._memory)


_IN_THREAD = threading.local()


def _take_memory(size: int) -> mmap:
    """Return memory that begins with a page; a thread keeps some for its next image."""
    kept: mmap | None = getattr(_IN_THREAD, "memory", None)
    if kept is None or len(kept) < size:
        return mmap(-1, max(size, _USUAL_BYTES))
    _IN_THREAD.memory = None
    return kept


def _give_memory_back(memory: mmap) -> None:
    if len(memory) <= _MOST_KEPT_BYTES:
        _IN_THREAD.memory = memory


def _begin_anew(segment: Segment) -> None:
    if not segment.is_begun or segment.is_needed:
        return
    try:
        segment.begin_anew()
    except OSError as error:
        logger.warning("a segment is not used any more", error=repr(error))
