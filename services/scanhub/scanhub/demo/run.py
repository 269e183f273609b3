"""The demo from end to end."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from scanhub.demo.data import DemoApi, DemoData, create_data
from scanhub.demo.errors import DemoError
from scanhub.demo.follow import EventDocument, EventFollower, following
from scanhub.demo.picture import write_png
from scanhub.demo.processes import Child, free_port, start
from scanhub.demo.report import Bars, Outcome, show_outcome
from scanhub.demo.stages import Stages
from scanhub_device.simulator import default_sequence

ARCHIVE_AE_TITLE = "ARCHIVE"
_START_SECONDS = 60.0
_SCAN_SECONDS = 600.0
_FOLLOW_UP_SECONDS = 120.0


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
        data = await create_data(api, options.sequence or default_sequence(), run_folder)
        stage.note = "user, patient, scanner, sequence, protocol, exam"
    archive_folder = run_folder / "archive"
    with stages.measure("Archive listening") as stage:
        port = await _start_archive(api, archive_folder, stack)
        stage.note = f"a second DICOM node, {ARCHIVE_AE_TITLE} on port {port}, answers C-ECHO"
    follower = await stack.enter_async_context(following(http, api.token))
    with stages.measure("Scanner connected") as stage:
        await _start_scanner(options, http, data, follower, stack)
        stage.note = "simulated scanner, own process, websocket"
    bars = Bars(console, data.acquisition_task_id, data.reconstruction_task_id)
    follower.listen(bars.show)
    with bars.progress:
        await _follow_scan(api, data, follower, stages)
    archived = sorted(archive_folder.rglob("*.dcm"))
    if not archived:
        raise DemoError("The platform says sent, but the archive holds no image.")
    image = run_folder / "image.png"
    size = write_png(archived[len(archived) // 2], image)
    url = f"{str(http.base_url).rstrip('/')}/exams/{data.exam_id}"
    return Outcome(stages, image, size, archive_folder, archived, url)


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


async def _follow_scan(
    api: DemoApi, data: DemoData, follower: EventFollower, stages: Stages
) -> None:
    """Start the scan and wait for each stage of it."""
    acquisition, reconstruction = str(data.acquisition_task_id), str(data.reconstruction_task_id)

    def fails(event: EventDocument) -> str | None:
        wrong = ("exam.task.failed", "exam.task.canceled", "run.failed", "dispatch.failed")
        if event["type"] not in wrong or event["data"].get("task_id") not in {
            acquisition,
            reconstruction,
        }:
            return None
        details: dict[str, Any] = event["data"]
        return f"{event['type']}: {details.get('status_reason') or details.get('error')}"

    async def until(kind: str, task: str, seconds: float) -> None:
        await follower.wait_for(
            lambda event: event["type"] == kind and event["data"].get("task_id") == task,
            fails,
            seconds,
            kind,
        )

    with stages.measure("Start to scanner") as stage:
        await api.call("POST", f"/workflowmanager/trigger_task/{acquisition}/")
        await until("acquisition.accepted", acquisition, _FOLLOW_UP_SECONDS)
        stage.note = "claimed, checked, sent, accepted by the scanner"
    with stages.measure("Scan and upload") as stage:
        await until("exam.task.finished", acquisition, _SCAN_SECONDS)
        stage.note = "ISMRMRD checked, synced, stored"
    with stages.measure("Reconstruction") as stage:
        await until("exam.task.finished", reconstruction, _FOLLOW_UP_SECONDS)
        stage.note = "MR images in the index"
    with stages.measure("To the archive") as stage:
        await until("dispatch.sent", reconstruction, _FOLLOW_UP_SECONDS)
        stage.note = "C-STORE answered with success for every instance"


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
