"""Lets the disk begin with what was written while more is written, or syncs all in one go."""

import ctypes
import os
from collections.abc import Callable

_WRITE = 2  # SYNC_FILE_RANGE_WRITE, sync_file_range(2)
WORTH_BYTES = 2 << 20
"""Many small orders cost more than the last sync saves [byte]."""


def _system_call() -> Callable[[int, int, int, int], int] | None:
    try:
        call = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError):  # not Linux: the sync at the end does all of it
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return lambda *arguments: int(call(*arguments))


_CALL = _system_call()


def begin_write_back(file: int, first: int, size: int, *, worth_bytes: int = WORTH_BYTES) -> None:
    """Ask the disk to begin with bytes of a file, and wait for nothing.

    Nothing is promised by it: `os.fsync` is what counts, and takes the shorter for it. So an error
    is not told here, but there.

    Args:
        file: Descriptor of the file.
        first: Where the bytes begin [byte].
        size: How many they are [byte].
        worth_bytes: From how many on the disk is asked [byte].
    """
    if _CALL is not None and size >= worth_bytes:
        _CALL(file, first, size, _WRITE)


def sync_file_system(folder: str) -> bool:
    """Sync all that was written to the file system of a folder: many files in one go.

    Returns:
        Whether it could be done; False: this system has no such call.

    Raises:
        OSError: The disk did not take something.
    """
    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):  # not Linux
        return False
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if call(file):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(file)
    return True
