"""Run a job module so that it ends with the process that started it.

`python -m scanhub_jobs.supervised PARENT_PID MODULE ARGUMENTS...`: the kernel kills the job when
its parent dies (Linux), and everywhere the end of standard input does.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1
_NICENESS = 5


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died before we could ask to be told


def _watch_stdin() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)


def main() -> None:
    """Bind the life of this process to its parent's, then run the module."""
    parent, module, *arguments = sys.argv[1:]
    _die_with_parent(int(parent))
    threading.Thread(target=_watch_stdin, daemon=True, name="parent-watch").start()
    os.nice(_NICENESS)  # the service that answers people goes first
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
