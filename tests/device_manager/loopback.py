"""A server over the loopback, in the loop of the test."""

import asyncio
import socket
import ssl
from typing import Any

import uvicorn

from scanhub.peers import HttpProtocol, WebsocketProtocol


class LoopbackServer(uvicorn.Server):
    """A server in the loop of the test, as the product configures it."""

    def __init__(self, app: Any, tls: ssl.SSLContext | None = None) -> None:
        # asyncio turns Nagle's algorithm off only on sockets whose protocol is named.
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WebsocketProtocol,
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
            lifespan="on",
            log_level="warning",
            ws_per_message_deflate=False,
        )
        super().__init__(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    async def begin(self) -> None:
        self._task = asyncio.create_task(self._serve(sockets=[self.listener]))
        while not self.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the server did not start")
            await asyncio.sleep(0.005)

    async def end(self) -> None:
        self.should_exit = True
        if self._task is not None:
            await asyncio.wait_for(self._task, 20)
