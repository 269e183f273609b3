"""A process that can change files in its own folders only: Landlock, of the Linux kernel.

What it reads, and whom it talks to, stays as it was. The walls hold for all that it starts, and
nobody can take them down again. Linux: Documentation/userspace-api/landlock.rst.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the calls, on all architectures that Python is built for."""
_PR_SET_NO_NEW_PRIVS = 38
_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _TRUNCATE, _REFER = 1 << 1, 1 << 14, 1 << 13
_FOLDERS = sum(1 << bit for bit in range(4, 13))
"""To remove files and folders, and to make them, of whatever kind."""
_BY_VERSION = {1: _WRITE_FILE | _FOLDERS, 2: _REFER, 3: _TRUNCATE}
_SHARED = Path("/dev/shm")  # noqa: S108 - shared memory and semaphores of Python's own
_DEVICES = Path("/dev")


def allow_writing(folders: Iterable[Path]) -> bool:
    """Let this process, and all that it starts, change files in these folders only.

    Devices can be written to, and memory can be shared. It holds for the thread that calls it, and
    for those that are started by it.

    Args:
        folders: Where it may; one that is not there is left out.

    Returns:
        False: the kernel has no such walls, and nothing is changed.
    """
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    everything = sum(bits for since, bits in _BY_VERSION.items() if since <= version)
    rules = ctypes.create_string_buffer(struct.pack("<Q", everything), 8)
    walls = call(_CREATE_RULESET, rules, ctypes.c_size_t(8), 0)
    if walls < 0:
        return False
    try:
        places = {_DEVICES: everything & (_WRITE_FILE | _TRUNCATE), _SHARED: everything}
        places |= dict.fromkeys(folders, everything)
        for place, bits in places.items():
            _open_gate(call, walls, place, bits)
        return _close(call, walls)
    finally:
        os.close(walls)


def _open_gate(call: "ctypes._NamedFuncPointer", walls: int, place: Path, bits: int) -> None:
    try:
        folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            bits &= _WRITE_FILE | _TRUNCATE
        rule = ctypes.create_string_buffer(struct.pack("<Qi", bits, folder), 12)
        call(_ADD_RULE, walls, _PATH_BENEATH, rule, 0)
    finally:
        os.close(folder)


def _close(call: "ctypes._NamedFuncPointer", walls: int) -> bool:
    if ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(call(_RESTRICT_SELF, walls, 0) == 0)
