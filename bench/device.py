"""A bare device: it speaks the wire and does nothing else; what is measured is the server."""

import asyncio
import hashlib
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

Message = dict[str, Any]
_CHUNK = 128 * 1024  # as the SDK: larger frames are new memory three times at either end


@dataclass
class BareDevice:
    """One connected device."""

    link: ClientConnection
    received: asyncio.Queue[tuple[float, Message]] = field(default_factory=asyncio.Queue)

    async def send(self, **message: Any) -> None:
        """Send a command."""
        await self.link.send(json.dumps(message))

    async def read(self) -> None:
        """Put what arrives, with its time, into `received`."""
        async for text in self.link:
            await self.received.put((time.perf_counter(), json.loads(text)))

    async def expect(self, command: str, seconds: float = 30.0) -> tuple[float, Message]:
        """Return the next message of a command and when it arrived."""
        async with asyncio.timeout(seconds):
            while True:
                at, message = await self.received.get()
                if message.get("command") == command:
                    return at, message

    async def upload(self, start: Message, filename: str, data: bytes) -> Message:
        """Upload a file for the task of a `start`; return the server's answer."""
        payload = start["data"]
        await self.send(
            command="file-transfer",
            task_id=payload["id"],
            user_access_token=payload["access_token"],
            filename=filename,
            size_bytes=len(data),
            content_type="application/octet-stream",
            sha256=hashlib.sha256(data).hexdigest(),
        )
        view = memoryview(data)
        for offset in range(0, len(data), _CHUNK):
            await self.link.send(view[offset : offset + _CHUNK])
        while True:
            _, message = await self.expect("feedback", 120.0)
            if message.get("filename") == filename:
                return message


@asynccontextmanager
async def connected(
    url: str, credentials: Message, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[BareDevice]:
    """Connect and register a device; with `tls` the server is believed that this believes."""
    headers = {
        "Device-Id": credentials["device_id"],
        "Device-Token": credentials["device_token"],
    }
    secure: dict[str, Any] = {} if tls is None else {"ssl": tls}
    async with connect(
        url, additional_headers=headers, compression=None, max_size=None, **secure
    ) as link:
        device = BareDevice(link)
        reader = asyncio.create_task(device.read())
        try:
            await device.send(
                command="register",
                data={
                    "device_name": "bench",
                    "serial_number": "1",
                    "manufacturer": "bench",
                    "modality": "MR",
                    "site": "bench",
                    "parameter": {"larmor_frequency": 2_000_000},
                    "status": "ONLINE",
                    "capabilities": ["ack", "stop"],
                },
            )
            await device.expect("feedback")
            yield device
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
