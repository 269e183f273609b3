"""The folder of keys while it is copied or changed: one of the two at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".lock"


@contextmanager
def keys_held(folder: Path, *, to_change: bool = False) -> Iterator[None]:
    """Hold the keys; whoever changes them waits for who copies them, and the other way round."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if to_change else fcntl.LOCK_SH)
        yield
