"""What a fork of the nursery does: it runs a program, and ends as Python does."""

import atexit
import os
import runpy
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_FAILED = 1


def run_to_its_end(told: dict[str, Any]) -> NoReturn:
    """Run a program and end, without taking apart whatever has been imported.

    Python would do that last, and it takes longer than most programs: each page of it is shared
    with the process that forked this one until it is written to.
    """
    code = 0
    try:
        _run(told)
    except SystemExit as ended:
        code = _code_of(ended)
    except BaseException as error:  # noqa: BLE001 - the program has no more than this around it
        sys.excepthook(type(error), error, error.__traceback__)
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else _FAILED
    threading._shutdown()  # waits for the threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _code_of(ended: SystemExit) -> int:
    """Return the exit code that Python makes of `sys.exit(CODE)`."""
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    sys.stderr.write(f"{ended.code}\n")
    return _FAILED


def _run(told: dict[str, Any]) -> None:
    """Be the program."""
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [place for place in places if place and place not in sys.path]
    first, *sys.argv[1:] = told["arguments"]
    if first == "-m":
        sys.path[0] = told["folder"]
        runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv[0] = str(Path(first).parent), first
        runpy.run_path(first, run_name="__main__")
