"""Follows the platform's event stream, as the browser does."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from scanhub.demo.errors import DemoError

EventDocument = dict[str, Any]
_EVENTS = "/api/v1/workflowmanager/events"


class EventFollower:
    """Keeps every event of the stream and lets others wait for the one they need."""

    def __init__(self) -> None:
        self.events: list[EventDocument] = []
        self._arrived = asyncio.Condition()
        self._listeners: list[Callable[[EventDocument], None]] = []
        self._ended: str | None = None

    def listen(self, listener: Callable[[EventDocument], None]) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    async def read(self, http: httpx.AsyncClient, token: str, ready: asyncio.Event) -> None:
        """Read the stream until cancelled; `ready` is set once it is open."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with http.stream("GET", _EVENTS, headers=headers, timeout=None) as response:
                response.raise_for_status()
                ready.set()
                async for document in _documents(response):
                    await self._take(document)
            await self._end("the event stream ended")
        except httpx.HTTPError as error:
            await self._end(f"the event stream broke: {error!r}")
        finally:
            ready.set()

    async def _take(self, document: EventDocument) -> None:
        for listener in self._listeners:
            listener(document)
        async with self._arrived:
            self.events.append(document)
            self._arrived.notify_all()

    async def _end(self, why: str) -> None:
        async with self._arrived:
            self._ended = why
            self._arrived.notify_all()

    async def wait_for(
        self,
        matches: Callable[[EventDocument], bool],
        fails: Callable[[EventDocument], str | None],
        seconds: float,
        what: str,
        *,
        after: int = 0,
    ) -> EventDocument:
        """Return the first event that matches.

        Args:
            matches: Says whether this is the event.
            fails: Says why the wait is over for nothing, if it is.
            seconds: Longest wait.
            what: What is waited for, for the error.
            after: How many of the first events to leave aside.

        Raises:
            DemoError: It failed, or did not come in time.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._search(matches, fails, after)
        except TimeoutError:
            raise DemoError(f"{what}: nothing heard of it for {seconds:.0f} s.") from None

    async def _search(
        self,
        matches: Callable[[EventDocument], bool],
        fails: Callable[[EventDocument], str | None],
        seen: int,
    ) -> EventDocument:
        async with self._arrived:
            while True:
                for document in self.events[seen:]:
                    if matches(document):
                        return document
                    if reason := fails(document):
                        raise DemoError(reason)
                seen = len(self.events)
                if self._ended:
                    raise DemoError(self._ended)
                await self._arrived.wait()


async def _documents(response: httpx.Response) -> AsyncIterator[EventDocument]:
    """Yield the JSON documents of the `data` fields (WHATWG HTML, server-sent events)."""
    data: list[str] = []
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            data.append(line[5:].lstrip(" "))
        elif not line and data:
            document = json.loads("\n".join(data))
            data.clear()
            if isinstance(document, dict) and "type" in document:
                yield document


@asynccontextmanager
async def following(http: httpx.AsyncClient, token: str) -> AsyncIterator[EventFollower]:
    """Follow the event stream while the context is open."""
    follower = EventFollower()
    ready = asyncio.Event()
    task = asyncio.create_task(follower.read(http, token, ready))
    await ready.wait()
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
