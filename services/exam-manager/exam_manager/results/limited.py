"""Start a program that may use so much and no more, and that ends with its parent.

`python -m exam_manager.results.limited SECONDS BYTES FILE_BYTES PARENT_PID PROGRAM ARGUMENTS...`
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NICENESS = 5


def main() -> None:
    """Set the limits, then become the program."""
    seconds, memory, file_size, parent = (int(text) for text in sys.argv[1:5])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)  # it died before we could ask to be told
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICENESS)
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 - the program is ours to name


if __name__ == "__main__":
    main()
