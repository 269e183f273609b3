"""Folders in which uploads arrive. Each has a lock that lives as long as its request. Blocking."""

import fcntl
import os
from pathlib import Path

_LOCK = "lock"


def open_folder(folder: Path) -> int:
    """Make a folder and lock it; returns the lock."""
    folder.mkdir(parents=True)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def is_in_use(folder: Path) -> bool:
    """Say whether a request, here or in another process, holds the lock of a folder."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
