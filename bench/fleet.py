"""A fleet: many links that report progress at once, and all of them back after a restart.

The links are raw: what is measured is the server. They share its cores, so that the figures hold
for a machine that does both.
"""

import asyncio
import gc
import json
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.measure import Row, quantile
from scanhub.demo.data import DemoApi, DemoData

LINKS = 1000
_SECONDS = 20.0
_WARM_SECONDS = 3.0
_AT_ONCE = 20
_TASKS_IN_A_WORKFLOW = 25
_P99_MS = 100.0
_KEPT_SHARE = 0.98
_BACK_SECONDS = 30.0
_REGISTER = {
    "device_name": "bench",
    "serial_number": "1",
    "manufacturer": "bench",
    "modality": "MR",
    "site": "bench",
    "parameter": {"larmor_frequency": 2_000_000},
    "capabilities": ["ack", "stop"],
}


@dataclass
class Link:
    """One device of the fleet."""

    url: str
    credentials: dict[str, str]
    socket: ClientConnection | None = None
    start: dict[str, Any] | None = None
    latencies: list[float] = field(default_factory=list)
    _due: list[float] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None
    _registered: asyncio.Event = field(default_factory=asyncio.Event)
    _started: asyncio.Event = field(default_factory=asyncio.Event)

    async def come(self, status: str) -> None:
        """Connect and register; returns when the server has taken the device."""
        headers = {
            "Device-Id": self.credentials["device_id"],
            "Device-Token": self.credentials["device_token"],
        }
        self._registered.clear()
        self._due.clear()
        self.socket = await connect(
            self.url,
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=60,
            ping_interval=None,
        )
        self._reader = asyncio.create_task(self._read(self.socket))
        await self.say(command="register", data={**_REGISTER, "status": status})
        await self._registered.wait()

    async def say(self, **message: Any) -> None:
        """Send a command."""
        if self.socket is not None:
            await self.socket.send(json.dumps(message))

    async def report(self, progress: int, due: float) -> None:
        """Report on the running scan; the time to the answer counts from `due` on."""
        if self.start is None:
            return
        self._due.append(due)
        await self.say(
            command="update_status",
            status="BUSY",
            data={"progress": progress},
            task_id=self.start["id"],
            user_access_token=self.start["access_token"],
        )

    async def is_started(self) -> None:
        """Wait for `start`."""
        await self._started.wait()

    async def leave(self) -> None:
        """Close the link."""
        if self.socket is not None:
            await self.socket.close()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                message = json.loads(text)
                if message["command"] == "start":
                    await self._take(message["data"])
                elif message.get("message", "").startswith("Device registered"):
                    self._registered.set()
                elif self._due and "progress" in message.get("message", ""):
                    self.latencies.append(time.perf_counter() - self._due.pop(0))
        except ConnectionClosed:
            return

    async def _take(self, start: dict[str, Any]) -> None:
        self.start = start
        await self.say(command="ack", task_id=start["id"], acquisition_id=start["acquisition_id"])
        self._started.set()


async def _each(links: Sequence[Link], work: Callable[[Link], Awaitable[None]]) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(link: Link) -> None:
        async with turn:
            await work(link)

    await asyncio.gather(*(one(link) for link in links))


async def _tasks(api: DemoApi, data: DemoData, links: Sequence[Link]) -> dict[str, str]:
    """Plan a scan for each device; return the tasks by device."""
    plan = await api.call("GET", f"/exam/task/{data.acquisition_task_id}")
    exam = await api.call(
        "POST", "/exam/new", json={"patient_id": str(data.patient_id), "name": "Fleet"}
    )
    tasks = {}
    for first in range(0, len(links), _TASKS_IN_A_WORKFLOW):
        workflow = await api.call(
            "POST", "/exam/workflow/new", json={"exam_id": exam["id"], "name": f"Hall {first}"}
        )
        for link in links[first : first + _TASKS_IN_A_WORKFLOW]:
            body = {
                "workflow_id": workflow["id"],
                "name": "Scan",
                "task_type": "ACQUISITION",
                "device_id": link.credentials["device_id"],
                "sequence_id": plan["sequence_id"],
            }
            task = await api.call("POST", "/exam/task/new", json=body)
            tasks[link.credentials["device_id"]] = task["id"]
    return tasks


@asynccontextmanager
async def scanning_fleet(
    api: DemoApi, data: DemoData, url: str, count: int
) -> AsyncIterator[list[Link]]:
    """Make devices and let each begin a scan."""
    naming = {"name": "Fleet", "description": "bench"}
    links = [
        Link(url, await api.call("POST", "/device/createdevice", json=naming)) for _ in range(count)
    ]
    tasks = await _tasks(api, data, links)

    async def begin(link: Link) -> None:
        await link.come("ONLINE")
        task = tasks[link.credentials["device_id"]]
        await api.call("POST", f"/workflowmanager/trigger_task/{task}/")
        await link.is_started()
        await link.report(1, time.perf_counter())

    await _each(links, begin)
    try:
        yield links
    finally:
        await asyncio.gather(*(link.leave() for link in links), return_exceptions=True)


async def progress_row(links: Sequence[Link], server_cpu: Callable[[], float]) -> Row:
    """Let each link report once a second, spread over the second."""
    for link in links:
        link.latencies.clear()
    gc.disable()  # walking all that these links have would be measured as the server's time
    began, cpu = time.perf_counter() + 0.5, server_cpu()
    total = _WARM_SECONDS + _SECONDS

    async def talk(link: Link, phase: float) -> None:
        for number in range(int(total)):
            due = began + phase + number
            await asyncio.sleep(due - time.perf_counter())
            if number == int(_WARM_SECONDS):
                link.latencies.clear()
            await link.report(2 + number * 4, due)

    await asyncio.gather(*(talk(link, number / len(links)) for number, link in enumerate(links)))
    await asyncio.sleep(1.0)
    gc.enable()
    samples = [latency for link in links for latency in link.latencies]
    rate, p99 = len(samples) / _SECONDS, 1000 * quantile(samples, 0.99)
    spent = (server_cpu() - cpu) / (len(links) * int(total))
    median = 1000 * statistics.median(samples)
    return Row(
        f"progress of {len(links)} links, 1/s each",
        f"{rate:.0f}/s, median {median:.1f} ms, p99 {p99:.0f} ms",
        f">= {len(links)}/s, p99 < {_P99_MS:g} ms",
        rate >= _KEPT_SHARE * len(links) and p99 < _P99_MS,
        detail={
            "answers_per_s": rate,
            "median_ms": median,
            "p99_ms": p99,
            "max_ms": 1000 * max(samples),
            "server_cpu_ms_per_message": 1000 * spent,
        },
    )


async def storm_row(links: Sequence[Link], restart: Callable[[], Awaitable[None]]) -> Row:
    """Restart the server; all links try within one second, once."""
    await restart()
    began = time.perf_counter()
    took: list[float] = []

    async def back(link: Link) -> None:
        await asyncio.sleep(random.random())  # noqa: S311 - a wait, no secret
        await link.come("BUSY")
        took.append(time.perf_counter() - began)

    await asyncio.gather(*(back(link) for link in links), return_exceptions=True)
    last = max(took, default=float("inf"))
    return Row(
        f"{len(links)} devices back after a restart",
        f"{len(took)} at the first try, all in {last:.1f} s",
        f"all at the first try in < {_BACK_SECONDS:g} s",
        len(took) == len(links) and last < _BACK_SECONDS,
        detail={"back": len(took), "last_s": last},
    )
