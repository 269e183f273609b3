"""Answers in parts (RFC 2387, PS3.18 section 8.6.1), from files, a megabyte in memory at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scanhub_libraries.ids import new_id

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Some bytes of a file."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what it is and its bytes."""

    media_type: str
    content: Slice | bytes
    location: str = ""

    @property
    def length(self) -> int:
        """Bytes of the content."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.length


def new_boundary() -> str:
    """Return a boundary that is in no content by accident."""
    return f"part-{new_id().hex}"


def head_of(part: Part, boundary: str) -> bytes:
    """Return what stands before the content of a part."""
    lines = [f"--{boundary}", f"Content-Type: {part.media_type}", f"Content-Length: {part.length}"]
    if part.location:
        lines.append(f"Content-Location: {part.location}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def tail_of(boundary: str) -> bytes:
    """Return what stands after the last part."""
    return f"--{boundary}--\r\n".encode()


def total_length(parts: Iterable[Part], boundary: str) -> int:
    """Return how many bytes an answer has."""
    return sum(len(head_of(p, boundary)) + p.length + 2 for p in parts) + len(tail_of(boundary))


def pieces_of(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    """Yield an answer piece by piece; blocking: iterated over in threads."""
    for part in parts:
        yield head_of(part, boundary)
        yield from content_of(part.content)
        yield b"\r\n"
    yield tail_of(boundary)


def content_of(content: Slice | bytes) -> Iterator[bytes]:
    """Yield the bytes of a content; blocking.

    Raises:
        OSError: The file is shorter than it was.
    """
    if isinstance(content, bytes):
        yield content
        return
    missing = content.length
    with content.path.open("rb", buffering=0) as file:
        file.seek(content.offset)
        while missing:
            data = file.read(min(_CHUNK, missing))
            if not data:
                raise OSError(f"{content.path.name} is shorter than it was")
            missing -= len(data)
            yield data


async def from_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Give what an iterator that blocks yields, about a megabyte for each way to a thread."""
    while chunk := await asyncio.to_thread(_collect, pieces):
        yield chunk


def _collect(pieces: Iterator[bytes]) -> bytes:
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            break
    return b"".join(found) if len(found) != 1 else found[0]
