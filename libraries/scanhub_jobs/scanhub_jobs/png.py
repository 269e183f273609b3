"""Write grey images as PNG (ISO/IEC 15948), with nothing but zlib."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = bytes((8, 0, 0, 0, 0))  # depth, grey, deflate, adaptive filters, not interlaced
_FASTEST = 1


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def grey_png(pixels: NDArray[np.uint8], comment: str) -> bytes:
    """Return an image [row, column] as a PNG file with a comment in Latin-1."""
    rows, columns = pixels.shape
    unfiltered = np.pad(pixels, ((0, 0), (1, 0)))  # each row begins with its filter: 0 is none
    return (
        _SIGNATURE
        + _chunk(b"IHDR", struct.pack(">II", columns, rows) + _GREY_8_BIT)
        + _chunk(b"tEXt", b"Comment\x00" + comment.encode("latin-1", "replace"))
        + _chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), _FASTEST))
        + _chunk(b"IEND", b"")
    )
