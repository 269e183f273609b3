"""One file of named arrays that are read where they lie, without reading the rest.

Layout, little-endian: 8 bytes of magic, the length of the header as 8 bytes, the header as JSON
(for each array its type, where it begins and how many entries it has), the arrays, each beginning
at a multiple of 64 bytes. All lengths are known from the header, so half a file is recognised.
"""

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"SHPLOT\x00\x01"
"""The last byte counts the versions of the content: a file of another one is made anew."""
_ALIGNMENT = 64
_TYPES = frozenset({"<f8", "<f4", "<i8", "<i4", "|u1"})
Array = NDArray[Any]


class NotAnArrayFileError(ValueError):
    """The file is of another version, or not whole."""


def pack(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    """Yield the pieces of a file.

    Args:
        arrays: One-dimensional arrays by name.
        about: What else is to be kept, as JSON.
    """
    offset, table, pieces = 0, {}, []
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        table[name] = (plain.dtype.str, offset, plain.size)
        pieces.append(plain)
        offset += _aligned(plain.nbytes)
    header = json.dumps({"about": about, "arrays": table}).encode()
    begin = len(MAGIC) + 8 + len(header)
    yield MAGIC + len(header).to_bytes(8, "little") + header + bytes(_aligned(begin) - begin)
    for plain in pieces:
        if plain.size:
            yield plain.view(np.uint8).data
        yield bytes(_aligned(plain.nbytes) - plain.nbytes)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def unpack(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays of a file, mapped, and what else it keeps.

    Raises:
        NotAnArrayFileError: The file cannot be used; it has to be made anew.
    """
    if path.stat().st_size < len(MAGIC) + 8:
        raise NotAnArrayFileError(path.name)
    data = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 8].tobytes(), "little")
    begin = len(MAGIC) + 8 + length
    if data[: len(MAGIC)].tobytes() != MAGIC or begin > data.size:
        raise NotAnArrayFileError(path.name)
    header = json.loads(data[len(MAGIC) + 8 : begin].tobytes())
    arrays = {}
    for name, (kind, offset, size) in header["arrays"].items():
        first = _aligned(begin) + offset
        last = first + prod((size, np.dtype(kind).itemsize))
        if kind not in _TYPES or last > data.size:
            raise NotAnArrayFileError(path.name)
        arrays[name] = data[first:last].view(kind)
    return arrays, header["about"]
