"""Threads for long work that nobody waits for: whatever answers people goes first."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import get_native_id

_STEPS_BACK = 5
_NICEST = 19


def unhurried(name: str, threads: int = 1) -> ThreadPoolExecutor:
    """Return threads with a lower priority than the event loop has, where the system knows one.

    Args:
        name: What they do, for whoever lists the threads.
        threads: How many there are at most.
    """
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name, initializer=_step_back)


def _step_back() -> None:
    """Let whatever else runs go first: on Linux a thread has a niceness of its own."""
    if sys.platform == "linux":
        thread = get_native_id()
        with suppress(OSError):
            niceness = os.getpriority(os.PRIO_PROCESS, thread) + _STEPS_BACK
            os.setpriority(os.PRIO_PROCESS, thread, min(niceness, _NICEST))
