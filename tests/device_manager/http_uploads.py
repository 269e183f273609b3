"""A device that uploads over HTTP, by hand."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import httpx
from folders import sizes_below
from scanner_lab import DEVICE, Lab

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
DATA = hashlib.shake_256(b"k-space").digest(10_240_000)


def metadata(**values: str) -> str:
    return ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in values.items()
    )


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@dataclass
class Uploader:
    """Sends files of one scan with its token."""

    lab: Lab
    start: dict[str, Any]

    @property
    def token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.start['access_token']}"}

    async def announce(self, filename: str, data: bytes, **changes: Any) -> httpx.Response:
        size = changes.pop("size_bytes", len(data))
        content = changes.pop("content", None)
        told = {"filename": filename, "sha256": hashlib.sha256(data).hexdigest(), **changes}
        headers = {
            **(PIECE if content is not None else TUS),
            **self.token,
            "Upload-Length": str(size),
            "Upload-Metadata": metadata(
                **{key: text for key, text in told.items() if text is not None}
            ),
        }
        return await self.lab.http.post(f"{DEVICE}/uploads", headers=headers, content=content)

    async def begin(self, filename: str, data: bytes, **changes: Any) -> str:
        answer = await self.announce(filename, data, **changes)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    async def ask(self, place: str) -> httpx.Response:
        return await self.lab.http.head(place, headers={**TUS, **self.token})

    async def offset(self, place: str) -> int:
        answer = await self.ask(place)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    async def send(self, place: str, offset: int, data: Any, **headers: str) -> httpx.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        told = {**PIECE, **self.token, "Upload-Offset": str(offset), **told}
        return await self.lab.http.patch(place, headers=told, content=data)

    async def upload(self, filename: str, data: bytes, **changes: Any) -> httpx.Response:
        place = await self.begin(filename, data, **changes)
        return await self.send(place, 0, data)

    async def connect(
        self, place: str, offset: int, length: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection of its own and send the head of a PATCH."""
        host, port = self.lab.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = {**PIECE, **self.token, "Upload-Offset": str(offset), "Content-Length": str(length)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"PATCH {place} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
        await writer.drain()
        return reader, writer

    def unfinished(self) -> list[int]:
        """Return the sizes of the files that are not whole."""
        return sorted(sizes_below(self.lab.lake_root / "uploads").values())
