"""An installation as a person starts it: `scanhub serve` in a process of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from scanhub.demo.data import DemoApi, DemoData, create_data
from scanhub.demo.follow import EventFollower, following
from scanhub.demo.processes import free_port
from scanhub_device.simulator import default_sequence

READY_SECONDS = 60


@dataclass
class Installation:
    """A server on its own data folder; it can be killed and started again."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    server: Process | None = None
    others: list[Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data_dir / "server.log").read_text(errors="replace")

    async def _spawn(self, log_name: str, *arguments: str) -> Process:
        with (self.data_dir / log_name).open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    async def start(self, *arguments: str) -> None:
        self.server = await self._spawn(
            "server.log",
            "scanhub",
            "serve",
            "--data-dir",
            str(self.data_dir / "data"),
            "--port",
            str(self.port),
            *arguments,
        )
        async with httpx.AsyncClient(base_url=self.url) as http, asyncio.timeout(READY_SECONDS):
            while True:
                assert self.server.returncode is None, self.log
                try:
                    if (await http.get("/api/v1/exam/health/readiness")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """As a power cut would: SIGKILL for the server and all it started."""
        os.killpg(self.server.pid, signal.SIGKILL)
        await self.server.wait()

    async def stop(self) -> int:
        """As Ctrl-C would; returns the exit code."""
        if self.server.returncode is None:
            self.server.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.server.wait(), 15)

    async def run_beside(self, name: str, *arguments: str) -> Process:
        """Start another process that ends with the test."""
        process = await self._spawn(f"{name}.log", *arguments)
        self.others.append(process)
        return process

    async def connect_scanner(self, credentials: Path, *arguments: str) -> Process:
        return await self.run_beside(
            "scanner",
            "scanhub_device.simulator",
            "--url",
            f"ws://127.0.0.1:{self.port}/api/v1/device/ws",
            "--credentials",
            str(credentials),
            *arguments,
        )

    async def end(self) -> None:
        for process in [*self.others, self.server]:
            if process is not None and process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


@dataclass
class Scene:
    """A server with a patient, an exam and a scanner that may connect."""

    installation: Installation
    api: DemoApi
    data: DemoData
    follower: EventFollower

    async def until(self, kind: str, seconds: float = 60, **data: object) -> dict[str, object]:
        """Wait for the first event of a type whose data has these values."""
        return await self.follower.wait_for(
            lambda event: (
                event["type"] == kind
                and all(str(event["data"].get(key)) == str(value) for key, value in data.items())
            ),
            lambda _event: None,
            seconds,
            f"{kind} {data}",
        )


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    installation = Installation(tmp_path)
    try:
        await installation.start()
        yield installation
    finally:
        await installation.end()


@pytest.fixture
async def scene(installation: Installation, tmp_path: Path) -> AsyncIterator[Scene]:
    async with httpx.AsyncClient(base_url=installation.url, timeout=30) as http:
        api = DemoApi(http)
        await api.log_in()
        data = await create_data(api, default_sequence(), tmp_path)
        async with following(http, api.token) as follower:
            yield Scene(installation, api, data, follower)
