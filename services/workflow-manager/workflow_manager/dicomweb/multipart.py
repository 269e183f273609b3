"""Answers in parts (RFC 2387, PS3.18 section 8.6.1), from files, some megabytes in memory."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from scanhub_libraries.ids import new_id

CHUNK = 2 << 20
"""What is read, and sent, at a time [byte]."""


class Slice(NamedTuple):
    """Some bytes of a file."""

    path: str
    offset: int
    length: int


class Part(NamedTuple):
    """One part: what it is and its bytes."""

    media_type: str
    content: Slice | bytes
    location: str = ""

    @property
    def length(self) -> int:
        """Bytes of the content."""
        return self.content.length if isinstance(self.content, Slice) else len(self.content)


def new_boundary() -> str:
    """Return a boundary that is in no content by accident."""
    return f"part-{new_id().hex}"


def head_of(part: Part, boundary: str) -> bytes:
    """Return what stands before the content of a part."""
    location = f"Content-Location: {part.location}\r\n" if part.location else ""
    return (
        f"--{boundary}\r\nContent-Type: {part.media_type}\r\n"
        f"Content-Length: {part.length}\r\n{location}\r\n"
    ).encode()


def pieces_of(parts: Iterable[Part], boundary: str) -> Iterator[bytes | Slice]:
    """Yield an answer piece by piece; blocking: iterated over in threads."""
    behind = b""
    for part in parts:
        yield behind + head_of(part, boundary)
        yield part.content
        behind = b"\r\n"
    yield behind + f"--{boundary}--\r\n".encode()


def length_of(pieces: Iterable[bytes | Slice]) -> int:
    """Return how many bytes an answer has."""
    return sum(len(one) if isinstance(one, bytes) else one.length for one in pieces)


def chunks_of(pieces: Iterable[bytes | Slice], size: int = CHUNK) -> Iterator[memoryview]:
    """Yield full buffers, and at the end one that is not; files are read straight into them.

    Blocking: iterated over in threads.

    Raises:
        OSError: A file is shorter than it was.
    """
    memory, filled = _memory(size), 0
    for piece in pieces:
        file = -1 if isinstance(piece, bytes) else os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            done, length = 0, len(piece) if isinstance(piece, bytes) else piece.length
            while done < length:
                room = memory[filled : filled + length - done]
                if isinstance(piece, bytes):
                    room[:] = piece[done : done + len(room)]
                else:
                    _read(file, piece.offset + done, room)
                done += len(room)
                filled += len(room)
                if filled == size:
                    yield memory
                    memory, filled = _memory(size), 0
        finally:
            if file >= 0:
                os.close(file)
    if filled:
        yield memory[:filled]


def _memory(size: int) -> memoryview:
    """Return memory to read into. That of a bytearray would be cleared first."""
    return np.empty(size, np.uint8).data


def _read(file: int, here: int, room: memoryview) -> None:
    """Fill memory with the bytes of a file from a place on."""
    while room:
        count = os.preadv(file, [room], here)
        if not count:
            raise OSError("A file of the lake is shorter than it was.")
        here += count
        room = room[count:]
