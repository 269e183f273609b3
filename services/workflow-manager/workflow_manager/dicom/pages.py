"""Memory that begins with a page, used again: writes past the kernel's cache need it so.

Fresh memory is cleared by the kernel page by page, which takes as long as hashing what goes there.
"""

import threading
from mmap import mmap

from workflow_manager.dicom.segments import BLOCK_BYTES, SEGMENT_BYTES

_SIZES = (2**18, 2**20, SEGMENT_BYTES // 4 + BLOCK_BYTES)
_MOST_KEPT_BYTES = 16 * 2**20
"""Of all that nobody has."""


class Pages:
    """Memory of which some is kept when it is given back. Any thread may come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, list[mmap]] = {size: [] for size in _SIZES}
        self._kept_bytes = 0

    def take(self, size: int) -> mmap:
        """Return memory of at least this size; what is in it is anything [byte]."""
        enough = next((each for each in _SIZES if each >= size), size)
        with self._lock:
            kept = self._kept.get(enough)
            if kept:
                self._kept_bytes -= enough
                return kept.pop()
        return mmap(-1, enough)

    def give_back(self, memory: mmap) -> None:
        """Take memory that nobody looks at any more."""
        size = len(memory)
        with self._lock:
            kept = self._kept.get(size)
            if kept is not None and self._kept_bytes + size <= _MOST_KEPT_BYTES:
                self._kept_bytes += size
                kept.append(memory)


class Page:
    """A file in memory, as a segment keeps it: room for a record, then its bytes.

    Whoever looks at it holds it; the last one that lets it go gives the memory back.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._lock = threading.Lock()
        self._holders = 1
        self.memory = pages.take(0)
        self.size = 0
        """Bytes of the file."""

    def add(self, data: memoryview) -> None:
        """Take bytes more; they are `LARGEST_BYTES` together at most."""
        begin = BLOCK_BYTES + self.size
        end = begin + len(data)
        if end + BLOCK_BYTES > len(self.memory):  # a segment has whole blocks
            larger = self._pages.take(max(end + BLOCK_BYTES, len(self.memory) + 1))
            larger[:begin] = memoryview(self.memory)[:begin]
            self._pages.give_back(self.memory)
            self.memory = larger
        self.memory[begin:end] = data
        self.size += len(data)

    @property
    def data(self) -> memoryview:
        """The file, as long as somebody holds it."""
        return memoryview(self.memory)[BLOCK_BYTES : BLOCK_BYTES + self.size]

    def hold(self) -> "Page":
        """Hold it once more."""
        with self._lock:
            self._holders += 1
        return self

    def let_go(self) -> None:
        """Look at it no more."""
        with self._lock:
            self._holders -= 1
            is_free = self._holders == 0
        if is_free:
            self._pages.give_back(self.memory)
