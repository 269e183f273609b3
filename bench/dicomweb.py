"""DICOMweb beside Orthanc's plugin: the same client, the same images, in turn in one run.

Both have 100,000 instances of 10,000 studies in their index before anything is measured. What is
fetched is compared with what was sent, byte for byte; what is found, by the UIDs.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.dicom_sender import send_at_once
from bench.dicomweb_fill import INSTANCES, SERIES, fill_index, fill_orthanc
from bench.dicomweb_images import (
    FILLED,
    images,
    patient_id,
    series_uid,
    study_date,
    study_uid,
)
from bench.dicomweb_nodes import (
    BARE,
    DICOM_PARTS,
    OURS,
    Answer,
    Client,
    Node,
    bare_server,
    database_of,
    orthanc,
    our_node,
    parts_of,
)
from bench.measure import Bar, Row, latency_row, spread_ms
from scanhub_libraries.database import sqlite_url

STORED = 100_000
"""Instances in the indexes before."""
_LARGE = 266
"""Edge of an image of 142 KB [pixel]."""
_BIG_STUDY, _BIG = 900_001, 200
_STOW_STUDY = 900_100
_CLIENTS, _OF_EACH = 4, 25
"""That store at once, and how many images each of them."""
_REST_S = 1.0
"""After a large request, until what follows from it is over [s]."""
_FIRST_PAGE_MS = 50
_QIDO = Bar(20)
_WADO = Bar(10, floor=6)
_STOW_HUNDRED = Bar(3, floor=2)
_STOW_ONE = Bar(3, floor=0.7)
_OF_BARE = Bar(0.5, floor=0.4)
"""The floors are of decision 26."""
"""Share of what a bare server sends that a series shall have (decision 20)."""
_RECEIVED = 200


@dataclass(slots=True)
class Times:
    """Seconds of each node."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def add(self, node: str, seconds: float) -> None:
        """Keep one."""
        self.of.setdefault(node, []).append(seconds)

    def median(self, node: str) -> float:
        """Return the middle one [s]."""
        return statistics.median(self.of[node])


@dataclass(slots=True)
class Bench:
    """Clients of our node and, if it is there, of Orthanc."""

    clients: dict[str, Client]
    stored: int
    rows: list[Row] = field(default_factory=list)

    def full(self, bar: Bar) -> Bar | None:
        """Return a bar that counts with full indexes; with --quick the peer is nearly empty."""
        return bar if self.stored == STORED else None

    def row(self, name: str, times: Times, *, bar: Bar | None, work: float, unit: str) -> None:
        """Add the rate of a thing beside the peer's.

        Args:
            name: What was measured.
            times: Seconds of each node.
            bar: How many times the peer it shall be.
            work: How much was done each time, in the unit.
            unit: What is counted.
        """
        rate = work / times.median(OURS)
        detail = {"rate": rate, **{f"ours_{k}": v for k, v in spread_ms(times.of[OURS]).items()}}
        peers, holds, is_open = [], True, False
        for peer in times.of.keys() - {OURS, BARE}:
            ratio = times.median(peer) / times.median(OURS)
            peers.append(f"{ratio:.1f} x {peer} ({work / times.median(peer):.3g} {unit})")
            detail[f"ratio_{peer.lower()}"] = ratio
            holds = bar is None or bar.holds(ratio)
            is_open = bar is not None and bar.is_open(ratio)
        told = "none" if bar is None else bar.told("Orthanc")
        peer_text = "; ".join(peers) or "Orthanc is not installed"
        value = f"{rate:.4g} {unit}"
        self.rows.append(Row(name, value, told, holds, peer_text, detail, is_open))


async def dicomweb_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure searching, fetching, storing, and receiving beside a full index."""
    stored = STORED // 50 if quick else STORED
    await fill_index(sqlite_url(database_of(folder / "full")), stored)
    async with AsyncExitStack() as stack:
        fill = partial(fill_orthanc, instances=stored)
        peer = await stack.enter_async_context(orthanc(folder / "orthanc", fill))
        ours = await stack.enter_async_context(our_node(folder / "full"))
        empty = await stack.enter_async_context(our_node(folder / "empty"))
        size = sum(map(len, images(_BIG_STUDY, _BIG, _LARGE)))
        bare = await stack.enter_async_context(bare_server(folder, size))
        clients = {node.name: Client(node) for node in (ours, peer) if node is not None}
        bare_client = Client(bare)
        for client in (*clients.values(), bare_client):
            stack.callback(client.close)
        bench = Bench(clients, stored)
        for measure in (_store, _store_at_once, _search, _first_pages, _fetch):
            await asyncio.to_thread(measure, bench)
        await asyncio.to_thread(_fetch_series, bench, bare_client)
        bench.rows.append(await _receiving(ours, empty, 40 if quick else _RECEIVED))
        return bench.rows


# --- STOW-RS --------------------------------------------------------------------------------------


def _store(bench: Bench) -> None:
    """Store what both have, a hundred at a time and one at a time.

    Ours syncs folders and moves its index's log some moments after the answer: of a large request
    that ends before the other node is asked, so that it pays nothing for it.
    """
    big = list(images(_BIG_STUDY, _BIG, _LARGE))
    for client in bench.clients.values():
        _check_stored(client.store(big), len(big))
    hundred, one = Times(), Times()
    for number in range(5):
        files = list(images(_STOW_STUDY + number, 100, _LARGE))
        for name, client in bench.clients.items():
            hundred.add(name, _check_stored(client.store(files), 100))
            time.sleep(_REST_S)
    for image in images(_STOW_STUDY + 50, 40, _LARGE):
        for name, client in bench.clients.items():
            one.add(name, _check_stored(client.store([image]), 1))
    size = "142 KB"
    bench.row(
        f"STOW-RS, requests with 100 images of {size}",
        hundred,
        bar=_STOW_HUNDRED,
        work=100,
        unit="/s",
    )
    bench.row(f"STOW-RS, requests with 1 image of {size}", one, bar=_STOW_ONE, work=1, unit="/s")


def _store_at_once(bench: Bench) -> None:
    """Store single images over several connections at once, each of another series."""
    times = Times()
    for turn in range(5):
        first = _STOW_STUDY + 60 + _CLIENTS * turn
        series = [list(images(first + n, _OF_EACH, _LARGE)) for n in range(_CLIENTS)]
        for name, client in bench.clients.items():
            times.add(name, _seconds_at_once(client, series))
            time.sleep(_REST_S)
    name = f"STOW-RS, {_CLIENTS} clients at once, requests with 1 image of 142 KB"
    bench.row(name, times, bar=None, work=_CLIENTS * _OF_EACH, unit="/s")


def _seconds_at_once(client: Client, series: Sequence[Sequence[bytes]]) -> float:
    def send(files: Sequence[bytes]) -> None:
        own = client.another()
        try:
            for image in files:
                _check_stored(own.store([image]), 1)
        finally:
            own.close()

    with ThreadPoolExecutor(len(series)) as senders:
        began = time.perf_counter()
        for _ in senders.map(send, series):
            pass
        return time.perf_counter() - began


def _check_stored(answer: Answer, count: int) -> float:
    stored = len(json.loads(answer.body)["00081199"]["Value"])
    if stored != count:
        raise RuntimeError(f"{stored} of {count} instances were stored")
    return answer.seconds


# --- QIDO-RS --------------------------------------------------------------------------------------


def _search(bench: Bench) -> None:
    """Ask both for what both have."""
    some = FILLED + bench.stored // (2 * SERIES * INSTANCES)
    here = f"/studies/{study_uid(some)}"
    big = f"/studies/{study_uid(_BIG_STUDY)}/series/{series_uid(_BIG_STUDY)}/instances"
    month = study_date(some)[:6]
    of_month = f"/studies?StudyDate={month}01-{month}31&limit=100"
    page = f"/studies?StudyDate={study_date(FILLED)[:4]}0101-20141231&limit=100"
    for name, path, level in (
        ("one study by PatientID", f"/studies?PatientID={patient_id(some)}&limit=100", _STUDY),
        (f"the {SERIES} series of a study", f"{here}/series", _SERIES),
        (f"{INSTANCES} instances of a series", f"{here}/series/{series_uid(some)}/instances", _SOP),
        ("the studies of a month", of_month, _STUDY),
        ("first page of 100 studies by date", page, ""),
        (f"{_BIG} instances of a series", big, _SOP),
    ):
        times, found = Times(), {}
        for turn in range(33):
            for node, client in bench.clients.items():
                if node == OURS or turn % 3 == 0:
                    answer = client.get(path)
                    found[node] = _uids(answer, level)
                    times.add(node, answer.seconds)
        _check_same(path, found)
        bench.row(f"QIDO-RS, {name}", times, bar=bench.full(_QIDO), work=1, unit="/s")


_STUDY, _SERIES, _SOP = "0020000D", "0020000E", "00080018"


def _uids(answer: Answer, tag: str) -> list[str]:
    """Return what was found; without a tag only how much: each has pages of an order of its own."""
    found = json.loads(answer.body)
    return sorted(one[tag]["Value"][0] for one in found) if tag else [str(len(found))]


def _check_same(path: str, found: dict[str, list[str]]) -> None:
    if not found[OURS] or any(one != found[OURS] for one in found.values()):
        raise RuntimeError(f"{path}: the nodes found {[len(one) for one in found.values()]}")


def _first_pages(bench: Bench) -> None:
    """Ask for first pages of what is only in the index."""
    client = bench.clients[OURS]
    study = study_uid(FILLED + 5)
    for name, path, count in (
        ("studies by PatientID", f"/studies?PatientID={patient_id(FILLED + 9)}&limit=100", 1),
        ("studies by date", "/studies?StudyDate=20010101-20081231&limit=100", 100),
        ("studies by date, all attributes", "/studies?limit=100&includefield=all", 100),
        ("studies by name", "/studies?PatientName=name0*&limit=100", 100),
        (
            "studies by modality and name",
            "/studies?ModalitiesInStudy=MR&PatientName=N*&limit=100",
            100,
        ),
        ("series of all studies", "/series?limit=100", 100),
        ("series of a study", f"/studies/{study}/series?includefield=all", SERIES),
        ("instances of a study", f"/studies/{study}/instances?limit=100", SERIES * INSTANCES),
        ("instances of all studies", "/instances?limit=100", 100),
    ):
        times = []
        for _ in range(100):
            answer = client.get(path)
            times.append(answer.seconds)
        found = len(json.loads(answer.body))
        if found != count and bench.stored == STORED:  # --quick has fewer
            raise RuntimeError(f"{path}: {found} answers and not {count}")
        row = latency_row(f"QIDO-RS, first page of {name}", times, None, _FIRST_PAGE_MS)
        bench.rows.append(row)


# --- WADO-RS --------------------------------------------------------------------------------------


def _fetch(bench: Bench) -> None:
    """Fetch images one by one, and the metadata of their series."""
    single, metadata = Times(), Times()
    for number, sent in enumerate(images(_BIG_STUDY, 60, _LARGE), start=1):
        path = f"{_BIG_SERIES}/instances/{series_uid(_BIG_STUDY)}.{number}"
        for name, client in bench.clients.items():
            answer = client.get(path, DICOM_PARTS)
            single.add(name, answer.seconds)
            _check_bytes(name, parts_of(answer), [sent])
    for _ in range(5):
        for name, client in bench.clients.items():
            answer = client.get(f"{_BIG_SERIES}/metadata")
            metadata.add(name, answer.seconds)
            if len(json.loads(answer.body)) != _BIG:
                raise RuntimeError(f"{name}: metadata of a part of the series")
    one_by_one = bench.full(_WADO)
    bench.row("WADO-RS, instances one by one", single, bar=one_by_one, work=1, unit="/s")
    bench.row("WADO-RS, metadata of a series of 200", metadata, bar=None, work=1, unit="/s")


_BIG_SERIES = f"/studies/{study_uid(_BIG_STUDY)}/series/{series_uid(_BIG_STUDY)}"


def _fetch_series(bench: Bench, bare: Client) -> None:
    """Fetch a series whole, beside what a bare server sends; decision 20 says why."""
    sent = list(images(_BIG_STUDY, _BIG, _LARGE))
    stored = Times()
    for _ in range(9):
        for name, client in bench.clients.items():
            answer = client.get(_BIG_SERIES, DICOM_PARTS)
            stored.add(name, answer.seconds)
            _check_bytes(name, parts_of(answer), sent)
        stored.add(BARE, bare.get("/").seconds)
    megabytes = sum(map(len, sent)) / 1e6
    name = "WADO-RS, a series of 200"
    bench.row(name, stored, bar=None, work=megabytes, unit="MB/s")
    bench.rows.append(_beside_bare(name, stored, megabytes))


def _beside_bare(name: str, times: Times, megabytes: float) -> Row:
    share = times.median(BARE) / times.median(OURS)
    return Row(
        f"{name}, beside a bare server",
        f"{megabytes / times.median(OURS):.4g} MB/s",
        _OF_BARE.told("what the HTTP server sends from memory"),
        _OF_BARE.holds(share),
        f"{share:.2f} x ({megabytes / times.median(BARE):.3g} MB/s)",
        {"share": share, "bare_s": times.median(BARE)},
        is_open=_OF_BARE.is_open(share),
    )


def _check_bytes(name: str, found: list[bytes], sent: list[bytes]) -> None:
    if not found or sorted(found) != sorted(sent):
        raise RuntimeError(f"{name} gave other bytes than it was sent")


# --- receiving ------------------------------------------------------------------------------------


async def _receiving(full: Node, empty: Node, count: int) -> Row:
    """Receive with a full index and with an empty one, in turn."""
    rates: dict[str, list[float]] = {"full": [], "empty": []}
    for turn in range(5):
        for name, node in (("full", full), ("empty", empty)):
            series = [700_000 + 10 * turn + (name == "full")]
            (sent,) = await asyncio.to_thread(
                send_at_once, node.dicom_port, "SCANHUB", series, count
            )
            if sent.refused:
                raise RuntimeError(f"{sent.refused} images were refused")
            rates[name].append(count / (sent.ended - sent.began))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratio = middle["full"] / middle["empty"]
    return Row(
        "C-STORE with the full index, 1 association",
        f"{middle['full']:.0f} images/s",
        ">= 0.9 x the empty index",
        ratio >= 0.9,  # noqa: PLR2004 - the bar
        f"{ratio:.2f} x the empty index ({middle['empty']:.0f}/s)",
        {"full": middle["full"], "empty": middle["empty"], "ratio": ratio},
    )
