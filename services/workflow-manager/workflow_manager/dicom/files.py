"""Bytes to disk: whole and synced, or not there. Blocking: called in threads."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.writeback import sync_file_system

_WORTH_ALL = 8
"""From how many files on all that is written is synced, in one go: one flush of the disk."""


def write_part(source: Path | bytes, target: Path) -> Path:
    """Put the bytes beside their target, synced. A file of the same disk is linked, not copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:100]}.{new_id().hex}.part")
    if isinstance(source, Path):
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
    else:
        with part.open("xb") as file:
            file.write(source)
            file.flush()
            os.fsync(file.fileno())
    return part


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(part: Path, target: Path) -> None:
    """Rename, and make the rename survive a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True)  # set aside: in another folder than the part
    part.rename(target)
    sync_directory(target.parent)


def write_whole(data: Path | bytes, target: Path, reason: str | None = None) -> None:
    """Write a file under a name that says its content, with a note beside it."""
    put_in_place(write_part(data, target), target)
    if reason is not None:
        note = json.dumps({"reason": reason}).encode()
        note_path = target.with_suffix(".json")
        put_in_place(write_part(note, note_path), note_path)


def link_in_place(source: str, target: str) -> None:
    """Give a file its place; it keeps the name it had. What lies there unindexed is replaced."""
    try:
        _link(source, target)
    except OSError:  # another lies there, or it is a file system without links
        write_part(Path(source), Path(target)).rename(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:  # the first one of its series
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)


def sync_files(paths: Sequence[str]) -> None:
    """Make the data of files of one disk survive a power cut."""
    if len(paths) >= _WORTH_ALL and sync_file_system(os.path.dirname(paths[0])):  # noqa: PTH120
        return
    for path in paths:
        with suppress(FileNotFoundError):  # somebody else has put it away
            _sync(path)


def _sync(path: str) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(file)
    finally:
        os.close(file)


def sync_folders(folders: Iterable[Path]) -> None:
    """Make new entries of folders survive a power cut."""
    for folder in folders:
        sync_directory(folder)


def remove_all(paths: Iterable[str]) -> None:
    """Remove names of files that have another one."""
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - a Path takes as long as the call
