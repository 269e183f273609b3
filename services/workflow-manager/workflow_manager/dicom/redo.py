"""What a listener received, once more: a copy that is synced in the place of the file.

Syncs of several associations become one in the kernel. The file itself is synced later, with many
others, before it loses the name that it was received under (`put_away`). Until then a power cut
may take it, and `restoring` brings it back from the copy.
"""

import os
import shutil
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scanhub_libraries.background_write import BackgroundWriter
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
_KEPT_BYTES, _MOST_ROOMS = 2**20, 64
"""Of memory for an image, and how many of those are kept for the next ones."""
USUAL_BYTES = _KEPT_BYTES - BLOCK_BYTES
"""Of a file that fits in memory that is kept."""
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
        self._rooms: list[Room] = []

    def room(self, size: int = USUAL_BYTES) -> "Room":
        """Return memory for a copy of a file of at most a size, to be given back [byte]."""
        if room_of(size) <= _KEPT_BYTES:
            with suppress(IndexError):
                return self._rooms.pop()
        return Room(max(room_of(size), _KEPT_BYTES))

    def give_back(self, room: "Room") -> None:
        """Take memory back; a write that nobody waited for is waited for."""
        with suppress(OSError):  # whoever wanted to know has been told
            room.writer.wait()
        if len(room.writer.memory) == _KEPT_BYTES and len(self._rooms) < _MOST_ROOMS:
            self._rooms.append(room)

    def copy_of(self, room: "Room", size: int) -> "Copy | None":
        """Reserve room in a segment for a file that is in memory.

        Returns:
            The copy, to be closed in the place of the memory. None: there is none, and the file
            itself is to be synced.
        """
        if size > LARGEST_BYTES:
            return None
        with self._lock:
            reserved = self._reserve(size)
        return None if reserved is None else Copy(self, room, reserved, size)

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
        room = self.room(size)
        copy = self.copy_of(room, size)
        if copy is None:
            self.give_back(room)
            return None
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
        self._rooms.clear()
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


class Room:
    """Memory for a copy on its way to a segment, for one at a time; the file is put in it first."""

    def __init__(self, size: int) -> None:
        self.writer = BackgroundWriter(size)
        self._segment: Segment | None = None
        self._close: weakref.finalize[[int], Room] | None = None

    def file(self, size: int) -> memoryview:
        """Return where a file of a size is, or goes."""
        return memoryview(self.writer.memory)[BLOCK_BYTES : BLOCK_BYTES + size]

    def whole(self, size: int) -> memoryview:
        """Return all that is written of a copy of a file of a size."""
        return memoryview(self.writer.memory)[: room_of(size)]

    def begin(self, segment: Segment, place: int, size: int) -> None:
        """Begin to write to a segment; `writer.wait` follows."""
        if self._segment is not segment:
            self.forget()
            file = segment.open()
            self._file, self._segment = file, segment
            self._close = weakref.finalize(self, os.close, file)
        self.writer.begin(self._file, room_of(size), place)

    def forget(self) -> None:
        """Close the segment that was written to last."""
        if self._close is not None:
            self._close()
        self._segment = self._close = None


class Copy:
    """A copy on its way to a segment, which keeps room for it until it is closed."""

    def __init__(self, redo: Redo, room: "Room", reserved: tuple[Segment, int], size: int) -> None:
        self._redo, self._room = redo, room
        self._segment, self._place = reserved
        self._size = size
        self._name = ""
        self._problem: OSError | None = None
        self._is_settled = False

    def read(self, file: int) -> None:
        """Read the file into the room.

        Raises:
            OSError: It cannot be read, or is shorter.
        """
        left = self._room.file(self._size)
        while left:
            done = os.preadv(file, [left], self._size - len(left))
            if not done:
                raise OSError("A received file is shorter than it was.")
            left = left[done:]

    def begin(self, place: str) -> None:
        """Begin to write it; `wait` follows, and says whether it could be.

        Args:
            place: Under which path the file lies or will lie.
        """
        self._name = place.rpartition("/")[2]
        try:
            self._segment.seal(self._room.whole(self._size), self._name, self._size)
            self._room.begin(self._segment, self._place, self._size)
        except OSError as error:
            self._problem = error

    def wait(self) -> None:
        """Wait until it is on the disk.

        Raises:
            OSError: It is not.
        """
        if self._problem is not None:
            raise self._problem
        self._room.writer.wait()
        self._is_settled = True
        self._redo.settle(self._segment, self._name)

    def close(self) -> None:
        """Be done with it, synced or not; the room goes back."""
        self._redo.give_back(self._room)
        if not self._is_settled:
            self._redo.settle(self._segment)


def _begin_anew(segment: Segment) -> None:
    if not segment.is_begun or segment.is_needed:
        return
    try:
        segment.begin_anew()
    except OSError as error:
        logger.warning("a segment is not used any more", error=repr(error))
