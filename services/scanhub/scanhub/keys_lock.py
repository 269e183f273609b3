"""The folder of keys while it is copied or changed: one of the two at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def keys_held(folder: Path, *, to_change: bool = False) -> Iterator[None]:
    """Hold the keys; whoever changes them waits for who copies them, and the other way round.

    The folder itself is locked, not a file in it: who copies keys may have nothing to write there.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX if to_change else fcntl.LOCK_SH)
        yield
    finally:
        os.close(held)
