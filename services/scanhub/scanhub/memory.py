"""How the process gets memory for large buffers.

glibc takes each block of 128 KiB or more from the kernel and gives it back when it is freed; the
kernel clears every page of it anew. A frame of 1 MiB is three such blocks on its way through the
websocket, and that costs more than all else that is done with it (docs/performance.md).
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_BLOCK = 32 * 2**20  # the most that glibc takes
_KEPT = 64 * 2**20


def keep_large_buffers() -> bool:
    """Let freed buffers be used again, up to 64 MiB; False where malloc is not glibc's."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_BLOCK), (_M_TRIM_THRESHOLD, _KEPT))
    return all(mallopt(name, value) for name, value in settings)
