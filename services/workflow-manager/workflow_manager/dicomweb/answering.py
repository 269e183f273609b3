"""How answers of WADO-RS are sent: at once if they are short, else piece by piece."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from workflow_manager.dicomweb.multipart import CHUNK, chunks_of
from workflow_manager.dicomweb.retrieving import Answer

PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer of which the first piece is read; it may be all."""

    answer: Answer
    first: memoryview
    rest: Iterator[memoryview] | None


def begin(answer: Answer) -> Begun:
    """Read the first piece of an answer. Blocking.

    What is wrong with it is told in the status.
    """
    size = CHUNK if answer.length is None else min(answer.length + 1, CHUNK)
    chunks = chunks_of(answer.pieces, size)
    first = next(chunks, memoryview(b""))
    return Begun(answer, first, None if len(first) < size else chunks)


async def sent(answer: Answer) -> Response:
    """Send an answer."""
    return send_on(await asyncio.to_thread(begin, answer))


def send_on(begun: Begun) -> Response:
    """Send an answer that has begun."""
    answer, media_type = begun.answer, begun.answer.media_type
    headers = {**PRIVATE, "Accept-Ranges": "bytes"} if answer.ranges else dict(PRIVATE)
    if begun.rest is None:
        return Response(begun.first, media_type=media_type, headers=headers)
    if answer.length is not None:
        headers["Content-Length"] = str(answer.length)
    return _Streamed(_ahead(begun.first, begun.rest), media_type=media_type, headers=headers)


async def _ahead(chunk: memoryview, chunks: Iterator[memoryview]) -> AsyncIterator[memoryview]:
    """Yield chunks; while one is sent, the next one is read in a thread."""
    loop = asyncio.get_running_loop()
    following: memoryview | None = chunk
    while following is not None:
        chunk = following
        reading = loop.run_in_executor(None, next, chunks, None)
        try:
            yield chunk
        finally:
            if not reading.done():  # also when the client is gone: it has files open
                await asyncio.wait({reading})
        following = reading.result()


class _Streamed(StreamingResponse):
    """An answer that ends where its reader goes away.

    The framework's has a group of tasks around it, which takes longer than a small file does.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as the framework calls it
        """Send it."""
        headers: Mapping[str, object] = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **headers})
        gone = asyncio.ensure_future(_gone(receive))
        try:
            async with aclosing(self.body_iterator) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    if gone.done():
                        return
                    body = {"type": "http.response.body", "body": chunk, "more_body": True}
                    await send(body)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
