"""Files that are not in the index: kept aside with a reason, or left behind half written. Blocking.

A file that nobody can explain is never removed: a restored database costs no image.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PART = ".part"
QUARANTINE, CONFLICTS, PARTS = "quarantine", "conflicts", "parts"


@dataclass(slots=True)
class Files:
    """Some files [byte]."""

    count: int = 0
    size: int = 0


def find(folder: Path, older_than: float) -> Iterator[tuple[Path, int]]:
    """Yield the files of a folder that were last written before a time [s since 1970]."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False) and status.st_mtime < older_than:
                    yield Path(entry.path), status.st_size


def count(folder: Path, older_than: float) -> Files:
    """Say how much of a folder is older; the notes beside the files are not counted."""
    found = Files()
    for path, size in find(folder, older_than):
        if path.suffix == ".dcm":
            found.count += 1
            found.size += size
    return found


def remove(folder: Path, older_than: float) -> Files:
    """Remove what is older, with the notes beside it; say how much that was."""
    removed = Files()
    for path, size in find(folder, older_than):
        path.unlink(missing_ok=True)
        if path.suffix == ".dcm":
            removed.count += 1
            removed.size += size
    return removed


def remove_parts(images: Path, older_than: float) -> Files:
    """Remove half files among the images: their writers were killed, and nobody was answered.

    They count from when they appeared: one that is a link has the times of its source.
    """
    removed = Files()
    for folder, names, files in os.walk(images):
        if folder == str(images):
            names[:] = [name for name in names if name != "incoming"]  # swept by its owners
        for name in files:
            if not (name.startswith(".") and name.endswith(PART)):
                continue
            path = Path(folder) / name
            with suppress(FileNotFoundError):
                status = path.stat()
                if status.st_ctime < older_than:
                    path.unlink()
                    removed.count += 1
                    removed.size += status.st_size
    return removed
