"""The way to a service, and what can go wrong on it: the service itself stays the real one."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Happening = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]


@dataclass
class Trouble:
    """What happens to calls that fit, as many times as it was ordered."""

    happens: Happening
    at: str
    times: int | None
    hit: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, call: str) -> bool:
        return self.times != 0 and re.search(self.at, call) is not None


class Wire:
    """Passes calls on to an application, except where trouble was ordered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._troubles: list[Trouble] = []
        self.calls: list[str] = []

    def disturb(self, happens: Happening, at: str = "", times: int | None = None) -> Trouble:
        """Let something happen to calls whose method and path match; by default until mended."""
        trouble = Trouble(happens, at, times)
        self._troubles.append(trouble)
        return trouble

    def mend(self) -> None:
        self._troubles.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = f"{scope['method']} {scope['path']}"
        self.calls.append(call)
        trouble = next((trouble for trouble in self._troubles if trouble.fits(call)), None)
        if trouble is None:
            await self._app(scope, receive, send)
            return
        if trouble.times is not None:
            trouble.times -= 1
        trouble.hit.set()
        await trouble.happens(self._app, scope, receive, send)


async def away(_app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The service does not answer; something in front of it says so."""
    await JSONResponse({"detail": "away"}, status_code=503)(scope, receive, send)


async def answer_lost(app: ASGIApp, scope: Scope, receive: Receive, _send: Send) -> None:
    """The service does the work, and nobody hears of it."""
    await app(scope, receive, _nowhere)
    raise httpx.ReadError("the answer was lost")


async def _nowhere(_message: Message) -> None:
    """Where a lost answer goes."""


class Held:
    """The call hangs until it is let go; then it reaches the service."""

    def __init__(self) -> None:
        self._go = asyncio.Event()

    def let_go(self) -> None:
        self._go.set()

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await self._go.wait()
        await app(scope, receive, send)
