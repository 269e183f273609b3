"""Folders below the root for imports: found by their names, never by a path from outside."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from scanhub_libraries.errors import NotFoundError, UnavailableError

_MOST_SHOWN = 1000


def find_folder(root: Path | None, names: Sequence[str]) -> Path:
    """Return the folder of these names, one below the other; links lead nowhere.

    Raises:
        UnavailableError: No root for imports is configured.
        NotFoundError: There is no such folder.
    """
    if root is None:
        raise UnavailableError(
            "No folder can be imported: set SCANHUB_WORKFLOW_IMPORT_ROOT to where they are."
        )
    folder = root
    for name in names:
        entry = next((entry for entry in _entries(folder) if entry.name == name), None)
        if entry is None or not entry.is_dir(follow_symlinks=False):
            raise NotFoundError("There is no such folder below the root for imports.")
        folder = Path(entry.path)
    return folder


def look_into(folder: Path) -> tuple[list[str], int]:
    """Return the names of the folders in a folder, and how many files are in it."""
    folders, files = [], 0
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        elif entry.is_file(follow_symlinks=False):
            files += 1
    return sorted(folders)[:_MOST_SHOWN], files


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, in the same order each time; links are left out."""
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(where, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise NotFoundError("The folder is not there, or cannot be read.") from error
