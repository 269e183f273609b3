"""Folders whose files lie apart from those of others on the disk.

ext4 makes a file in the block group of its folder, and a folder in that of its parent. Where many
files of a group were removed, to make one there takes 15 times as long without a journal: the
kernel looks at each inode that was given back, every time (`recently_deleted`, fs/ext4/ialloc.c).
"""

import fcntl
import os
import struct
import sys
from pathlib import Path

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS and _SETFLAGS, 64 bit
_TOP_FOLDER = 0x00020000  # FS_TOPDIR_FL, `chattr +T`
_FLAGS = struct.Struct("=q")


def spread_folders(folder: Path) -> bool:
    """Let folders that are made in this one lie far apart on the disk.

    Returns:
        Whether the file system does so; False: it does not know of it.
    """
    if sys.platform != "linux":
        return False
    try:
        file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        (flags,) = _FLAGS.unpack(fcntl.ioctl(file, _GET_FLAGS, bytes(_FLAGS.size)))
        if not flags & _TOP_FOLDER:
            fcntl.ioctl(file, _SET_FLAGS, _FLAGS.pack(flags | _TOP_FOLDER))
            (flags,) = _FLAGS.unpack(fcntl.ioctl(file, _GET_FLAGS, bytes(_FLAGS.size)))
        return bool(flags & _TOP_FOLDER)
    except OSError:
        return False
    finally:
        os.close(file)
