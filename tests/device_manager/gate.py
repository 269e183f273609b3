"""The way from device-manager to exam-manager, which a test can close, hold and disturb."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from fastapi import FastAPI


class Held:
    """A request that waits at the gate until it may go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.go_on.wait()


class Gate(httpx.AsyncBaseTransport):
    """The way to exam-manager, which a test can close."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._inner = httpx.ASGITransport(app)
        self.closed = False
        self.lose_answer_of: str | None = None
        self.before: Callable[[str], Awaitable[None] | None] | None = None
        self.requests: list[str] = []

    def hold(self, ending: str) -> "Held":
        """Let the next request to such a path wait."""
        held = Held()

        def before(path: str) -> Awaitable[None] | None:
            return held.wait() if path.endswith(ending) else None

        self.before = before
        return held

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requests.append(path)
        if self.closed:
            raise httpx.ConnectError("the gate is closed")
        if self.before is not None and (first := self.before(path)) is not None:
            await first
        response = await self._inner.handle_async_request(request)
        if self.lose_answer_of is not None and path.endswith(self.lose_answer_of):
            raise httpx.ReadError("the answer was lost")
        return response
