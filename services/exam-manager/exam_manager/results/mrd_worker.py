"""The process that reads ISMRMRD files: HDF5 can crash at a damaged file, and then only this ends.

Requests and answers are pickles over the standard streams; the process ends with the input, and at
a request that takes too long. `python -m exam_manager.results.mrd_worker SECONDS MEMORY`
"""

import contextlib
import os
import pickle
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from exam_manager.results.mrd import StoredMRD
from scanhub_libraries.errors import ScanHubError, UnprocessableError

_READS = {name: getattr(StoredMRD, name) for name in StoredMRD.READS}


def answer(path: Path, name: str, arguments: tuple[Any, ...]) -> Any:
    """Return what a read gives, or the error it ends with."""
    try:
        return _READS[name](StoredMRD(path), *arguments)
    except ScanHubError as error:
        return error
    except MemoryError:
        return UnprocessableError(f"{path.name} takes more memory to read than there is.")


def main() -> None:
    """Answer requests until there are no more."""
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with contextlib.suppress(EOFError):
        while True:
            request = pickle.load(source)  # noqa: S301 - from the service that started us
            signal.alarm(seconds)
            pickle.dump(answer(*request), target, pickle.HIGHEST_PROTOCOL)
            target.flush()
            signal.alarm(0)


if __name__ == "__main__":
    main()
