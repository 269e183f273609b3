"""A gateway between a device and its server that cuts, holds back, delays and slows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime


class LinkProxy:
    """Passes bytes on, as a test allows. Up is from the device to the server."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.port = 0
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.pause = 0.0
        """Wait after each 64 KiB on the way up [s]."""
        self.passed_up = 0
        self.seen_down = b""
        """The latest words of the server."""
        self.cut_at = datetime.min.replace(tzinfo=UTC)
        """When every connection was broken last."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.heal()

    def heal(self) -> None:
        """Let everything pass."""
        self.up.set()
        self.down.set()
        self.pause = 0.0

    def hold(self) -> None:
        """Half-open: nothing passes, and nobody is told."""
        self.up.clear()
        self.down.clear()

    def cut(self) -> None:
        """Break every connection."""
        self.cut_at = datetime.now(UTC)
        for writer in self._writers:
            writer.transport.abort()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_writer}
        self._writers |= both
        ways = [
            asyncio.create_task(self._pump(reader, to_writer, up=True)),
            asyncio.create_task(self._pump(to_reader, writer, up=False)),
        ]
        self._tasks.update(ways)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        self._tasks.difference_update(ways)
        for each in both:
            each.transport.abort()
        self._writers -= both

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        gate = self.up if up else self.down
        with suppress(OSError):
            while block := await reader.read(65536):
                await gate.wait()
                writer.write(block)
                await writer.drain()
                if up:
                    self.passed_up += len(block)
                    await asyncio.sleep(self.pause)
                else:
                    self.seen_down = (self.seen_down + block)[-200_000:]

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.cut()


@asynccontextmanager
async def link_proxy(server_port: int) -> AsyncIterator[LinkProxy]:
    proxy = LinkProxy(server_port)
    listener = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        proxy.close()
