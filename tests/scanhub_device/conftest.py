"""A scripted server: the peer of the device, driven by each test."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from websockets.asyncio.server import Server, ServerConnection, serve

from scanhub_device import ClientSettings, DeviceClient, DeviceDetails, Scan, Scanner

FAST = ClientSettings(
    heartbeat_s=0.1,
    reconnect_base_s=0.05,
    reconnect_max_s=0.2,
    refused_retry_s=0.2,
    elsewhere_retry_s=0.4,
    upload_retry_delays_s=(0.05, 0.05),
    upload_answer_timeout_s=30,
    shutdown_s=2,
)


class ScriptedServer:
    """Takes one device; everything it sends is kept in order."""

    def __init__(self) -> None:
        self.port = 0
        self.pace_s = 0.0
        self.log: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.extensions: list[Any] = []
        self.goodbyes: list[int | None] = []
        self.on_connect: Callable[[ServerConnection], Awaitable[None]] | None = None
        self._inbox: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._server: Server | None = None
        self._socket: ServerConnection | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1/device/ws"

    async def listen(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", self.port, max_size=None, max_queue=1)
        self.port = self._server.sockets[0].getsockname()[1]

    def shrink(self, size: int) -> None:
        """Take in little of what the next device sends before it is read [byte]."""
        assert self._server is not None
        for plug in self._server.sockets:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    async def go_down(self) -> None:
        """Drop the device without a goodbye and refuse it until `listen`."""
        assert self._server is not None
        self.drop()
        self._server.close()
        await self._server.wait_closed()
        self._server = None

    def drop(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self._socket = socket
        self._inbox = asyncio.Queue()
        self.headers.append(socket.request.headers)
        self.extensions.append(socket.protocol.extensions)
        if self.on_connect is not None:
            await self.on_connect(socket)
        with suppress(Exception):
            async for frame in socket:
                await self._inbox.put(frame)
                await asyncio.sleep(self.pace_s)
        self.goodbyes.append(socket.close_code)

    async def send(self, command: str, **fields: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps({"command": command, **fields}))

    async def frame(self, within_s: float = 30) -> dict[str, Any] | bytes:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    frame = self._inbox.get_nowait()  # the inbox changes with the connection
                except asyncio.QueueEmpty:
                    await asyncio.sleep(0.001)
                    continue
                if isinstance(frame, bytes):
                    return frame
                document: dict[str, Any] = json.loads(frame)
                self.log.append(document)
                return document

    async def expect(self, command: str, within_s: float = 30, **fields: Any) -> dict[str, Any]:
        """The next message with this command and these fields; what comes before is logged."""
        async with asyncio.timeout(within_s):
            while True:
                frame = await self.frame(within_s)
                if isinstance(frame, bytes) or frame["command"] != command:
                    continue
                if all(frame.get(name) == value for name, value in fields.items()):
                    return frame

    async def file(self, header: dict[str, Any]) -> bytes:
        """The bytes that follow a `file-transfer`; heartbeats may come in between."""
        content = bytearray()
        while len(content) < header["size_bytes"]:
            frame = await self.frame()
            if isinstance(frame, bytes):
                content += frame
        return bytes(content)

    async def start(self, task_id: str = "task-1", **fields: Any) -> None:
        data = {"id": task_id, "acquisition_id": "acq-1", "access_token": "token-1", **fields}
        await self.send("start", data=data)

    async def verdict(self, header: dict[str, Any], *, ok: bool, message: str = "") -> None:
        await self.send(
            "feedback",
            message=message,
            task_id=header["task_id"],
            filename=header["filename"],
            result_id="result-1" if ok else None,
            ok=ok,
        )


class ScriptedScanner:
    """A scanner that does what the test tells it to do."""

    details = DeviceDetails(device_name="bench", serial_number="7", parameter={"gain": 3})

    def __init__(self, work: Callable[[Scan], Awaitable[None]]) -> None:
        self._work = work

    async def scan(self, scan: Scan, /) -> None:
        await self._work(scan)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer()
    await scripted.listen()
    yield scripted
    await scripted.go_down()


Connect = Callable[..., Awaitable[DeviceClient]]


@pytest.fixture
async def connect(server: ScriptedServer) -> AsyncIterator[Connect]:
    """Start a device with the given work and wait until it has registered."""
    running: list[tuple[DeviceClient, asyncio.Task[None]]] = []

    async def start(
        work: Callable[[Scan], Awaitable[None]] | Scanner,
        settings: ClientSettings = FAST,
        **options: Any,
    ) -> DeviceClient:
        scanner = work if hasattr(work, "scan") else ScriptedScanner(work)
        client = DeviceClient(
            server.url, "device-1", "secret-1", scanner, settings=settings, **options
        )
        running.append((client, asyncio.create_task(client.run())))
        await server.expect("register")
        return client

    yield start
    for client, task in running:
        client.close()
        await asyncio.wait_for(task, 10)


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    """Large enough not to fit into the buffers of a loopback link."""
    path = tmp_path / "raw.mrd"
    path.write_bytes(bytes(range(256)) * 4096 * 48)
    return path
