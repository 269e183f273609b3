"""The files of the lake on their way into a backup.

A file is known by its path, size and time of change: what an earlier backup has under these is not
read again. What is new is copied beside its place, synced with many others in one go, then named by
its SHA-256; so a name that is there stands for a whole file, also after a power cut.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from scanhub.backup.place import Place
from scanhub_libraries.bucket_copies import COPIES_FOLDER
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.writeback import sync_file_system

_BLOCK: Final = 4 << 20
_MOST_FILES, _MOST_BYTES = 2_000, 1 << 30
"""So many files are synced in one go, or so much of them [byte]."""
_INCOMING = ("dicom", "incoming")
_WHOLE = ".dcm"
_UPLOADS = "uploads"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the lake, as it is in a backup."""

    path: str
    size: int
    """[byte]"""
    modified_ns: int
    sha256: str


Entries = Mapping[str, Entry]


class Objects:
    """Takes files into the folder of a place.

    Args:
        place: Where they are kept.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._coming = place.objects / f".coming-{new_id().hex}"
        self._waiting: dict[str, Path] = {}
        self._bytes = 0
        self.new_files = 0
        self.new_bytes = 0

    def __enter__(self) -> Self:
        """Make a folder for what comes."""
        self._coming.mkdir(mode=0o700)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop what came and has no name yet."""
        shutil.rmtree(self._coming, ignore_errors=True)

    def has(self, entry: Entry) -> bool:
        """Say whether the content of a file is there."""
        if entry.sha256 in self._waiting:
            return True
        try:
            return self._place.object_path(entry.sha256).stat().st_size == entry.size
        except FileNotFoundError:
            return False

    def take(self, root: Path, path: str) -> Entry | None:
        """Copy a file as it is now; None: it has gone, or is no file.

        A file that grows is taken up to where it was read: what is appended later is no part of it.
        """
        part = self._coming / str(len(self._waiting))
        try:
            with (root / path).open("rb", buffering=0) as source, part.open("xb") as target:
                modified = os.fstat(source.fileno()).st_mtime_ns
                sha256, size = hashlib.sha256(), 0
                while block := source.read(_BLOCK):
                    sha256.update(block)
                    target.write(block)
                    size += len(block)
        except (FileNotFoundError, IsADirectoryError):
            part.unlink(missing_ok=True)
            return None
        entry = Entry(path, size, modified, sha256.hexdigest())
        if self.has(entry):
            part.unlink()
        else:
            self._waiting[entry.sha256] = part
            self._bytes += size
            self.new_files += 1
            self.new_bytes += size
            if len(self._waiting) >= _MOST_FILES or self._bytes >= _MOST_BYTES:
                self.settle()
        return entry

    def settle(self) -> None:
        """Sync what came, then give it its names."""
        if not self._waiting:
            return
        if not sync_file_system(str(self._coming)):
            for part in self._waiting.values():
                with part.open("rb") as file:
                    os.fsync(file.fileno())
        folders = set()
        for sha256, part in self._waiting.items():
            target = self._place.object_path(sha256)
            target.parent.mkdir(exist_ok=True, mode=0o700)
            part.rename(target)
            folders.add(target.parent)
        for folder in (*folders, self._place.objects):
            sync_directory(folder)
        self._waiting.clear()
        self._bytes = 0


def copy_lake(root: Path, objects: Objects, known: Entries) -> dict[str, Entry]:
    """Copy what the lake has and no backup has yet.

    Args:
        root: The lake.
        objects: Where it is copied to.
        known: What was copied before, by path.

    Returns:
        All files that the lake has now, by path.
    """
    found = {}
    for path, status in _walk(root):
        entry = known.get(path)
        unchanged = entry is not None and (entry.size, entry.modified_ns) == (
            status.st_size,
            status.st_mtime_ns,
        )
        if not (unchanged and entry is not None and objects.has(entry)):
            entry = objects.take(root, path)
        if entry is not None:
            found[path] = entry
    objects.settle()
    return found


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files that a restored lake needs, with their status."""
    for where, folders, files in os.walk(root):
        folders.sort()
        parts = Path(where).relative_to(root).parts
        for name in sorted(files):
            if not is_needed((*parts, name)):
                continue
            try:
                status = (Path(where) / name).lstat()
            except FileNotFoundError:
                continue
            if os.path.isfile(os.path.join(where, name)):  # noqa: PTH113, PTH118 - for each of many
                yield "/".join((*parts, name)), status


def is_needed(parts: tuple[str, ...]) -> bool:
    """Say whether a restored lake needs a file.

    Not what is being written, as it is nothing yet; but uploads that go on later, which have that
    ending, and whole images that wait for the index. Not copies of what is in a bucket.
    """
    if parts[0] == COPIES_FOLDER:
        return False
    if parts[:2] == _INCOMING:
        return parts[-1].endswith(_WHOLE)
    return parts[0] == _UPLOADS or not parts[-1].endswith(".part")
