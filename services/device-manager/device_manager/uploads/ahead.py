"""A body that is read while it is still looked into whether it is taken."""

import asyncio
from collections import deque
from collections.abc import MutableMapping
from typing import Any, Self

from device_manager.uploads.piece import Receive

_MOST_BYTES = 8 * 2**20
Message = MutableMapping[str, Any]


class Ahead:
    """Reads up to 8 MiB of a body ahead, and then hands on what comes.

    To make room for a file takes as long as some megabytes of it on a network: nothing is written,
    and nothing is answered, before there is room.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: deque[Message] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to read."""
        self._reading = asyncio.create_task(self._read(), name="body ahead")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Read no more, and forget what was read and not asked for, also that it failed."""
        reading = await self._stop()
        if reading is not None and not reading.cancelled():
            reading.exception()
        self._messages.clear()

    async def receive(self) -> Message:
        """Return the next message of the body, as ASGI has it."""
        reading = await self._stop()
        if reading is not None and not reading.cancelled():
            reading.result()
        return self._messages.popleft() if self._messages else await self._receive()

    async def _read(self) -> None:
        size, more = 0, True
        while more and size < _MOST_BYTES:
            message = await self._receive()
            self._messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)

    async def _stop(self) -> "asyncio.Task[None] | None":
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()  # it waits for the network: no message is lost by it
            await asyncio.wait({reading})
        return reading
