"""The disk of the images: how much room there is."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Room:
    """A disk [byte]."""

    total: int
    free: int


def look(folder: Path) -> Room:
    """Look at the disk of a folder, which may not exist yet. Blocking."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return Room(usage.total, usage.free)
