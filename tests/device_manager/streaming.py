"""A device that streams by hand: one request with a chunked body."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from folders import sizes_below
from scanner_lab import DEVICE, Lab


def path_of(start: dict[str, Any]) -> str:
    return f"{DEVICE}/acquisitions/{start['acquisition_id']}/stream"


@dataclass
class Stream:
    """The connection, and what the server answers on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *messages: bytes) -> None:
        for message in messages:
            self.writer.write(b"%x\r\n%b\r\n" % (len(message), message))
        await self.writer.drain()

    async def end(self) -> int:
        self.writer.write(b"0\r\n\r\n")
        return (await self.answer())[0]

    async def answer(self, seconds: float = 20.0) -> tuple[int, dict[str, Any]]:
        async with asyncio.timeout(seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            length = [line for line in head.lower().split("\r\n") if "content-length" in line]
            count = int(length[0].partition(":")[2]) if length else 0
            body = await self.reader.readexactly(count)
        return int(head.split()[1]), json.loads(body or b"{}")

    def cut(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def streaming(
    lab: Lab, start: dict[str, Any], *, token: str | None = None, path: str | None = None
) -> AsyncIterator[Stream]:
    """Begin to stream the readouts of a scan."""
    host, port = lab.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {path or path_of(start)} HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {token or start['access_token']}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    writer.write(head.encode())
    try:
        yield Stream(reader, writer)
    finally:
        writer.transport.abort()


def spooled(lab: Lab) -> dict[str, int]:
    """Return the files of streams and their sizes."""
    found = sizes_below(lab.lake_root / "streams")
    return {path.name.partition(".")[0]: size for path, size in found.items()}


def told(lab: Lab, kind: str) -> list[dict[str, Any]]:
    """Return the data of the events of a type that were delivered."""
    return [event.data for event in lab.events if event.type == kind]
