"""Rows of runs in the whole service: what a run adds to its job, and who waits meanwhile."""

import asyncio
import json
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from bench import rows
from bench.device import BareDevice, connected
from bench.measure import Row, latency_row, spread_ms
from bench.reconstruction import write_volume
from scanhub.demo.data import DemoApi, DemoData, create_data
from scanhub.demo.follow import EventFollower, following
from scanhub.demo.processes import Child, free_port, start
from scanhub_device.simulator import default_sequence

_READY_S = 60.0
_AT_ONCE = 4
_EVERY_S = 0.02
_LAG_P99_MS = 20.0
_PATIENCE_S = 600.0
_CONTEXT = {
    "run_id": "bench",
    "acquired_at": "2026-11-22T12:00:00Z",
    "patient": {
        "id": "BENCH",
        "name": "Bench^Ada",
        "birth_date": "1985-12-10",
        "sex": "F",
        "weight_kg": 62.0,
        "height_m": 1.68,
    },
    "study": {
        "instance_uid": "2.25.1",
        "id": "1",
        "accession_number": "",
        "study_date": "2026-11-22",
        "study_time": "12:00:00",
        "description": "Bench",
    },
    "series": {"number": 1, "description": "Bench", "protocol_name": "Bench"},
}


@dataclass(frozen=True)
class _Lab:
    """A server with an exam, a scanner and somebody who is logged in."""

    api: DemoApi
    data: DemoData
    device: BareDevice
    follower: EventFollower
    port: int
    pid: int

    async def measure(self, raw: bytes, name: str) -> None:
        """Scan; the raw data start the reconstruction of the exam."""
        _, began = await rows.start_task(self.api, self.data, self.device)
        await self.device.upload(began, name, raw)

    async def ended(self, task_id: UUID, number: int) -> dict[str, Any]:
        """Wait until so many runs of a task have ended; return the newest.

        Raises:
            RuntimeError: It did not succeed.
        """
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                found = await self.api.call("GET", f"/workflowmanager/runs?task_id={task_id}")
                if len(found) >= number and found[0]["ended_at"] is not None:
                    break
                await asyncio.sleep(0.1)
        if found[0]["status"] != "succeeded":
            raise RuntimeError(f"the run ended as {found[0]['status']}: {found[0]['error']}")
        return found[0]


@asynccontextmanager
async def _lab(folder: Path) -> AsyncIterator[_Lab]:
    """Serve with four places for reconstructions."""
    os.environ["SCANHUB_WORKFLOW_RECON_SLOTS"] = str(_AT_ONCE)
    port = free_port()
    arguments = ["scanhub", "serve", "--data-dir", str(folder / "data"), "--port", str(port)]
    server = await start("server", arguments, folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            await _ready(server, http)
            api = DemoApi(http)
            await api.log_in()
            data = await create_data(api, default_sequence(), folder)
            credentials = json.loads(data.credentials.read_text())
            link = f"ws://127.0.0.1:{port}/api/v1/device/ws"
            async with (
                following(http, api.token) as follower,
                connected(link, credentials) as device,
            ):
                yield _Lab(api, data, device, follower, port, server.process.pid)
    finally:
        del os.environ["SCANHUB_WORKFLOW_RECON_SLOTS"]
        await server.stop()


async def _ready(server: Child, http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            server.check_alive()
            try:
                if (await http.get("/api/v1/exam/health/readiness")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def run_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure runs of jobs of an exam, in a server of their own."""
    async with _lab(folder) as lab:
        raw = await asyncio.to_thread(rows.simulate, folder / "raw.mrd")
        return [
            await _overhead(lab, folder, raw, count=5 if quick else 20),
            await _lag(lab, folder, quick=quick),
        ]


async def _overhead(lab: _Lab, folder: Path, raw: Path, *, count: int) -> Row:
    """Measure a run from its event `run.queued` to its end, by turns with its job by itself."""
    content = await asyncio.to_thread(raw.read_bytes)
    task = lab.data.reconstruction_task_id
    before, runs, bare = _resident_mib(lab.pid), [], []
    await lab.measure(content, "first.mrd")
    await lab.ended(task, 1)
    for number in range(count):
        await lab.api.call("POST", f"/workflowmanager/trigger_task/{task}/")
        run = await lab.ended(task, 2 + number)
        began, ended = (datetime.fromisoformat(run[name]) for name in ("created_at", "ended_at"))
        runs.append((ended - began).total_seconds())
        bare.append(await _bare_job(folder, raw))
    adds = 1000 * (statistics.median(runs) - statistics.median(bare))
    figures = spread_ms(runs)
    return Row(
        f"a small reconstruction as a run, {count} times",
        f"median {figures['median_ms']:.0f} ms, {adds:.0f} ms more than its job",
        "none",
        holds=True,
        peer=f"the job by itself {spread_ms(bare)['median_ms']:.0f} ms",
        detail={
            **figures,
            "adds_ms": adds,
            "before_mib": before,
            "after_mib": _resident_mib(lab.pid),
        },
    )


async def _bare_job(folder: Path, raw: Path) -> float:
    """Return what the job takes by itself, supervised as the service does it [s]."""
    context = folder / "context.json"
    context.write_text(json.dumps(_CONTEXT))
    (folder / "parameters.json").write_text("{}")
    output = folder / f"bare-{time.monotonic_ns()}"
    command = [
        *(sys.executable, "-m", "scanhub_jobs.supervised", str(os.getpid())),
        *("scanhub_jobs.reconstruction", "--input", str(raw), "--context", str(context)),
        *("--output", str(output), "--parameters", str(folder / "parameters.json")),
    ]
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"the job by itself failed: {said.decode()[-1000:]}")
    return seconds


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


# --- who waits meanwhile --------------------------------------------------------------------------


class _Asking:
    """Asks the server something trivial, again and again, in a thread that does nothing else."""

    def __init__(self, port: int) -> None:
        head = "GET /api/v1/workflowmanager/health/readiness HTTP/1.1\r\nHost: bench\r\n\r\n"
        self._request = head.encode()
        self._port = port
        self._ended = threading.Event()
        self.seconds: list[float] = []
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    async def stop(self) -> list[float]:
        """End; return how long each answer took [s]."""
        self._ended.set()
        await asyncio.to_thread(self._thread.join)
        return self.seconds

    def _ask(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as link:
            while not self._ended.wait(_EVERY_S):
                began = time.perf_counter()
                link.sendall(self._request)
                answer = b""
                while not answer.endswith(b"}"):
                    answer += link.recv(65_536)
                self.seconds.append(time.perf_counter() - began)


async def _lag(lab: _Lab, folder: Path, *, quick: bool) -> Row:
    """Measure how long the server takes to answer while four volumes are reconstructed."""
    volume = folder / "volume.mrd"
    await asyncio.to_thread(write_volume, volume)
    tasks = [lab.data.reconstruction_task_id]
    tasks += [await _another_task(lab, number) for number in range(1, _AT_ONCE)]
    alone = await _answers(lab.port, 2.0)
    mark = len(lab.follower.events)
    await lab.measure(await asyncio.to_thread(volume.read_bytes), "volume.mrd")
    await _all_started(lab, mark)
    asking = _Asking(lab.port)
    asking.start()
    if quick:
        await asyncio.sleep(10.0)
    await asyncio.gather(*(lab.ended(task, 1) for task in tasks[1:]))
    row = latency_row(
        "a trivial request while four volumes are reconstructed",
        await asking.stop(),
        None,
        _LAG_P99_MS,
    )
    peer = spread_ms(alone)
    words = f"alone: median {peer['median_ms']:.1f} ms, p99 {peer['p99_ms']:.1f} ms"
    detail = {**row.detail, **{f"alone_{name}": value for name, value in peer.items()}}
    return Row(row.name, row.value, row.bar, row.holds, words, detail)


async def _answers(port: int, seconds: float) -> list[float]:
    asking = _Asking(port)
    asking.start()
    await asyncio.sleep(seconds)
    return await asking.stop()


async def _all_started(lab: _Lab, mark: int) -> None:
    for number in range(_AT_ONCE):
        started = 0

        def is_next(event: dict[str, Any], wanted: int = number) -> bool:
            nonlocal started
            started += int(event["type"] == "run.started")
            return started > wanted

        await lab.follower.wait_for(is_next, _failure, 120.0, "four reconstructions", after=mark)


def _failure(event: dict[str, Any]) -> str | None:
    return str(event["data"]) if event["type"] == "run.failed" else None


async def _another_task(lab: _Lab, number: int) -> UUID:
    """Plan one more reconstruction of the same scan."""
    task = await lab.api.call("GET", f"/exam/task/{lab.data.reconstruction_task_id}")
    body = {
        "name": f"Reconstruction {number}",
        "task_type": "DAG",
        "dag_type": "RECONSTRUCTION",
        "dag_id": task["dag_id"],
        "input_task_ids": task["input_task_ids"],
        "workflow_id": task["workflow_id"],
    }
    return UUID((await lab.api.call("POST", "/exam/task/new", json=body))["id"])
