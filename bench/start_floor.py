"""What a start takes that does nothing but be durable: the floor of `trigger_task` to `start`.

A request over HTTP, a row in one SQLite file, then a row in another, each commit synced, then the
word over a websocket to a device: by a process of its own, as the server is. No login, no rules,
no ORM, no journal, no other service. A slower day of the machine shows here too.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from scanhub.demo.processes import free_port, start

_ROW_BYTES = 2000
_START_BYTES = 20_000
"""Of a task with its sequence, as the device gets it [byte]."""
_READY_SECONDS = 30.0
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class _Table:
    """One SQLite file with a thread of its own, set as ours are."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT)")

    async def commit(self, text: str) -> None:
        """Write a row; it is on the disk when this returns."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, text)

    def _commit(self, text: str) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO entry (text) VALUES (?)", (text,))
        self._connection.execute("COMMIT")


async def _serve(folder: Path, port: int, link_port: int) -> None:
    acquisitions, tasks = _Table(folder / "acquisitions.sqlite"), _Table(folder / "tasks.sqlite")
    devices: set[ServerConnection] = set()
    word = json.dumps({"command": "start", "data": "x" * _START_BYTES})

    async def link(device: ServerConnection) -> None:
        devices.add(device)
        await device.wait_closed()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            await acquisitions.commit("x" * _ROW_BYTES)
            await tasks.commit("x" * _ROW_BYTES)
            for device in devices:
                await device.send(word)
            writer.write(_ANSWER)
        writer.close()

    requests = await asyncio.start_server(answer, "127.0.0.1", port)
    async with requests, serve(link, "127.0.0.1", link_port, compression=None):
        await requests.serve_forever()


@dataclass(frozen=True)
class StartFloor:
    """The bare server, asked by turns with ours."""

    http: httpx.AsyncClient
    link: ClientConnection

    async def start(self) -> float:
        """Ask for a start; return the seconds until the word was at the device."""
        asked = time.perf_counter()
        answer = asyncio.create_task(self.http.get("/"))
        json.loads(await self.link.recv())
        come = time.perf_counter()
        await answer
        return come - asked


@asynccontextmanager
async def start_floor(folder: Path) -> AsyncIterator[StartFloor]:
    """Run the bare server with its files in a folder."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    port, link_port = free_port(), free_port()
    arguments = ["bench.start_floor", str(folder), str(port), str(link_port)]
    server = await start("floor", arguments, folder)
    try:
        link = await _connect(f"ws://127.0.0.1:{link_port}")
        async with link, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            yield StartFloor(http, link)
    finally:
        await server.stop()


async def _connect(url: str) -> ClientConnection:
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            try:
                return await connect(url, compression=None, max_size=None)
            except OSError:
                await asyncio.sleep(0.05)


def main() -> None:
    """Serve: `python -m bench.start_floor FOLDER PORT LINK_PORT`."""
    folder, port, link_port = sys.argv[1:]
    asyncio.run(_serve(Path(folder), int(port), int(link_port)))


if __name__ == "__main__":
    main()
