"""The way of received images: how soon they are sent on, and what many of them cost in memory."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.dicom_sender import send_at_once
from bench.measure import Row
from scanhub.demo.data import DemoApi
from scanhub.demo.processes import free_port
from scanhub.demo.processes import start as start_child

_READY_S, _FIRST_BYTE_S = 60.0, 30.0
_QUIET_S = 1.0
"""What a series waits, as installed, after its association ended cleanly [s]."""
_SERIES, _IMAGES = 5, 10
_SMALL_EDGE = 16
_FEW, _MANY, _LARGE = 2_000, 20_000, 100_000
_ASSOCIATIONS, _AT_ONCE = 4, 500
"""Series that are sent side by side, and images of each."""


@dataclass(frozen=True, slots=True)
class _Server:
    api: DemoApi
    dicom_port: int
    pid: int


async def way_rows(folder: Path, *, quick: bool, large: bool) -> list[Row]:
    """Measure both; quickly only how soon."""
    async with _server(folder) as server:
        rows = [await _first_byte_row(server)]
        if not quick:
            rows.append(await _memory_row(server, _LARGE if large else _MANY))
    return rows


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[_Server]:
    port, dicom_port = free_port(), free_port()
    arguments = ["scanhub", "serve", "--data-dir", str(folder / "data"), "--port", str(port)]
    child = await start_child("server", [*arguments, "--dicom-port", str(dicom_port)], folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            api, deadline = DemoApi(http), time.monotonic() + _READY_S
            while not await _is_ready(http):
                child.check_alive()
                if time.monotonic() > deadline:
                    raise TimeoutError("the server did not become ready")
                await asyncio.sleep(0.05)
            await api.log_in()
            yield _Server(api, dicom_port, child.process.pid)
    finally:
        await child.stop()


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/api/v1/workflowmanager/health/readiness")).is_success
    except httpx.TransportError:
        return False


async def _first_byte_row(server: _Server) -> Row:
    """From the end of an association to the first byte at a target that takes none."""
    came: asyncio.Queue[float] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        came.put_nowait(time.perf_counter())
        writer.close()

    async with AsyncExitStack() as stack:
        target = await asyncio.start_server(take, "127.0.0.1", 0)
        await stack.enter_async_context(target)
        place = {"ip": "127.0.0.1", "port": target.sockets[0].getsockname()[1]}
        await _route(server.api, {"target_type": "dicom", "aet_target": "BENCH", **place})
        waited = [await _first_byte(server, came, 100 + n) for n in range(_SERIES)]
    median = statistics.median(waited)
    return Row(
        "last image of a series (association closed) to the first byte at the target",
        f"median {1000 * median:.0f} ms, max {1000 * max(waited):.0f} ms (n = {len(waited)})",
        f"< 1 s beyond the {_QUIET_S:g} s of quiet that are waited on purpose",
        max(waited) < _QUIET_S + 1,
        detail={"median_s": median, "max_s": max(waited)},
    )


async def _route(api: DemoApi, target: dict[str, object]) -> None:
    await api.call("POST", "/workflowmanager/targets", json={"name": "bench", **target})
    rule = {"name": "all", "rule": "True", "target": ["bench"]}
    await api.call("POST", "/workflowmanager/rules", json=rule)


async def _first_byte(server: _Server, came: asyncio.Queue[float], series: int) -> float:
    """Send a series; return how long it took until the target was called [s]."""
    while not came.empty():
        came.get_nowait()  # further attempts of an earlier series
    (sent,) = await asyncio.to_thread(send_at_once, server.dicom_port, "SCANHUB", [series], _IMAGES)
    async with asyncio.timeout(_FIRST_BYTE_S):
        while (at := await came.get()) < sent.ended:
            continue
    return at - sent.ended


async def _memory_row(server: _Server, many: int) -> Row:
    """Memory of the service and its listeners, after some images and after many."""
    last, sizes = 1_000, []
    for count in (_FEW, many - _FEW):
        for _ in range(count // (_ASSOCIATIONS * _AT_ONCE)):
            series, last = [last + n for n in range(_ASSOCIATIONS)], last + _ASSOCIATIONS
            sent = await asyncio.to_thread(
                send_at_once, server.dicom_port, "SCANHUB", series, _AT_ONCE, _SMALL_EDGE
            )
            if refused := sum(one.refused for one in sent):
                raise RuntimeError(f"{refused} images were refused")
        await asyncio.sleep(_QUIET_S + 1)  # what follows the images
        sizes.append(sum(_resident(pid) for pid in _family(server.pid)) / 2**20)
    ratio = sizes[1] / sizes[0]
    return Row(
        f"memory of service and listener after {many} images",
        f"{sizes[1]:.0f} MiB = {ratio:.2f} x",
        f"<= 1.1 x that after {_FEW}",
        ratio <= 1.1,  # noqa: PLR2004 - the bar
        peer=f"after {_FEW}: {sizes[0]:.0f} MiB",
        detail={"few_mib": sizes[0], "many_mib": sizes[1], "ratio": ratio},
    )


def _family(pid: int) -> list[int]:
    """Return a process and those that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def _resident(pid: int) -> int:
    """Return the resident memory of a process [byte]."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])
