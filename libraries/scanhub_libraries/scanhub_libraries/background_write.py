"""A synced write that goes on while its thread does something else; no other one is woken for it.

By the kernel's own asynchronous I/O (io_submit(2)), where it is there and allowed; else the write
happens when it is waited for.
"""

import ctypes
import errno
import os
import platform
import weakref
from mmap import mmap
from typing import Any

_GENERIC = {"io_setup": 0, "io_destroy": 1, "io_submit": 2, "io_getevents": 4}
_NUMBERS = {
    "x86_64": {"io_setup": 206, "io_destroy": 207, "io_getevents": 208, "io_submit": 209},
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
}
"""System calls that no library offers (include/uapi/asm-generic/unistd.h)."""
_WRITE = 1  # IOCB_CMD_PWRITE
_LONG, _POINTER = ctypes.c_long, ctypes.c_void_p


class _Order(ctypes.Structure):
    """struct iocb, as little endian machines have it (include/uapi/linux/aio_abi.h)."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("flags_of_write", ctypes.c_uint32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("file", ctypes.c_uint32),
        ("memory", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("place", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("told_by", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("order", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("more", ctypes.c_int64),
    )


class _Kernel:
    """The system calls; raises OSError as `os` does."""

    def __init__(self) -> None:
        self._numbers = _NUMBERS.get(platform.machine())
        self._call: Any = ctypes.CDLL(None, use_errno=True).syscall

    def __call__(self, name: str, *arguments: Any) -> int:
        if self._numbers is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        done = int(self._call(_LONG(self._numbers[name]), *arguments))
        if done < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return done


_KERNEL = _Kernel()


def _end(context: ctypes.c_ulong) -> None:
    _KERNEL("io_destroy", context)


class BackgroundWriter:
    """Memory that begins with a page, and one write of it at a time.

    Args:
        size: Of the memory [byte].
    """

    def __init__(self, size: int) -> None:
        self.memory = mmap(-1, size)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._order, self._event = _Order(), _Event()
        self._orders = (_POINTER * 1)(ctypes.addressof(self._order))
        self._context = ctypes.c_ulong(0)
        self._waits: tuple[int, int, int] | None = None
        """File, size and place of a write that has not begun."""
        self._is_on_its_way = False
        try:
            _KERNEL("io_setup", _LONG(1), ctypes.byref(self._context))
        except OSError:  # an old kernel, a sandbox, or too many: then nothing goes on by itself
            self._has_context = False
        else:
            self._has_context = True
            weakref.finalize(self, _end, self._context).atexit = False

    def begin(self, file: int, size: int, place: int) -> None:
        """Begin to write the memory from its beginning; nobody touches it until `wait`.

        Args:
            file: Descriptor; it stays open until `wait`.
            size: How much [byte].
            place: Where in the file [byte].
        """
        self._waits = file, size, place
        if not self._has_context:
            return
        order = self._order
        order.opcode, order.flags_of_write, order.file = _WRITE, os.RWF_DSYNC, file
        order.memory, order.size, order.place = self._address, size, place
        try:
            _KERNEL("io_submit", self._context, _LONG(1), self._orders)
        except OSError:  # the write itself says what is wrong
            return
        self._is_on_its_way = True

    @property
    def is_under_way(self) -> bool:
        """Say whether a write was begun that nobody has waited for."""
        return self._waits is not None

    def wait(self) -> None:
        """Wait until what was begun is on the disk, once.

        Raises:
            OSError: It is not on the disk.
        """
        if self._waits is None:
            return
        (file, size, place), self._waits = self._waits, None
        if self._is_on_its_way:
            self._is_on_its_way = False
            self._take_event(size)
            return
        view = memoryview(self.memory)[:size]
        while view:
            done = os.pwritev(file, [view], place, os.RWF_DSYNC)
            view, place = view[done:], place + done

    def _take_event(self, size: int) -> None:
        one, event = _LONG(1), self._event
        while True:
            try:
                _KERNEL("io_getevents", self._context, one, one, ctypes.byref(event), None)
            except InterruptedError:
                continue
            break
        if event.result < 0:
            raise OSError(-event.result, os.strerror(-event.result))
        if event.result != size:
            raise OSError(errno.EIO, "The disk took a part of it")
