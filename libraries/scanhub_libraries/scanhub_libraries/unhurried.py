"""Threads for long work that nobody waits for: whatever answers people goes first."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import get_native_id

_NICENESS = 5


def unhurried(name: str) -> ThreadPoolExecutor:
    """Return one thread with a lower priority than the event loop has, where the system knows one.

    Args:
        name: What it does, for whoever lists the threads.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name, initializer=_step_back)


def _step_back() -> None:
    """Let whatever else runs go first: on Linux a thread has a niceness of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
