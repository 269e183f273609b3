"""The demo from end to end."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from rich.console import Console

from scanhub.demo.container import plan_container
from scanhub.demo.data import DemoApi, DemoData, create_data, planned_scans
from scanhub.demo.errors import DemoError
from scanhub.demo.follow import EventFollower, following
from scanhub.demo.picture import write_pictures
from scanhub.demo.processes import Child, free_port, start
from scanhub.demo.report import Bars, Outcome, show_outcome
from scanhub.demo.scans import follow_scan
from scanhub.demo.stages import Stages

ARCHIVE_AE_TITLE = "ARCHIVE"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class DemoOptions:
    """What can be chosen on the command line."""

    data_dir: Path
    port: int = 8000
    sequence: Path | None = None
    time_scale: float = 1.0
    exit_at_end: bool = False


async def run_demo(options: DemoOptions, console: Console) -> None:
    """Run the demo; raise DemoError when something does not go as it should."""
    async with AsyncExitStack() as stack:
        stages = Stages()
        server, http = await stack.enter_async_context(_server(options, stages))
        outcome = await _scan(options, console, stages, http, stack)
        show_outcome(console, outcome)
        if not options.exit_at_end:
            console.print("\nThe server stays up; Ctrl-C ends it.")
            await _until_interrupted(server)


@asynccontextmanager
async def _server(
    options: DemoOptions, stages: Stages
) -> AsyncIterator[tuple[Child, httpx.AsyncClient]]:
    """Start the server and wait until it is ready."""
    port = free_port(options.port)
    with stages.measure("Server ready") as stage:
        arguments = ["scanhub", "serve", "--data-dir", str(options.data_dir), "--port", str(port)]
        server = await start("server", arguments, options.data_dir / "logs")
        try:
            http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30.0)
            await _until_ready(server, http)
        except BaseException:
            await server.stop()
            raise
        stage.note = f"three services and the UI on port {port}"
    try:
        yield server, http
    finally:
        await http.aclose()
        await server.stop()


async def _until_ready(server: Child, http: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        server.check_alive()
        try:
            response = await http.get("/api/v1/exam/health/readiness")
        except httpx.TransportError:
            response = None
        if response is not None and response.is_success:
            return
        await asyncio.sleep(0.05)
    raise DemoError(f"The server was not ready after {_START_SECONDS:.0f} s; see {server.log}.")


async def _scan(
    options: DemoOptions,
    console: Console,
    stages: Stages,
    http: httpx.AsyncClient,
    stack: AsyncExitStack,
) -> Outcome:
    run_folder = options.data_dir / "demo" / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    run_folder.mkdir(parents=True, exist_ok=True)
    api = DemoApi(http)
    with stages.measure("Login and demo data") as stage:
        await api.log_in()
        data = await create_data(api, options.sequence or planned_scans(), run_folder)
        stage.note = "user, patient, scanner, sequences, protocol, exam"
    archive_folder = run_folder / "archive"
    with stages.measure("Archive listening") as stage:
        port = await _start_archive(api, archive_folder, stack)
        stage.note = f"a second DICOM node, {ARCHIVE_AE_TITLE} on port {port}, answers C-ECHO"
    follower = await stack.enter_async_context(following(http, api.token))
    with stages.measure("Scanner connected") as stage:
        await _start_scanner(options, http, data, follower, stack)
        stage.note = "simulated scanner, own process, websocket"
    first = data.scans[0]
    with stages.measure("Module container") as stage:
        why = await plan_container(api, first.name)
        stage.note = f"skipped: {why}" if why else f"a rule gives it the images of {first.name}"
    bars = Bars(console, data.scans)
    follower.listen(bars.show)
    with bars.progress:
        for scan in data.scans:
            await follow_scan(api, scan, follower, stages, container=scan is first and not why)
    archived = sorted(archive_folder.rglob("*.dcm"))
    if not archived:
        raise DemoError("The platform says sent, but the archive holds no image.")
    url = f"{str(http.base_url).rstrip('/')}/exams/{data.exam_id}"
    return Outcome(stages, write_pictures(archived, run_folder), archive_folder, archived, url)


async def _start_archive(api: DemoApi, folder: Path, stack: AsyncExitStack) -> int:
    """Start the second DICOM node and make it a target."""
    port = free_port()
    module = "workflow_manager.dicom.archive"
    arguments = [module, "--folder", str(folder), "--port", str(port)]
    archive = await start(
        "archive", [*arguments, "--ae-title", ARCHIVE_AE_TITLE], folder.parent / "logs"
    )
    stack.push_async_callback(archive.stop)
    target = {
        "name": "archive",
        "target_type": "dicom",
        "ip": "127.0.0.1",
        "port": port,
        "aet_target": ARCHIVE_AE_TITLE,
    }
    known = {item["name"] for item in await api.call("GET", "/workflowmanager/targets")}
    if "archive" in known:
        await api.call("PUT", "/workflowmanager/targets/archive", json=target)
    else:
        await api.call("POST", "/workflowmanager/targets", json=target)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        archive.check_alive()
        test = await api.call("POST", "/workflowmanager/targets/archive/test")
        if test["ok"]:
            return port
        if time.monotonic() > deadline:
            raise DemoError(f"The archive does not answer: {test['detail']}")
        await asyncio.sleep(0.1)


async def _start_scanner(
    options: DemoOptions,
    http: httpx.AsyncClient,
    data: DemoData,
    follower: EventFollower,
    stack: AsyncExitStack,
) -> None:
    url = str(http.base_url).replace("http", "ws", 1).rstrip("/") + "/api/v1/device/ws"
    arguments = ["scanhub_device.simulator", "--url", url, "--credentials", str(data.credentials)]
    scanner = await start(
        "scanner",
        [*arguments, "--time-scale", str(options.time_scale)],
        data.credentials.parent / "logs",
    )
    stack.push_async_callback(scanner.stop)
    await follower.wait_for(
        lambda event: (
            event["type"] == "device.connected" and event["subject"] == str(data.device_id)
        ),
        lambda _event: None,
        _START_SECONDS,
        "Scanner registered",
    )


async def _until_interrupted(server: Child) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait(
        {waiting, asyncio.create_task(server.process.wait())},
        return_when=asyncio.FIRST_COMPLETED,
    )
    waiting.cancel()
    if not stop.is_set():
        server.check_alive()
