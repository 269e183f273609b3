"""Copies of objects on the disk of a process: made when they are needed, removed when it is full.

A copy counts while size and time of change are those of its object. Whatever is below the folder of
the copies may be removed at any time: a program that has a file open reads on.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from scanhub_libraries.bucket import Bucket, BucketFile
from scanhub_libraries.ids import new_id

COPIES_FOLDER: Final = "copies"
_IN_USE_S: Final = 6 * 3600.0
"""What was asked for in this time stays, also when there is more than there should be [s]."""
_UNUSED_S: Final = 7 * 86400.0
_LOOK_AFTER: Final = 16
"""One part in so many of the room is added between two looks."""


@dataclass(frozen=True, slots=True)
class _Copy:
    path: Path
    size_bytes: int
    used_at: float


class Copies:
    """The copies in one folder; several processes may share it. Blocking calls.

    Args:
        folder: Where they lie.
        bucket: Of which they are.
        limit_bytes: How much they may be [byte].
    """

    def __init__(self, folder: Path, bucket: Bucket, limit_bytes: int) -> None:
        self._folder = folder
        self._bucket = bucket
        self._limit = limit_bytes
        self._added = limit_bytes  # the first one lets look
        self._lock = Lock()

    def place(self, key: str) -> Path:
        """Return where the copy of an object lies, or would."""
        return self._folder.joinpath(*key.split("/"))

    def get(self, file: BucketFile) -> Path | None:
        """Return a copy of an object, made now unless there is one; None: it has gone.

        Raises:
            OSError: The bucket does not answer, or the disk is full.
        """
        place = self.place(file.key)
        with suppress(FileNotFoundError):
            status = place.stat()
            if (status.st_size, int(status.st_mtime)) == (file.size_bytes, _seconds(file)):
                os.utime(place, (time.time(), status.st_mtime))
                return place
        self._make_room(file.size_bytes)
        stored = self._bucket.get_file(file.key, place)
        if stored is None:
            return None
        os.utime(place, (time.time(), _seconds(stored)))
        return place

    def adopt(self, path: Path, file: BucketFile) -> None:
        """Make a file that was just stored the copy of its object; it has another name before."""
        place = self.place(file.key)
        try:
            self._make_room(file.size_bytes)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.utime(path, (time.time(), _seconds(file)))
            path.rename(place)
        except OSError:  # it is stored: a copy is only quicker
            path.unlink(missing_ok=True)

    def link(self, path: Path, file: BucketFile) -> None:
        """Do as `adopt` does with a file that keeps its name too."""
        beside = path.with_name(f".{path.name}.{new_id()}.part")
        with suppress(OSError):
            beside.hardlink_to(path)
            self.adopt(beside, file)

    def forget(self, key: str) -> None:
        """Remove a copy, if there is one."""
        self.place(key).unlink(missing_ok=True)

    def _make_room(self, size_bytes: int) -> None:
        """Look now and then how much there is, and remove what was not asked for the longest."""
        with self._lock:
            self._added += size_bytes
            if self._added * _LOOK_AFTER < self._limit:
                return
            self._added = 0
        self.trim(time.time())

    def trim(self, now: float) -> None:
        """Remove what nobody needs, and as much of the rest as is too much.

        Args:
            now: What time it is [s since 1970].
        """
        copies = sorted(self._all(), key=lambda copy: copy.used_at)
        total = sum(copy.size_bytes for copy in copies)
        for copy in copies:
            unused_s = now - copy.used_at
            if unused_s > _UNUSED_S or (total > self._limit and unused_s > _IN_USE_S):
                copy.path.unlink(missing_ok=True)
                total -= copy.size_bytes

    def _all(self) -> Iterator[_Copy]:
        for where, _, names in os.walk(self._folder):
            for name in names:
                path = Path(where, name)
                with suppress(FileNotFoundError):
                    status = path.stat()
                    yield _Copy(path, status.st_size, status.st_atime)


def _seconds(file: BucketFile) -> int:
    return int(file.modified_at.timestamp())
