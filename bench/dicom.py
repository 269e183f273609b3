"""C-STORE: each durability mode beside DCMTK's storescp and Orthanc, interleaved in one run.

What was stored is compared with what was sent, every time: number and size say nothing.
"""

import asyncio
import hashlib
import itertools
import os
import shutil
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.dicom_sender import data_set_of, image, send_at_once
from bench.measure import Row
from scanhub.demo.processes import free_port
from scanhub.demo.processes import start as start_child

_READY_S = 60.0
_TIMES = 3
_ASSOCIATIONS = (1, 4)
_MODES = ("unsynced", "indexed", "synced", "directory")
_ORTHANC = "Orthanc, index committed and file synced"
_STORESCP = "storescp --fork, nothing synced, no index"
_STOCK_IMAGES = 300  # so many that the start of the program counts little


@dataclass(slots=True)
class Receiver:
    """A node under test."""

    name: str
    port: int
    ae_title: str
    folder: Path
    """Where its files appear, somewhere below."""
    suffix: str = "*"
    seen: set[Path] = field(default_factory=set)

    def stored(self) -> set[str]:
        """Checksums of the data sets of all files that are new since the last time."""
        files = {p for p in self.folder.rglob(self.suffix) if p.is_file()} - self.seen
        self.seen |= files
        return {hashlib.sha256(data_set_of(p.read_bytes())).hexdigest() for p in files}


async def dicom_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure receiving."""
    count = 40 if quick else 200
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(_ours(folder / mode, mode)) for mode in _MODES]
        peers, missing = await _peers(stack, folder)
        rates = await _rates([*receivers, *peers], count, 2 if quick else _TIMES)
        table = [_row(mode, n, rates, missing) for n in _ASSOCIATIONS for mode in _MODES]
        ours = next(r for r in receivers if r.name == "synced")
        storescp = next((p for p in peers if p.name == _STORESCP), None)
        table.append(await _stock_row(folder, ours, storescp))
    return table


async def _rates(
    receivers: list[Receiver], count: int, times: int
) -> dict[tuple[str, int], list[float]]:
    """Measure each receiver in turn, again and again [images/s]."""
    rates: dict[tuple[str, int], list[float]] = {}
    series = itertools.count(1)
    for _ in range(times):
        for associations in _ASSOCIATIONS:
            for receiver in receivers:
                numbers = [next(series) for _ in range(associations)]
                each = count // associations
                rate = await _rate(receiver, numbers, each)
                rates.setdefault((receiver.name, associations), []).append(rate)
    return rates


async def _rate(receiver: Receiver, series: list[int], count: int) -> float:
    sent = await asyncio.to_thread(send_at_once, receiver.port, receiver.ae_title, series, count)
    wanted = {checksum for one in sent for checksum in one.checksums}
    await _wait_for_files(receiver, wanted)
    if refused := sum(one.refused for one in sent):
        raise RuntimeError(f"{receiver.name} refused {refused} images")
    seconds = max(one.ended for one in sent) - min(one.began for one in sent)
    return len(wanted) / seconds


async def _wait_for_files(receiver: Receiver, wanted: set[str]) -> None:
    """Wait until all that was sent is stored, byte for byte."""
    missing, deadline = set(wanted), time.monotonic() + _READY_S
    while missing := missing - await asyncio.to_thread(receiver.stored):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{receiver.name} stored other bytes in {len(missing)} images")
        await asyncio.sleep(0.1)


def _row(
    mode: str, associations: int, rates: dict[tuple[str, int], list[float]], missing: str
) -> Row:
    rate = statistics.median(rates[mode, associations])
    orthanc = rates.get((_ORTHANC, associations))
    storescp = rates.get((_STORESCP, associations))
    bars: list[tuple[str, bool]] = []
    peers: list[str] = []
    detail = {"images_per_s": rate, "min": min(rates[mode, associations])}
    for name, found, least in (
        (_STORESCP, storescp, {"unsynced": 1.2, "synced": 1.0}.get(mode)),
        (_ORTHANC, orthanc, {"synced": 3.0}.get(mode)),
    ):
        if found is None:
            continue
        ratio = rate / statistics.median(found)
        peers.append(f"{ratio:.2f} x {name} ({statistics.median(found):.0f}/s)")
        detail[f"ratio_{name.split()[0].strip(',').lower()}"] = ratio
        if least is not None:
            bars.append((f">= {least:g} x {name.split()[0].strip(',')}", ratio >= least))
    return Row(
        f"C-STORE `{mode}`, associations: {associations}",
        f"{rate:.0f} images/s",
        ", ".join(text for text, _ in bars) or "none",
        all(holds for _, holds in bars),
        peer="; ".join([*peers, *([missing] if missing else [])]),
        detail=detail,
    )


async def _stock_row(folder: Path, ours: Receiver, storescp: Receiver | None) -> Row:
    """Measure DCMTK's sender as it comes, with Nagle's algorithm on."""
    program = shutil.which("dcmsend", path="/usr/bin:/usr/local/bin")
    if program is None or storescp is None:
        return Row("C-STORE from a stock dcmsend", "skipped", "none", holds=True, peer="no DCMTK")
    rates = {}
    for number, receiver in enumerate((ours, storescp)):
        paths = _files(folder / f"stock{number}", 900 + number, _STOCK_IMAGES)
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            program,
            *("-aec", receiver.ae_title, "127.0.0.1", str(receiver.port), *map(str, paths)),
            env={k: v for k, v in os.environ.items() if k != "TCP_NODELAY"},
        )
        if await process.wait():
            raise RuntimeError(f"dcmsend to {receiver.name} failed")
        rates[receiver.name] = len(paths) / (time.perf_counter() - began)
        sent = {hashlib.sha256(data_set_of(p.read_bytes())).hexdigest() for p in paths}
        await _wait_for_files(receiver, sent)
    ratio = rates[ours.name] / rates[storescp.name]
    return Row(
        "C-STORE `synced` from a stock dcmsend (Nagle on), its start included",
        f"{rates[ours.name]:.0f} images/s",
        ">= 50 x storescp",
        ratio >= 50,  # noqa: PLR2004 - the bar
        peer=f"{ratio:.1f} x storescp ({rates[storescp.name]:.0f}/s)",
        detail={"images_per_s": rates[ours.name], "ratio_storescp": ratio},
    )


def _files(folder: Path, series: int, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.dcm" for number in range(count)]
    for number, path in enumerate(paths):
        image(series, number).save_as(path, enforce_file_format=True)
    return paths


@asynccontextmanager
async def _ours(folder: Path, mode: str) -> AsyncIterator[Receiver]:
    port, dicom_port = free_port(), free_port()
    key = "SCANHUB_WORKFLOW_DICOM_DURABILITY"
    os.environ[key] = mode
    arguments = ["scanhub", "serve", "--data-dir", str(folder / "data"), "--port", str(port)]
    server = await start_child("server", [*arguments, "--dicom-port", str(dicom_port)], folder)
    del os.environ[key]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await _until(lambda: _ready(http), server.check_alive)
        yield Receiver(mode, dicom_port, "SCANHUB", folder, "dicom/1*/**/*.dcm")
    finally:
        await server.stop()


async def _ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/api/v1/workflowmanager/health/readiness")).is_success
    except httpx.TransportError:
        return False


async def _until(ready: Callable[[], object], check: Callable[[], object]) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        found = ready()
        if await found if asyncio.iscoroutine(found) else found:
            return
        check()
        if time.monotonic() > deadline:
            raise TimeoutError("a receiver did not become ready")
        await asyncio.sleep(0.05)


async def _peers(stack: AsyncExitStack, folder: Path) -> tuple[list[Receiver], str]:
    """Start what is installed; say what is not."""
    peers, missing = [], []
    for name, program, begin in (
        (_STORESCP, "storescp", _storescp),
        (_ORTHANC, "Orthanc", _orthanc),
    ):
        path = shutil.which(program, path="/usr/bin:/usr/sbin:/usr/local/bin")
        if path is None:
            missing.append(f"{program} is not installed")
            continue
        peers.append(await stack.enter_async_context(begin(name, path, folder / program)))
    return peers, ", ".join(missing)


@asynccontextmanager
async def _storescp(name: str, program: str, folder: Path) -> AsyncIterator[Receiver]:
    (folder / "in").mkdir(parents=True)
    port = free_port()
    command = [
        program,
        "--fork",
        "-aet",
        "STORESCP",
        "-od",
        str(folder / "in"),
        "+uf",
        "-pdu",
        "131072",
        str(port),
    ]
    async with _program(command, port, folder):
        yield Receiver(name, port, "STORESCP", folder / "in")


@asynccontextmanager
async def _orthanc(name: str, program: str, folder: Path) -> AsyncIterator[Receiver]:
    (folder / "in").mkdir(parents=True)
    port = free_port()
    settings = folder / "orthanc.json"
    settings.write_text(
        f'{{"StorageDirectory": "{folder / "in"}", "IndexDirectory": "{folder / "index"}", '
        f'"DicomPort": {port}, "HttpPort": {free_port()}, "DicomAet": "ORTHANC", '
        '"MaximumPduLength": 131072, '
        '"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "Plugins": []}'
    )
    async with _program([program, str(settings)], port, folder):
        yield Receiver(name, port, "ORTHANC", folder / "in")


@asynccontextmanager
async def _program(command: list[str], port: int, folder: Path) -> AsyncIterator[None]:
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"}
        )
    try:
        await _until(lambda: _answers(port), lambda: None)
        yield
    finally:
        process.terminate()
        await process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
