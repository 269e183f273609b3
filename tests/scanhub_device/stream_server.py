"""An HTTP server that takes one stream, or does what bad servers do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class StreamServer:
    """What came, and how the server behaves."""

    port: int = 0
    reads: bool = True
    refuses: bytes = b""
    breaks_after: int | None = None
    head: str = ""
    body: bytearray = field(default_factory=bytearray)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """A server that does not read waits for this."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """The last chunk came, or the connection broke."""
    whole: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/device/acquisitions/1/stream"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.reached.set()
            if self.refuses:
                writer.write(self.refuses)
                await writer.drain()
                return
            if not self.reads:
                await self.hold.wait()
                return
            self.whole = await self._take(reader)
            if self.whole:
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.whole = False
        finally:
            self.ended.set()
            if not self.whole and not self.refuses:
                writer.transport.abort()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _take(self, reader: asyncio.StreamReader) -> bool:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            self.body += await reader.readexactly(size)
            await reader.readexactly(2)
            if self.breaks_after is not None and len(self.body) > self.breaks_after:
                return False
        return True


@asynccontextmanager
async def stream_server(**behaviour: object) -> AsyncIterator[StreamServer]:
    server = StreamServer(**behaviour)  # type: ignore[arg-type]
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(server.serve(reader, writer)))

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.hold.set()
        await asyncio.gather(*tasks)
