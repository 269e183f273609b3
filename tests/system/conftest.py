"""An installation as a person starts it: `scanhub serve` in a process of its own."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from nursery import Program, start_program
from ports import a_port

from scanhub.demo.data import DemoApi, DemoData, create_data
from scanhub.demo.follow import EventFollower, following
from scanhub_device import DeviceClient, Scanner, load_credentials
from scanhub_device.simulator import SimulatedScanner, SimulatorSettings, default_sequence

READY_SECONDS = 45  # less than a test may take: what it was waiting for is told


@dataclass
class Installation:
    """A server on its own data folder; it can be killed and started again."""

    data_dir: Path
    port: int = field(default_factory=a_port)
    environment: dict[str, str] = field(default_factory=dict)
    command: Path | None = None
    """`scanhub` itself; without, a fork of a process that has imported it is quicker."""
    ready_path: str = "/api/v1/exam/health/readiness"
    server: Program | Process | None = None
    others: list[Program | Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data_dir / "server.log").read_text(errors="replace")

    async def _spawn(self, log_name: str, *arguments: str) -> Program | Process:
        with (self.data_dir / log_name).open("ab") as log:
            if self.command is not None:
                return await asyncio.create_subprocess_exec(
                    *(self.command, *arguments[1:]),
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=STDOUT,
                    start_new_session=True,
                    env=os.environ | self.environment,
                )
            return await start_program("-m", *arguments, log=log, env=os.environ | self.environment)

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
        answer: object = None
        try:
            async with httpx.AsyncClient(base_url=self.url) as http, asyncio.timeout(READY_SECONDS):
                while True:
                    assert self.server.returncode is None, self.log
                    try:
                        answer = await http.get(self.ready_path)
                        if answer.is_success:
                            return
                    except httpx.TransportError as error:
                        answer = error
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError((answer, self.log)) from None

    async def kill(self) -> None:
        """As a power cut would: SIGKILL for the server and all it started."""
        os.killpg(self.server.pid, signal.SIGKILL)
        await self.server.wait()

    async def stop(self) -> int:
        """As Ctrl-C would; returns the exit code."""
        if self.server.returncode is None:
            self.server.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.server.wait(), 15)

    async def run_beside(self, name: str, *arguments: str) -> Program | Process:
        """Start another process that ends with the test."""
        process = await self._spawn(f"{name}.log", *arguments)
        self.others.append(process)
        return process

    async def connect_scanner(self, credentials: Path, *arguments: str) -> Program | Process:
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

    async def expect_order(self, *names: str) -> None:
        """Expect these tasks first in the exam; a page shows its order before the server has it."""
        seen: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while seen[: len(names)] != [*names]:
                    exam = await self.api.call("GET", f"/exam/{self.data.exam_id}")
                    tasks = [task for group in exam["workflows"] for task in group["tasks"]]
                    seen = [task["name"] for task in tasks]
                    await asyncio.sleep(0.05)
        assert seen[: len(names)] == [*names]

    @asynccontextmanager
    async def scanner(self, scanner: Scanner) -> AsyncIterator[None]:
        """Connect a scanner of this process as the device of the scene."""
        known = load_credentials(self.data.credentials)
        url = f"ws://127.0.0.1:{self.installation.port}/api/v1/device/ws"
        token = known.device_token.get_secret_value()
        client = DeviceClient(url, known.device_id, token, scanner)
        running = asyncio.create_task(client.run())
        try:
            await self.until("device.connected", device_id=self.data.device_id)
            yield
        finally:
            client.close()
            await running


@asynccontextmanager
async def started(installation: Installation, *arguments: str) -> AsyncIterator[Installation]:
    """Serve, and end all that was started."""
    try:
        await installation.start(*arguments)
        yield installation
    finally:
        await installation.end()


@pytest.fixture
async def installation(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Installation]:
    async with started(Installation(tmp_path, command=getattr(request, "param", None))) as server:
        yield server


@asynccontextmanager
async def serving_modules(
    folder: Path, dicom_port: int, **files: str
) -> AsyncIterator[Installation]:
    """Serve with Python files as modules; a received series is complete soon."""
    (folder / "modules").mkdir()
    for name, text in files.items():
        (folder / "modules" / f"{name}.py").write_text(text)
    environment = {
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5",
        "SCANHUB_WORKFLOW_MODULE_FOLDER": str(folder / "modules"),
        "SCANHUB_WORKFLOW_MODULE_RUNTIME": "none",
    }
    installation = Installation(folder, environment=environment)
    async with started(installation, "--dicom-port", str(dicom_port)) as server:
        yield server


@asynccontextmanager
async def opened_scene(
    installation: Installation, folder: Path, client: httpx.AsyncClient | None = None
) -> AsyncIterator[Scene]:
    """Log in, make the demo's data and follow the events."""
    async with AsyncExitStack() as stack:
        http = client or await stack.enter_async_context(
            httpx.AsyncClient(base_url=installation.url, timeout=30)
        )
        api = DemoApi(http)
        await api.log_in()
        data = await create_data(api, default_sequence(), folder)
        follower = await stack.enter_async_context(following(http, api.token))
        yield Scene(installation, api, data, follower)


@pytest.fixture
async def scene(installation: Installation, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(installation, tmp_path) as scene:
        yield scene


@pytest.fixture
async def postgresql_scene(
    make_postgresql_url: Callable[[], str], tmp_path: Path
) -> AsyncIterator[Scene]:
    """The same on PostgreSQL: a database for each service and one for the run engine."""
    services = ("EXAM", "DEVICE", "WORKFLOW")
    environment = {f"SCANHUB_{name}_DATABASE_URL": make_postgresql_url() for name in services}
    engine_url = make_postgresql_url().replace("postgresql+asyncpg", "postgresql")
    environment["SCANHUB_ENGINE_DATABASE_URL"] = engine_url
    installation = Installation(tmp_path, environment=environment)
    try:
        await installation.start()
        async with opened_scene(installation, tmp_path) as scene:
            yield scene
    finally:
        await installation.end()


class HotScanner:
    """The simulated scanner with a coil that puts 2.76 W/kg into the patient of the scene."""

    def __init__(self) -> None:
        self._scanner = SimulatedScanner(SimulatorSettings(time_scale=0))
        parameter = {**self._scanner.details.parameter, "sar_coefficient": 4600.0}
        self.details = self._scanner.details.model_copy(update={"parameter": parameter})

    async def scan(self, scan: Any, /) -> None:
        await self._scanner.scan(scan)


@pytest.fixture
def hot_scanner(scene: Scene) -> Callable[[], Any]:
    """Return what connects a scanner whose scan needs First Level."""

    return lambda: scene.scanner(HotScanner())
