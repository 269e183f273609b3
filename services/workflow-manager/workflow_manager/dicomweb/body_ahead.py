"""A body in pieces of about a megabyte, read ahead while a thread works at what came before."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

_PIECE_BYTES = 1 << 20
"""Less is not worth a way to a thread, but at the end."""
_AHEAD_BYTES = 4 << 20
"""What is read before somebody asks for it; then the sender waits."""


async def pieces_of_body(
    body: AsyncIterator[bytes],
) -> AsyncGenerator[tuple[list[bytes], bool], None]:
    """Yield the bytes of a body in pieces, and with each whether it is the last one.

    A short body is one piece, and costs no task of its own.

    Raises:
        Exception: Of the body, once all is given that came before.
    """
    piece: list[bytes] = []
    size = 0
    async for chunk in body:
        piece.append(chunk)
        size += len(chunk)
        if size >= _PIECE_BYTES:
            break
    else:
        yield piece or [b""], True
        return
    rest = _Rest(body)
    try:
        is_last = False
        while not is_last:
            yield piece, False
            piece, is_last = await rest.more()
        yield piece or [b""], True
    finally:
        await rest.end()


class _Rest:
    """What follows the first piece."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._some, self._room = asyncio.Event(), asyncio.Event()
        self._has_ended = False
        self._error: Exception | None = None
        self._task = asyncio.create_task(self._read(body))

    async def _read(self, body: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in body:
                self._chunks.append(chunk)
                self._size += len(chunk)
                if self._size >= _PIECE_BYTES:
                    self._some.set()
                if self._size >= _AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:  # noqa: BLE001 - raised to who asks for more
            self._error = error
        finally:
            self._has_ended = True
            self._some.set()

    async def more(self) -> tuple[list[bytes], bool]:
        """Return what came, as soon as it is a piece, and whether nothing follows."""
        await self._some.wait()
        chunks, self._chunks, self._size = self._chunks, [], 0
        if self._error is not None:
            if not chunks:
                raise self._error
            return chunks, False
        if self._has_ended:
            return chunks, True
        self._some.clear()
        self._room.set()
        return chunks, False

    async def end(self) -> None:
        """Read no more."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
