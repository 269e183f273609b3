"""What is in folders that others write in: a file may be gone by the time it is looked at."""

import os
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path


def files_below(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Return the files in a folder and in those within it, by a pattern of their names.

    `Path.rglob` fails when a folder goes while it is walked.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            if fnmatch(name, pattern):
                yield Path(place, name)


def sizes_below(folder: Path, pattern: str = "*") -> dict[Path, int]:
    """Return these files and their sizes; one that goes meanwhile is not there [byte]."""
    sizes = {}
    for path in files_below(folder, pattern):
        with suppress(FileNotFoundError):
            sizes[path] = path.stat().st_size
    return sizes


def open_files() -> list[str]:
    """Return what this process has open, also a file that was deleted."""
    targets = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # another thread has closed it
            targets.append(str(link.readlink()))
    return targets
