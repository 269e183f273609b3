"""What a program says, as files: its beginning and its end, however much it says.

Each line begins with the time at which it came. What is between is dropped, and told so. When
nothing more comes the log is one compressed file.
"""

import contextlib
import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

from scanhub_libraries.clock import utc_now

TAIL_BYTES = 65_536
_NOT_WORTH_IT = 4096
"""A file takes as much room on the disk, however small it is [byte]."""
_FLUSH_S = 0.5


def _unheard(_: int) -> None:
    """Nobody wants to know."""


class LogFile:
    """Takes what a program says; one writer.

    Args:
        path: Its file; beside it a second one, `.tail`, has the end where the first is full. Once
            it is closed, `.log.gz` may be there in their place.
        limit: Most that the first file takes [byte].
        grown: Called with where the log ends, whenever something was written; must not wait [byte].
    """

    def __init__(self, path: Path, limit: int, grown: Callable[[int], None] = _unheard) -> None:
        self._path, self._limit, self._grown = path, limit, grown
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self._written = 0
        self._tail = b""
        self._dropped = 0
        self._flushed_at = 0.0
        self._at_line_start = True
        for other in (_packed(path), tail_of(path)):
            other.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Take what came."""
        text = self._stamped(data)
        head = text[: max(0, self._limit - self._written)]
        if head:
            os.write(self._file.fileno(), head)
            self._written += len(head)
        rest = text[len(head) :]
        if rest:
            whole = self._tail + rest
            self._tail = whole[-TAIL_BYTES:]
            self._dropped += len(whole) - len(self._tail)
            if time.monotonic() - self._flushed_at > _FLUSH_S:
                self._flush()
        self._grown(self._written + len(self._tail))

    def _stamped(self, data: bytes) -> bytes:
        stamp = utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z").encode() + b" "
        begins, self._at_line_start = self._at_line_start, data.endswith(b"\n")
        body = data[:-1] if self._at_line_start else data
        return (
            (stamp if begins else b"")
            + body.replace(b"\n", b"\n" + stamp)
            + (b"\n" if self._at_line_start else b"")
        )

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        place = tail_of(self._path)
        part = place.with_suffix(".part")
        dropped = f"\n[... {self._dropped} bytes are not kept ...]\n" if self._dropped else ""
        part.write_bytes(dropped.encode() + self._tail)
        part.rename(place)

    def close(self) -> None:
        """Keep the rest, compressed if that saves room."""
        if self._tail:
            self._flush()
        self._file.close()
        if self._written > _NOT_WORTH_IT:
            _pack(self._path)


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def _pack(path: Path) -> None:
    """Compress a log to which nothing is added; who reads it meanwhile finds one of the two."""
    place = _packed(path)
    part = place.with_name(f"{place.name}.part")
    part.write_bytes(gzip.compress(_plain(path), 6))
    part.rename(place)
    for old in (path, tail_of(path)):
        old.unlink(missing_ok=True)


def tail_of(path: Path) -> Path:
    """Return where the end of a log is, if it did not fit into its file."""
    return path.with_suffix(".tail")


def read_log(path: Path) -> bytes:
    """Return what is kept of a log, also of one that is being written; blocking."""
    found = _unpacked(path)
    if found is None:
        found = _plain(path) or _unpacked(path)  # it may be compressed just now
    return found or b""


def _unpacked(path: Path) -> bytes | None:
    try:
        return gzip.decompress(_packed(path).read_bytes())
    except FileNotFoundError:
        return None


def _plain(path: Path) -> bytes:
    parts = []
    for place in (path, tail_of(path)):
        with contextlib.suppress(FileNotFoundError):
            parts.append(place.read_bytes())
    return b"".join(parts)


def last_lines(path: Path, most: int) -> str:
    """Return the end of a log, whole lines of at most so many bytes; blocking."""
    data = read_end(path, most)
    if len(data) == most:
        data = data[data.find(b"\n") + 1 :] or data
    return data.decode(errors="replace").replace("\x00", "")


def read_end(path: Path, most: int) -> bytes:
    """Return the last bytes of a log; blocking."""
    for place in (tail_of(path), path):
        with contextlib.suppress(FileNotFoundError), place.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            return file.read(most)
    return (_unpacked(path) or b"")[-most:]
