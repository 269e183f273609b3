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
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from bench.dicom_bare import DROP, KEEP
from bench.dicom_floor import copy_rate, floor_rate
from bench.dicom_sender import data_set_of, image, send_at_once
from bench.measure import Bar, Row
from scanhub.demo.processes import free_port
from scanhub.demo.processes import start as start_child

_READY_S = 60.0
_TIMES = 3
_IMAGES = 1000
"""Of a rate; 200 are over in a tenth of a second, which says little."""
_ASSOCIATIONS = (1, 4)
_MODES = ("unsynced", "indexed", "synced", "directory")
_ORTHANC = "Orthanc, index committed and file synced"
_STORESCP = "storescp --fork, nothing synced, no index"
_SYNCS = "a bare loop that creates, writes and syncs"
_OF_STORESCP = {1: Bar(1.2), 4: Bar(1.2, floor=0.7)}
_OF_ORTHANC = Bar(3.0, floor=1.7)
_OF_THE_LOOP = Bar(0.5, floor=0.4)
_OF_THE_KEEPER = Bar(0.5, floor=0.35)
"""The floors are of decision 26."""
_BARE = {
    _SYNCS: floor_rate,
    "the same, a copy synced instead": copy_rate,
}
"""Beside `synced`: what the disk gives without a network, a protocol or an index."""
_AS_MUCH = "a bare receiver that keeps as much"
_NOTHING = "one that drops all"
_BARE_RECEIVERS = {_AS_MUCH: KEEP, _NOTHING: DROP}
"""What is possible on this machine, with the senders on it (decision 24)."""
_STOCK_MODES = ("unsynced", "synced")
_STOCK_IMAGES = 300
_STALLED, _OF_OUR_SENDER = 50, 0.8
"""What a stock sender is held to: beside a receiver that stalls it, and beside a quick sender."""
_FIRST_IMAGES = 40
"""Sent before it is measured: what a receiver does once is no rate."""
_AT_ITS_BEST = {"TCP_NODELAY": "1"}
"""Environment of DCMTK's programs; without it they wait for acknowledgements."""
_PROGRAMS = "/usr/bin:/usr/sbin:/usr/local/bin"


@dataclass(slots=True)
class Receiver:
    """A node under test."""

    name: str
    port: int
    ae_title: str
    folder: Path
    """Where its files appear, somewhere below."""
    suffix: str = "*"
    keeps: bool = True
    """Whether its files hold what was sent, to be compared."""
    seen: set[Path] = field(default_factory=set)

    def stored(self) -> set[str]:
        """Checksums of the data sets of all files that are new since the last time."""
        files = {p for p in self.folder.rglob(self.suffix) if p.is_file()} - self.seen
        self.seen |= files
        return {hashlib.sha256(data_set_of(p.read_bytes())).hexdigest() for p in files}


Start = Callable[[Path], AbstractAsyncContextManager[Receiver]]
"""Starts a receiver in a folder that is not there yet."""


async def dicom_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure receiving."""
    times = 2 if quick else _TIMES
    ours: dict[str, Start] = {mode: partial(_ours, mode=mode) for mode in _MODES}
    bare: dict[str, Start] = {n: partial(_bare, kind=k) for n, k in _BARE_RECEIVERS.items()}
    peers, missing = _peers()
    rates = await _rates({**ours, **peers, **bare}, folder, times)
    table = [_row(mode, n, rates, missing) for n in _ASSOCIATIONS for mode in _MODES]
    table += await _stock_rows(folder, {mode: ours[mode] for mode in _STOCK_MODES})
    return table


async def _rates(
    candidates: dict[str, Start], folder: Path, times: int
) -> dict[tuple[str, int], list[float]]:
    """Measure each receiver in turn, again and again, and no other runs meanwhile [images/s]."""
    rates: dict[tuple[str, int], list[float]] = {}
    series = itertools.count(1)
    for turn in range(times):
        for name, start in candidates.items():
            await asyncio.to_thread(os.sync)  # nobody pays for what another one has written
            async with start(folder / f"{turn}-{name.replace(' ', '-')}") as receiver:
                await _rate(receiver, [next(series)], _FIRST_IMAGES)
                for associations in _ASSOCIATIONS:
                    await asyncio.to_thread(os.sync)
                    numbers = [next(series) for _ in range(associations)]
                    rate = await _rate(receiver, numbers, _IMAGES // associations)
                    rates.setdefault((name, associations), []).append(rate)
        for name, bare in _BARE.items():
            for associations in _ASSOCIATIONS:
                await asyncio.to_thread(os.sync)
                place = folder / f"{turn}-{name.split()[-1]}-{associations}"
                count = _IMAGES // associations
                rate = await asyncio.to_thread(bare, place, associations, count)
                rates.setdefault((name, associations), []).append(rate)
    return rates


async def _rate(receiver: Receiver, series: list[int], count: int) -> float:
    sent = await asyncio.to_thread(send_at_once, receiver.port, receiver.ae_title, series, count)
    wanted = {checksum for one in sent for checksum in one.checksums}
    if receiver.keeps:
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


def _bare_bars(mode: str, associations: int) -> dict[str, Bar | None]:
    """Return what does nothing else, beside which a mode is told, and what it is held to there."""
    if mode not in {"synced", "directory"}:
        return {_NOTHING: None}
    is_held = mode == "synced"
    return {
        **dict.fromkeys(_BARE),
        _SYNCS: _OF_THE_LOOP if is_held and associations == 1 else None,
        _AS_MUCH: _OF_THE_KEEPER if is_held and associations > 1 else None,
        _NOTHING: None,
    }


def _row(
    mode: str, associations: int, rates: dict[tuple[str, int], list[float]], missing: str
) -> Row:
    rate = statistics.median(rates[mode, associations])
    orthanc = rates.get((_ORTHANC, associations))
    storescp = rates.get((_STORESCP, associations))
    bars: list[tuple[Bar, str, float]] = []
    peers: list[str] = []
    detail = {"images_per_s": rate, "min": min(rates[mode, associations])}
    for name, found, bar in (
        (_STORESCP, storescp, _OF_STORESCP[associations] if mode == "unsynced" else None),
        (_ORTHANC, orthanc, _OF_ORTHANC if (mode, associations) == ("synced", 1) else None),
    ):
        if found is None:
            continue
        ratio = rate / statistics.median(found)
        peers.append(f"{ratio:.2f} x {name} ({statistics.median(found):.0f}/s)")
        detail[f"ratio_{name.split()[0].strip(',').lower()}"] = ratio
        if bar is not None:
            bars.append((bar, name.split()[0].strip(","), ratio))
    for name, bar in _bare_bars(mode, associations).items():
        ratio = rate / statistics.median(rates[name, associations])
        peers.append(f"{ratio:.2f} x {name} ({rate / ratio:.0f}/s)")
        detail[f"ratio_to_{name.split()[-1]}"] = ratio
        if bar is not None:
            bars.append((bar, name, ratio))
    holds = all(bar.holds(ratio) for bar, _, ratio in bars)
    return Row(
        f"C-STORE `{mode}`, associations: {associations}",
        f"{rate:.0f} images/s",
        ", ".join(bar.told(name) for bar, name, _ in bars) or "none",
        holds,
        peer="; ".join([*peers, *([missing] if missing else [])]),
        detail=detail,
        is_open=not holds and all(bar.holds(ratio) or bar.is_open(ratio) for bar, _, ratio in bars),
    )


async def _stock_rows(folder: Path, ours: dict[str, Start]) -> list[Row]:
    """Measure DCMTK's sender as it comes, with Nagle's algorithm on, to receivers as they come."""
    paths = {name: shutil.which(name, path=_PROGRAMS) for name in ("dcmsend", "storescp")}
    dcmsend, storescp = paths["dcmsend"], paths["storescp"]
    if dcmsend is None or storescp is None:
        return [Row("C-STORE from a stock dcmsend", "skipped", "none", holds=True, peer="no DCMTK")]
    peer: Start = partial(_storescp, program=storescp, environment={})
    rates, own = {}, {}
    for number, (name, start) in enumerate({_STORESCP: peer, **ours}.items()):
        files = _files(folder / f"stock{number}", 900 + number, _STOCK_IMAGES)
        await asyncio.to_thread(os.sync)
        async with start(folder / f"to{number}") as receiver:
            rates[name] = await _stock_rate(dcmsend, receiver, files)
            if name in ours:
                own[name] = await _rate(receiver, [950 + number], _STOCK_IMAGES)
    return [_stock_row(name, rates[name], rates[_STORESCP], own[name]) for name in ours]


async def _stock_rate(dcmsend: str, receiver: Receiver, paths: list[Path]) -> float:
    """Return what DCMTK sends [images/s]; what one image takes, its start mostly, is taken off."""
    seconds = []
    for some in (paths[:1], paths[1:]):
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            dcmsend,
            *("-aec", receiver.ae_title, "127.0.0.1", str(receiver.port), *map(str, some)),
            env=_plain_environment(),
        )
        if await process.wait():
            raise RuntimeError(f"dcmsend to {receiver.name} failed")
        seconds.append(time.perf_counter() - began)
    sent = {hashlib.sha256(data_set_of(p.read_bytes())).hexdigest() for p in paths}
    await _wait_for_files(receiver, sent)
    return (len(paths) - 1) / (seconds[1] - seconds[0])


def _stock_row(mode: str, rate: float, peer: float, own: float) -> Row:
    """Return the row of a mode.

    Args:
        mode: That was measured.
        rate: What DCMTK's sender got there [images/s].
        peer: What it got from DCMTK's receiver, which stalls it [images/s].
        own: What our sender got of the same receiver, right after [images/s].
    """
    ratio, of_own = rate / peer, rate / own
    is_synced = mode == "synced"  # where the disk is waited for (decision 25)
    return Row(
        f"C-STORE `{mode}` from a stock dcmsend (Nagle on), its start taken off",
        f"{rate:.0f} images/s",
        f">= {_OF_OUR_SENDER:g} x our sender" if is_synced else f">= {_STALLED:g} x storescp",
        of_own >= _OF_OUR_SENDER if is_synced else ratio >= _STALLED,
        peer=f"{ratio:.1f} x storescp as it comes ({peer:.0f}/s); "
        f"{of_own:.2f} x our sender to the same ({own:.0f}/s)",
        detail={"images_per_s": rate, "ratio_storescp": ratio, "ratio_own_sender": of_own},
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


def _peers() -> tuple[dict[str, Start], str]:
    """Return what is installed; say what is not."""
    peers: dict[str, Start] = {}
    missing = []
    for name, program, begin in (
        (_STORESCP, "storescp", _storescp),
        (_ORTHANC, "Orthanc", _orthanc),
    ):
        path = shutil.which(program, path=_PROGRAMS)
        if path is None:
            missing.append(f"{program} is not installed")
        else:
            peers[name] = partial(begin, program=path)
    return peers, ", ".join(missing)


@asynccontextmanager
async def _storescp(
    folder: Path, program: str, environment: dict[str, str] = _AT_ITS_BEST
) -> AsyncIterator[Receiver]:
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
    async with _program(command, port, folder, environment):
        yield Receiver(_STORESCP, port, "STORESCP", folder / "in")


@asynccontextmanager
async def _orthanc(folder: Path, program: str) -> AsyncIterator[Receiver]:
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
        yield Receiver(_ORTHANC, port, "ORTHANC", folder / "in")


@asynccontextmanager
async def _bare(folder: Path, kind: str) -> AsyncIterator[Receiver]:
    (folder / "kept").mkdir(parents=True)
    port = free_port()
    command = [sys.executable, "-m", "bench.dicom_bare", str(port), str(folder / "kept"), kind]
    async with _program(command, port, folder, dict(os.environ)):
        yield Receiver(kind, port, "BARE", folder, keeps=False)


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _AT_ITS_BEST}


@asynccontextmanager
async def _program(
    command: list[str], port: int, folder: Path, environment: dict[str, str] = _AT_ITS_BEST
) -> AsyncIterator[None]:
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, env=_plain_environment() | environment
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
