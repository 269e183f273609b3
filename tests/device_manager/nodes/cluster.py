"""Several device-managers on one PostgreSQL database, and one exam-manager behind them.

`join` starts one in the loop of the test, `spawn` one as a process that can be killed or stopped.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from gate import Gate
from loopback import LoopbackServer
from nursery import Program, start_program
from scanner_lab import DEADLINES, Lab, _device_manager, _open_exam_manager

from device_manager.settings import DeviceManagerSettings
from scanhub_libraries.database import create_engine
from scanhub_libraries.security.tokens import SigningKeys

PROGRAM = Path(__file__).with_name("serve_node.py")
PATIENT: dict[str, Any] = {
    **DEADLINES,
    "ack_deadline_seconds": 20,
    "first_status_deadline_seconds": 20,
    "stop_deadline_seconds": 8,
    "lost_after_seconds": 30,
    "return_deadline_seconds": 30,
    "data_deadline_seconds": 30,
    "node_heartbeat_seconds": 0.5,
    "node_dead_after_seconds": 30,
}
"""A busy machine makes nobody dead, and no device lost."""


class Late:
    """An application that is made when its address is known."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class DidNotStartError(Exception):
    """A process ended before it answered; the text is its log."""


@dataclass
class Process:
    """A device-manager as a process of its own."""

    process: Program
    log: Path
    events: Path

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.process.wait()

    async def end(self) -> None:
        """Let it end by itself, as a rolling restart does."""
        self.signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 20)
        assert code in {0, -signal.SIGTERM}, self.log.read_text()  # uvicorn passes the signal on
        assert '"level": "error"' not in self.log.read_text()


@dataclass
class Cluster:
    """What the processes share."""

    folder: Path
    keys: SigningKeys
    admin: dict[str, str]
    database_url: str
    gate: Gate
    to_exam: httpx.AsyncClient
    exam: httpx.AsyncClient
    exam_address: str
    settings: dict[str, Any]
    stack: AsyncExitStack
    processes: list[Process] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def _lab(self, address: str, app: Any, events: list[Any]) -> Lab:
        http = httpx.AsyncClient(base_url=f"http://{address}", headers=self.admin, timeout=30)
        return Lab(
            address=address,
            app=app,
            http=http,
            exam=self.exam,
            exam_gate=self.gate,
            lake_root=self.folder,
            events=events,
        )

    @asynccontextmanager
    async def joined(self, **settings: Any) -> AsyncIterator[Lab]:
        """Run a device-manager in this loop."""
        late = Late()
        server = LoopbackServer(late)
        places = {
            "database_url": self.database_url,
            "lake_root": self.folder,
            "token_key": "k" * 32,
            "node_url": f"http://{server.address}",
        }
        events: list[Any] = []
        made = DeviceManagerSettings(**{**places, **self.settings, **settings})
        late.app = app = _device_manager(made, self.keys, self.to_exam, events, lake=None)
        await server.begin()
        lab = self._lab(server.address, app, events)
        try:
            yield lab
        finally:
            await lab.http.aclose()
            await server.end()

    async def join(self, **settings: Any) -> Lab:
        """Run a device-manager in this loop until the end of the test."""
        return await self.stack.enter_async_context(self.joined(**settings))

    async def spawn(self, **settings: Any) -> tuple[Lab, Process]:
        """Run a device-manager as a process until the end of the test."""
        number = next(self._numbers)
        log, events = self.folder / f"node-{number}.log", self.folder / f"events-{number}.jsonl"
        arguments = {
            "database_url": self.database_url,
            "lake_root": str(self.folder),
            **self.settings,
            **settings,
        }
        told = {
            "settings": arguments,
            "exam_manager": f"http://{self.exam_address}",
            "keys": [self.keys.private_pem, self.keys.public_pem],
            "events": str(events),
        }
        with log.open("wb") as output:
            process = await start_program(PROGRAM, json.dumps(told), talks=True, log=output)
        started = Process(process, log, events)
        self.processes.append(started)
        address = (await process.stdout.readline()).decode().strip()
        if not address:
            raise DidNotStartError(log.read_text())
        lab = self._lab(address, None, [])
        self.stack.push_async_callback(lab.http.aclose)
        return lab, started

    async def query(self, statement: str, **values: Any) -> list[Any]:
        """Ask the database itself."""
        import sqlalchemy as sa  # noqa: PLC0415

        engine = create_engine(self.database_url)
        try:
            async with engine.begin() as connection:
                answer = await connection.execute(sa.text(statement), values)
                return list(answer.all()) if answer.returns_rows else []
        finally:
            await engine.dispose()

    def told(self) -> list[dict[str, Any]]:
        """Return the events that spawned processes have delivered, in the order of each."""
        lines = [
            line
            for process in self.processes
            if process.events.exists()
            for line in process.events.read_text().splitlines()
        ]
        return [json.loads(line) for line in lines]


@asynccontextmanager
async def open_cluster(
    folder: Path, keys: SigningKeys, admin: dict[str, str], database_url: str, **settings: Any
) -> AsyncIterator[Cluster]:
    """Serve exam-manager; device-managers join later."""
    async with AsyncExitStack() as stack:
        exam_manager = await stack.enter_async_context(_open_exam_manager(folder, keys, admin))
        gate, to_exam, exam = exam_manager
        server = LoopbackServer(WithoutLifespan(gate.app))
        await server.begin()
        stack.push_async_callback(server.end)
        cluster = Cluster(
            folder=folder,
            keys=keys,
            admin=admin,
            database_url=database_url,
            gate=gate,
            to_exam=to_exam,
            exam=exam,
            exam_address=server.address,
            settings={**PATIENT, **settings},
            stack=stack,
        )
        try:
            yield cluster
        finally:
            for process in cluster.processes:
                if process.process.returncode is None:
                    process.signal(signal.SIGCONT)
                    await process.kill()


class WithoutLifespan:
    """An application that is open already."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
