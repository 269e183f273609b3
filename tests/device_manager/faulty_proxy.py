"""A gateway between device and server that cuts, flips, slows and refuses."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class FaultyProxy:
    """Passes bytes on. Faults are of HTTP connections that send a file, unless said otherwise."""

    server: str
    port: int = 0
    cut_after: list[int] = field(default_factory=list)
    """Bytes of a piece after which its connection is cut, one for each connection."""
    flip_at: list[int] = field(default_factory=list)
    """Byte of a connection in which a bit is flipped, one for each connection."""
    refuse_uploads: bytes | None = None
    """What is answered to an announcement, instead of passing it on."""
    pause: float = 0.0
    pieces: int = 0
    """Connections over which a file was sent."""
    break_carried: bool = False
    """Whether connections that are there break with the next byte; once."""
    carrying: set[asyncio.StreamWriter] = field(default_factory=set)
    passed: int = 0
    """Bytes that devices have sent over such connections."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                await self._pass_on(reader, writer)
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.server.split(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        back = asyncio.create_task(_pump(to_reader, writer))
        try:
            first = await reader.read(65536)
            upload = b"/device/uploads" in first.split(b"\r\n", 1)[0]
            if upload and self.refuse_uploads is not None:
                writer.write(self.refuse_uploads)
                await writer.drain()
                return
            to_writer.write(first)
            if upload:
                self.carrying.add(writer)
            await (self._carry(reader, to_writer) if upload else _pump(reader, to_writer))
        finally:
            self.carrying.discard(writer)
            back.cancel()
            to_writer.transport.abort()

    async def cut_files(self) -> None:
        """End the connections over which files came, and wait until that is done."""
        writers = list(self.carrying)
        for writer in writers:
            writer.close()
        for writer in writers:
            with suppress(OSError):
                await writer.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pieces += 1
        cut = self.cut_after.pop(0) if self.cut_after else None
        flip = self.flip_at.pop(0) if self.flip_at else None
        seen = 0
        while block := await reader.read(65536):
            if flip is not None and seen <= flip < seen + len(block):
                changed = bytearray(block)
                changed[flip - seen] ^= 1
                block = bytes(changed)
            seen += len(block)
            if self.break_carried:
                self.break_carried = False
                return
            self.passed += len(block)
            writer.write(block)
            await writer.drain()
            if cut is not None and seen > cut:
                return
            await asyncio.sleep(self.pause)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
        writer.close()  # what one end has ended has ended for the other


@asynccontextmanager
async def faulty_proxy(
    server: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FaultyProxy]:
    proxy = FaultyProxy(server)
    listener = await asyncio.start_server(proxy.handle, "127.0.0.1", 0, ssl=tls)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
