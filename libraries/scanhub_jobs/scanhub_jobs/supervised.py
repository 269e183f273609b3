"""Run a job so that it ends with the process that started it, and takes no more than it may.

`python -m scanhub_jobs.supervised PARENT_PID [--memory=BYTES] [--cpus=NUMBER]
[--write=FOLDER]... JOB ARGUMENTS...`: the kernel kills the job when its parent dies (Linux), and
everywhere the end of standard input does. With `--write` it changes files in these folders only,
where the kernel can see to that. A job is the name of a Python module, or the absolute path of a
file or of a folder with a `__main__.py`.
"""

import contextlib
import ctypes
import os
import resource
import runpy
import signal
import sys
import threading
from pathlib import Path

from scanhub_jobs.walls import allow_writing

_PR_SET_PDEATHSIG = 1
_NICENESS = 5
_WRITE = "--write="


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


def _limit(option: str) -> None:
    """Take no more memory, or processors, than an option says."""
    name, _, text = option.partition("=")
    number = int(text)
    if name == "--memory":
        resource.setrlimit(resource.RLIMIT_AS, (number, number))
    elif name == "--cpus":
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, mine[: max(1, number)])
    else:
        raise SystemExit(f"{name}: there is no such limit")


def _run(job: str) -> None:
    if not Path(job).is_absolute():
        runpy.run_module(job, run_name="__main__", alter_sys=True)
        return
    if Path(job).is_file():
        sys.path.insert(0, str(Path(job).parent))  # as if it were started by itself
    runpy.run_path(job, run_name="__main__")


def main() -> None:
    """Bind the life of this process to its parent's, then run the job."""
    parent, *rest = sys.argv[1:]
    _die_with_parent(int(parent))
    threading.Thread(target=_watch_stdin, daemon=True, name="parent-watch").start()
    os.nice(_NICENESS)  # the service that answers people goes first
    folders = []
    while rest[0].startswith("--"):
        option = rest.pop(0)
        if option.startswith(_WRITE):
            folders.append(Path(option.removeprefix(_WRITE)))
        else:
            _limit(option)
    if folders:
        allow_writing(folders)
    sys.argv = rest
    _run(rest[0])


if __name__ == "__main__":
    main()
