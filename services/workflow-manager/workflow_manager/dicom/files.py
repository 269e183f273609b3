"""Bytes to disk: whole and synced, or not there. Blocking: called in threads."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_unfinished import sync_directory


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


def link_in_place(source: Path, target: Path) -> set[Path]:
    """Give a file its place; it keeps the name it had. What lies there unindexed is replaced.

    Returns:
        The folders whose entries changed.
    """
    changed = {target.parent}
    missing = target.parent
    while not missing.exists():
        changed.add(missing.parent)
        missing = missing.parent
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except FileExistsError:
        write_part(source, target).rename(target)
    except OSError:  # a file system without links
        write_part(source, target).rename(target)
    return changed


def sync_folders(folders: Iterable[Path]) -> None:
    """Make new entries of folders survive a power cut."""
    for folder in folders:
        sync_directory(folder)


def remove_all(paths: Iterable[Path]) -> None:
    """Remove names of files that have another one."""
    for path in paths:
        path.unlink(missing_ok=True)
