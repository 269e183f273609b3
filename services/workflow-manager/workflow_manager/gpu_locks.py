"""Which graphics processors of a machine are lent, over all processes that share the data lake.

Each is a file that whoever has it holds locked (flock): the system gives it back when the process
ends, whatever it ends of. The files of a machine are in a folder named by its boot id, which is the
same in all its containers, and that of no other machine.
"""

import errno
import fcntl
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_FOLDER = ".gpus"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_HELD = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}


class GpuLocks:
    """Locks of this machine. Blocking.

    Args:
        lake: Root of the data lake.
    """

    def __init__(self, lake: Path) -> None:
        self._folder = lake / _FOLDER / _machine()
        self._files: dict[str, int] = {}

    def take(self, names: Sequence[str], count: int) -> tuple[str, ...]:
        """Take so many of these that no other process has; empty: too few, and none is taken."""
        taken: list[str] = []
        for name in names:
            if self._take(name):
                taken.append(name)
            if len(taken) == count:
                return tuple(taken)
        self.give_back(taken)
        return ()

    def give_back(self, names: Sequence[str]) -> None:
        """Give some back."""
        for name in names:
            file = self._files.pop(name, None)
            if file is not None:
                os.close(file)

    def _take(self, name: str) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = os.open(
            self._folder / quote(name, safe=""), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660
        )
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if error.errno in _HELD:
                return False
            # A file system without locks: each process counts for itself.
            logger.warning("graphics processors are not locked", reason=error.strerror)
            return True
        self._files[name] = file
        return True


def _machine() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return platform.node() or "here"
