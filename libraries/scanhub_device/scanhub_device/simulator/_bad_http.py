"""Files over HTTP through the bad link."""

import asyncio
import base64
import ssl as ssl_module
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scanhub_device.simulator.faults import Stage

if TYPE_CHECKING:
    from scanhub_device.simulator.bad_link import BadLink

_PIECE_BYTES = 1 << 16
_LARGEST_HEAD = 1 << 16


class HttpRelay:
    """Takes requests on a port of its own and passes them on to the server.

    Args:
        link: whose faults happen here.
        server: address of the server, `http://...` or `https://...`.
        ssl: for a server whose certificate the system does not know.
    """

    def __init__(self, link: "BadLink", server: str, ssl: ssl_module.SSLContext | None) -> None:
        self._link = link
        self._at = urlsplit(server)
        self._ssl: ssl_module.SSLContext | bool | None = None
        if self._at.scheme == "https":
            self._ssl = ssl or True
        self._listener: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.address = ""

    async def listen(self) -> None:
        """Open the port."""
        self._listener = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, limit=_LARGEST_HEAD
        )
        port = self._listener.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    async def close(self) -> None:
        """Close the port, and what passes."""
        if self._listener is not None:
            self._listener.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._link.away:
                return
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                port = self._at.port or (443 if self._ssl else 80)
                from_server, to_server = await asyncio.open_connection(
                    self._at.hostname, port, ssl=self._ssl
                )
                passage = HttpPassage(self._link, (reader, writer), (from_server, to_server))
                self._link.opened(passage)
                try:
                    await passage.run(f"{self._at.hostname}:{port}")
                finally:
                    self._link.closed(passage)
                    passage.cut()
        finally:
            writer.transport.abort()


_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpPassage:
    """One connection: requests one way, answers the other."""

    def __init__(self, link: "BadLink", device: _Ends, server: _Ends) -> None:
        self._link = link
        self._from_device, self._to_device = device
        self._from_server, self._to_server = server
        self._open = asyncio.Event()
        self._open.set()

    def cut(self) -> None:
        """End it at both ends, without a goodbye."""
        self._to_device.transport.abort()
        self._to_server.transport.abort()
        self._open.set()  # who waits finds the end

    def freeze(self) -> None:
        """Let nothing pass any more."""
        self._open.clear()

    async def run(self, host: str) -> None:
        """Pass requests until an end goes."""
        back = asyncio.create_task(self._answers())
        try:
            requests = asyncio.create_task(self._requests(host))
            await asyncio.wait({back, requests}, return_when=asyncio.FIRST_COMPLETED)
            await self._open.wait()
        finally:
            back.cancel()
            requests.cancel()
            await asyncio.gather(back, requests, return_exceptions=True)

    async def _answers(self) -> None:
        while block := await self._from_server.read(_PIECE_BYTES):
            await self._open.wait()
            self._to_device.write(block)
            await self._to_device.drain()

    async def _requests(self, host: str) -> None:
        while True:
            head = await self._from_device.readuntil(b"\r\n\r\n")
            await self._open.wait()
            lines = head.decode("latin-1").split("\r\n")
            fields = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines[1:])
            }
            self._announced(fields)
            self._to_server.write(self._changed(lines, host).encode("latin-1"))
            await self._to_server.drain()
            await self._body(int(fields.get("content-length") or 0))

    def _announced(self, fields: dict[str, str]) -> None:
        faults = self._link.faults
        if "upload-length" in fields:
            faults.announce(int(fields["upload-length"]))
        elif "upload-offset" in fields:
            faults.announce(faults.scan.size, int(fields["upload-offset"]))

    def _changed(self, lines: list[str], host: str) -> str:
        """The head with the name of the server, and with the checksum that is passed on."""
        changed = []
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "host":
                changed.append(f"Host: {host}")
            elif name.lower() == "upload-metadata":
                changed.append(f"Upload-Metadata: {self._metadata(value.strip())}")
            else:
                changed.append(line)
        return "\r\n".join(changed)

    def _metadata(self, text: str) -> str:
        words = []
        for word in text.split(","):
            key, _, value = word.partition(" ")
            if key == "sha256":
                passed_on = self._link.faults.sha256(base64.b64decode(value).decode())
                value = base64.b64encode(passed_on.encode()).decode()
            words.append(f"{key} {value}")
        return ",".join(words)

    async def _body(self, count: int) -> None:
        faults = self._link.faults
        while count:
            block = await self._from_device.read(min(count, _PIECE_BYTES))
            if not block:
                return
            count -= len(block)
            await self._link.slow(len(block))
            await self._open.wait()
            block = faults.checksum_behind(faults.flip(block))
            if self._link.strike(Stage.UPLOAD, faults.passing(len(block))):
                await self._open.wait()
                return
            self._to_server.write(block)
            await self._to_server.drain()
