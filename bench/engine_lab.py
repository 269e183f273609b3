"""A server with an exam and a scanner, for the rows of runs."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from bench import rows
from bench.device import BareDevice, connected
from scanhub.demo.data import DemoApi, DemoData, create_data
from scanhub.demo.follow import EventFollower, following
from scanhub.demo.processes import Child, free_port, start
from scanhub_device.simulator import default_sequence

AT_ONCE = 4
"""Reconstructions that are computed at the same time."""
METRICS_KEY = "bench-key-of-the-metrics"
_READY_S, _PATIENCE_S = 180.0, 600.0


@dataclass(frozen=True)
class Lab:
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
async def open_lab(folder: Path) -> AsyncIterator[Lab]:
    """Serve with four places for reconstructions."""
    settings = {
        "SCANHUB_WORKFLOW_RECON_SLOTS": str(AT_ONCE),
        "SCANHUB_WORKFLOW_METRICS_KEY": METRICS_KEY,
    }
    os.environ.update(settings)
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
                yield Lab(api, data, device, follower, port, server.process.pid)
    finally:
        for name in settings:
            del os.environ[name]
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
