"""An answer that is a file, or a part of it.

The file is opened before the answer begins: one that is gone is a 404, one that is deleted
meanwhile is sent to its end, and one that is cut meanwhile breaks the connection, so that nobody
takes it for whole. What is wrong with a Range header is a problem document like any other.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.ranges import Span, parse_ranges
from scanhub_libraries.threads import to_the_end

_BLOCK = 2**18
_PARTIAL = 206


class FileCutError(OSError):
    """A file became shorter while it was sent."""


class FileAnswer(StreamingResponse):
    """Sends a file that is in the lake."""

    def __init__(
        self,
        source: Path | IO[bytes],
        *,
        media_type: str,
        filename: str,
        disposition: str = "attachment",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare the answer.

        Args:
            source: Where the file lies; or a file that is open, which is sent whole and closed.
            media_type: Its type.
            filename: Name to save it under.
            disposition: `attachment` or `inline`.
            headers: Further headers.
        """
        super().__init__((), media_type=media_type, headers=headers)
        self._source = source
        quoted = quote(filename)
        name = f'filename="{filename}"' if quoted == filename else f"filename*=utf-8''{quoted}"
        self.headers["Content-Disposition"] = f"{disposition}; {name}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what was asked for.

        Raises:
            NotFoundError: There is no such file any more.
            BadRequestError: The Range header cannot be understood.
            RangeNotSatisfiableError: There is no such range.
        """
        file = await self._open()
        try:
            status = os.fstat(file.fileno())
            spans: list[Span] = []
            if isinstance(self._source, Path):
                self.headers["Accept-Ranges"] = "bytes"
                self.headers["Last-Modified"] = formatdate(status.st_mtime, usegmt=True)
                self.headers["ETag"] = _etag(status)
                spans = self._asked(Headers(scope=scope), status.st_size)
            self._choose(file, spans, status.st_size)
            await super().__call__(scope, receive, send)
        finally:
            await to_the_end(file.close)

    async def _open(self) -> IO[bytes]:
        if not isinstance(self._source, Path):
            return self._source
        try:
            return await to_the_end(_open, self._source, discard=_close)
        except OSError as error:
            raise NotFoundError("The file is not there any more.") from error

    def _asked(self, headers: Headers, size: int) -> list[Span]:
        wanted = headers.get("Range")
        unchanged = headers.get("If-Range")
        current = (self.headers["ETag"], self.headers["Last-Modified"])
        if wanted is None or (unchanged is not None and unchanged not in current):
            return []
        return parse_ranges(wanted, size)

    def _choose(self, file: IO[bytes], spans: list[Span], size: int) -> None:
        """Set status, headers and body."""
        length = size
        if len(spans) > 1:
            self.status_code = _PARTIAL
            boundary = secrets.token_hex(16)
            heads = [self._head(boundary, span, size) for span in spans]
            end = f"--{boundary}--\r\n".encode()
            length = sum(map(len, heads)) + sum(b - a + 2 for a, b in spans) + len(end)
            self.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
            self.body_iterator = _parts(file, spans, heads, end)
        elif spans:
            self.status_code = _PARTIAL
            first, last = spans[0]
            length = last - first
            self.headers["Content-Range"] = f"bytes {first}-{last - 1}/{size}"
            self.body_iterator = _bytes(file, first, last)
        else:
            self.body_iterator = _bytes(file, 0, size)
        self.headers["Content-Length"] = str(length)

    def _head(self, boundary: str, span: Span, size: int) -> bytes:
        return (
            f"--{boundary}\r\nContent-Type: {self.media_type}\r\n"
            f"Content-Range: bytes {span[0]}-{span[1] - 1}/{size}\r\n\r\n"
        ).encode()


def _open(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return os.fdopen(descriptor, "rb", buffering=0)


def _close(file: IO[bytes]) -> None:
    file.close()


def _etag(status: os.stat_result) -> str:
    what = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
    return f'"{sha256(what.encode()).hexdigest()[:32]}"'


async def _bytes(file: IO[bytes], first: int, end: int) -> AsyncIterator[bytes]:
    while first < end:
        block = await asyncio.to_thread(os.pread, file.fileno(), min(_BLOCK, end - first), first)
        if not block:
            raise FileCutError(f"the file ends at {first}, before {end}")
        first += len(block)
        yield block


async def _parts(
    file: IO[bytes], spans: list[Span], heads: list[bytes], end: bytes
) -> AsyncIterator[bytes]:
    for head, (first, last) in zip(heads, spans, strict=True):
        yield head
        async for block in _bytes(file, first, last):
            yield block
        yield b"\r\n"
    yield end
