"""A bad link: a gateway on this computer between a device and its server, in which things go wrong.

The device connects to `BadLink.url` instead of its server and knows nothing of it. Frames of the
websocket and files over HTTP pass through, and the faults happen to them. So it serves for devices
of any make, not for the simulated scanner alone.
"""

import asyncio
import json
import logging
import os
import socket
import ssl as ssl_module
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from scanhub_device.simulator._bad_http import HttpRelay
from scanhub_device.simulator._bad_scan import Faults, parse
from scanhub_device.simulator.faults import CRASHED, Fault, FaultKind, Stage

_LOGGER = logging.getLogger(__name__)
_QUIET = logging.getLogger(f"{__name__}.websocket")
_QUIET.setLevel(logging.CRITICAL)  # broken links are what this is for
_HOP = {"connection", "upgrade", "host", "sec-websocket-key", "sec-websocket-version"}
_STORM_STEP_S = 0.01
_NOT_TO_BE_SENT = {
    None,
    CloseCode.NO_STATUS_RCVD,
    CloseCode.ABNORMAL_CLOSURE,
    CloseCode.TLS_HANDSHAKE,
}
_BUFFER_BYTES = 1 << 16  # a slow network keeps bytes back at who sends them
_ANY: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}


class Passage(Protocol):
    """One connection through the bad link."""

    def cut(self) -> None:
        """End it at both ends, without a goodbye."""
        ...

    def freeze(self) -> None:
        """Let nothing pass any more, and stay open."""
        ...


class BadLink:
    """The gateway. Use it with `async with`.

    Args:
        url: websocket of the server.
        faults: what goes wrong; those of the scanner itself are left to it.
        ssl: for a server whose certificate the system does not know.
    """

    def __init__(
        self,
        url: str,
        faults: tuple[Fault, ...],
        *,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self.server_url = url
        self.faults = Faults(faults)
        self.url = ""
        self._ssl = ssl
        self._away_until = 0.0
        self._passages: set[Passage] = set()
        self._upstream: dict[ServerConnection, ClientConnection] = {}
        self._later: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self.http = HttpRelay(self, "http" + url[2:], ssl)

    async def __aenter__(self) -> Self:
        await self.http.listen()
        self._server = await serve(
            self._pass,
            "127.0.0.1",
            0,
            process_request=self._reach_server,
            logger=_QUIET,
            max_queue=1,
            **_ANY,
        )
        for plug in self._server.sockets:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        port = self._server.sockets[0].getsockname()[1]
        path = self.server_url.split("/", 3)[3] if self.server_url.count("/") > 2 else ""  # noqa: PLR2004
        self.url = f"ws://127.0.0.1:{port}/{path}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._later:
            task.cancel()
        for passage in set(self._passages):
            passage.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await self.http.close()

    def change(self, *faults: Fault) -> None:
        """Let other things go wrong from now on, also in a scan that runs."""
        self.faults.change(faults)

    # --- what passages ask ------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Whether nobody gets through at all."""
        return asyncio.get_running_loop().time() < self._away_until

    def opened(self, passage: Passage) -> None:
        """Have a passage take part in what happens to the link."""
        self._passages.add(passage)

    def closed(self, passage: Passage) -> None:
        """Forget a passage."""
        self._passages.discard(passage)

    async def slow(self, count: int) -> None:
        """Wait as long as so many bytes take."""
        rate = self.faults.value(FaultKind.SLOW_LINK)
        if rate:
            await asyncio.sleep(count / rate)

    def strike(self, stage: Stage, percent: float) -> bool:
        """Let happen what is due; say whether what is under way is lost with it."""
        lost = False
        for fault in self.faults.due(stage, percent):
            _LOGGER.warning("fault: %s at %.0f %% of the %s", fault.kind, percent, stage)
            if fault.kind is FaultKind.CRASH:
                os._exit(CRASHED)
            lost = True
            passages = set(self._passages)
            if fault.kind is FaultKind.LINK_LOSS:
                self._away_until = asyncio.get_running_loop().time() + fault.number
                for passage in passages:
                    passage.cut()
            else:
                for passage in passages:
                    passage.freeze()
                self.after(fault.number, partial(_cut_all, passages))
        return lost

    def after(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        """Do something later, unless the link is closed before."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            with suppress(ConnectionClosed):
                await act()

        task = asyncio.create_task(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    # --- the websocket ----------------------------------------------------------------------------

    async def _reach_server(self, device: ServerConnection, request: Request) -> Response | None:
        """Reach the server for a device that knocks; answer what the server answers."""
        if self.away:
            device.transport.abort()
            return None
        headers = [(k, v) for k, v in request.headers.raw_items() if k.lower() not in _HOP]
        headers = [(k, v) for k, v in headers if not k.lower().startswith("sec-websocket")]
        secure: dict[str, Any] = {"ssl": self._ssl} if self._ssl is not None else {}
        try:
            self._upstream[device] = await connect(
                self.server_url,
                additional_headers=headers,
                user_agent_header=None,
                proxy=None,
                logger=_QUIET,
                **secure,
                **_ANY,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            return device.respond(status, (error.response.body or b"").decode(errors="replace"))
        except (OSError, TimeoutError, WebSocketException):
            device.transport.abort()
        return None

    async def _pass(self, device: ServerConnection) -> None:
        upstream = self._upstream.pop(device)
        passage = SocketPassage(self, device, upstream)
        self.opened(passage)
        try:
            await passage.run()
        finally:
            self.closed(passage)
            passage.cut()


async def _cut_all(passages: set[Passage]) -> None:
    for passage in passages:
        passage.cut()


class SocketPassage:
    """A websocket through the bad link."""

    def __init__(self, link: BadLink, device: ServerConnection, server: ClientConnection) -> None:
        self._link = link
        self._faults = link.faults
        self._device = device
        self._server = server
        self._open = asyncio.Event()
        self._open.set()

    def cut(self) -> None:
        """End it at both ends, without a goodbye."""
        self._device.transport.abort()
        self._server.transport.abort()
        self._open.set()  # who waits finds the end

    def freeze(self) -> None:
        """Let nothing pass any more, answer no keep-alive either."""
        self._open.clear()
        for transport in (self._device.transport, self._server.transport):
            with suppress(RuntimeError):
                transport.pause_reading()

    async def run(self) -> None:
        """Pass frames both ways until an end goes; the other is told the same goodbye."""
        ways = [
            asyncio.create_task(self._to_server()),
            asyncio.create_task(self._to_device()),
            asyncio.create_task(self._storm()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            await self._open.wait()
            gone, left = (
                (self._device, self._server) if ways[0].done() else (self._server, self._device)
            )
            if gone.close_code not in _NOT_TO_BE_SENT:
                await left.close(
                    gone.close_code or CloseCode.NORMAL_CLOSURE, gone.close_reason or ""
                )
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _to_server(self) -> None:
        with suppress(ConnectionClosed):
            async for frame in self._device:
                await self._open.wait()
                await self._link.slow(len(frame))
                out = self._of_device(frame) if isinstance(frame, str) else self._of_file(frame)
                await self._open.wait()
                if out is not None:
                    await self._server.send(out)

    async def _to_device(self) -> None:
        with suppress(ConnectionClosed):
            async for frame in self._server:
                await self._open.wait()
                await self._link.slow(len(frame))
                out = self._of_server(frame) if isinstance(frame, str) else frame
                if out is not None:
                    await self._device.send(out)

    def _of_device(self, frame: str) -> str | None:
        message = parse(frame)
        match message.get("command"):
            case "ping" if self._faults.value(FaultKind.SILENT) is not None:
                return None
            case "ack" if self._faults.value(FaultKind.NO_ACK) is not None:
                return None
            case "ack" if (late := self._faults.value(FaultKind.LATE_ACK)) is not None:
                self._link.after(late, lambda: self._server.send(frame))
                return None
            case "update_status":
                progress = self._faults.reported(message)
                if progress is not None:
                    self._link.strike(Stage.SCAN, progress)
            case "file-transfer":
                self._faults.announce(int(message.get("size_bytes") or 0))
                if message.get("sha256"):
                    message["sha256"] = self._faults.sha256(str(message["sha256"]))
                return json.dumps(message)
        return frame

    def _of_file(self, frame: bytes) -> bytes | None:
        frame = self._faults.checksum_behind(self._faults.flip(frame))
        lost = self._link.strike(Stage.UPLOAD, self._faults.passing(len(frame)))
        return None if lost else frame

    def _of_server(self, frame: str) -> str | None:
        message = parse(frame)
        match message.get("command"):
            case "start" if isinstance(message.get("data"), dict):
                self._faults.started(message["data"], self.http_address, self.server_address)
                return json.dumps(message)
            case "stop" if self._faults.value(FaultKind.NEVER_STOPS) is not None:
                return None
            case "stop" if (late := self._faults.value(FaultKind.STOPS_LATE)) is not None:
                self._link.after(late, lambda: self._device.send(frame))
                return None
        return frame

    @property
    def http_address(self) -> str:
        """Where the device shall bring its files."""
        return self._link.http.address

    @property
    def server_address(self) -> str:
        """Where the server takes them."""
        return "http" + self._link.server_url[2:]

    async def _storm(self) -> None:
        rate = self._faults.value(FaultKind.STATUS_STORM)
        if rate is None:
            await asyncio.Event().wait()
            return
        period = max(1 / rate, _STORM_STEP_S)
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(period)
                if (busy := self._faults.scan.busy) is None or not self._open.is_set():
                    continue
                for _ in range(max(1, round(rate * period))):
                    await self._server.send(json.dumps(busy))
