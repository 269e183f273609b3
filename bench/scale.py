"""Whether a large installation answers as a small one does, and how many may watch it.

Two servers, one with few images indexed and one with many, are asked the same by turns. Then many
people who are logged in follow the events of the large one, and somebody does something.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from bench.dicomweb_fill import fill_index, studies_of
from bench.dicomweb_images import series_uid, study_date, study_tags
from bench.measure import Row, quantile, spread_ms
from scanhub.demo.data import DemoApi
from scanhub.demo.processes import free_port, start

SMALL, MANY, QUICK, LARGE = 10_000, 300_000, 100_000, 1_000_000
_TIMES, _STREAMS, _EVENTS = 40, 200, 20
_FLAT: Final = 2.0
"""The most by which a median may grow."""
_SLACK_MS: Final = 2.0
"""Below that difference it is the machine."""
_LATEST_MS: Final = 1000.0
_READY_S = 60.0
_WEB = "/api/v1/workflowmanager/dicomweb"
_API = "/api/v1/workflowmanager"


@dataclass
class House:
    """A server with so many images indexed."""

    http: httpx.AsyncClient
    images: int

    async def seconds(self, path: str) -> float:
        """Ask, and return how long the answer took."""
        began = time.perf_counter()
        answer = await self.http.get(path)
        took = time.perf_counter() - began
        if answer.status_code not in {200, 204}:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
        return took


def _questions(images: int) -> dict[str, str]:
    """Return what is asked; a study in the middle, so that nothing is first or last."""
    studies = studies_of(images)
    study = studies[len(studies) // 2]
    tags, date = study_tags(study, 1), study_date(study)
    uid = tags["StudyInstanceUID"]
    return {
        "a study by its UID": f"{_WEB}/studies?StudyInstanceUID={uid}",
        "studies of a patient": f"{_WEB}/studies?PatientID={tags['PatientID']}",
        "studies of a day": f"{_WEB}/studies?StudyDate={date}&limit=50",
        "first page of studies": f"{_WEB}/studies?limit=50",
        "series of a study": f"{_WEB}/studies/{uid}/series",
        "images of a series": f"{_WEB}/studies/{uid}/series/{series_uid(study, 1)}/instances",
        "list of series": f"{_API}/series?limit=50",
        "cases": f"{_API}/cases?limit=50",
        "journal, the newest": f"{_API}/journal?newest=true&limit=50",
        "health": f"{_API}/health/detail",
    }


@asynccontextmanager
async def _house(folder: Path, images: int) -> AsyncIterator[House]:
    port, data = free_port(), folder / "data"
    (data / "databases").mkdir(parents=True)
    await fill_index(data / "databases" / "workflow-manager.sqlite", images)
    arguments = ["scanhub", "serve", "--data-dir", str(data), "--port", str(port)]
    server = await start("server", arguments, folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            await _ready(http)
            api = DemoApi(http)
            await api.log_in()
            http.headers["Authorization"] = f"Bearer {api.token}"
            yield House(http, images)
    finally:
        await server.stop()


async def _ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            try:
                if (await http.get("/api/v1/exam/health/readiness")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def scale_rows(folder: Path, *, quick: bool, large: bool) -> list[Row]:
    """Measure it.

    Args:
        folder: Where the servers keep their data.
        quick: With 100,000 images.
        large: With 1,000,000 images.
    """
    many = LARGE if large else QUICK if quick else MANY
    async with AsyncExitStack() as stack:
        houses = []
        for name, images in (("small", SMALL), ("large", many)):
            (folder / name).mkdir()
            houses.append(await stack.enter_async_context(_house(folder / name, images)))
        return [await _flat(*houses), await _watched(houses[1])]


async def _flat(small: House, large: House) -> Row:
    detail: dict[str, float] = {}
    worst, name_of_worst = 0.0, ""
    asked = {house.images: _questions(house.images) for house in (small, large)}
    for name in asked[small.images]:
        taken: dict[int, list[float]] = {small.images: [], large.images: []}
        for turn in range(_TIMES):
            for house in (small, large):
                seconds = await house.seconds(asked[house.images][name])
                if turn:  # the first one opens, reads and compiles
                    taken[house.images].append(1000 * seconds)
        before, after = (statistics.median(taken[house.images]) for house in (small, large))
        grown = after / before if after - before > _SLACK_MS else min(after / before, 1.0)
        detail |= {f"{name}, {small.images} [ms]": before, f"{name}, {large.images} [ms]": after}
        if grown >= worst:
            worst, name_of_worst = grown, name
    return Row(
        f"answers with {large.images:,} images beside {small.images:,}",
        f"{worst:.2f} x at most ({name_of_worst})",
        f"<= {_FLAT:g} x, or {_SLACK_MS:g} ms more",
        worst <= _FLAT,
        detail=detail,
    )


class _Heard:
    """Who heard of an event, and when."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}
        self.by_all = asyncio.Event()

    def note(self, number: int) -> None:
        """Somebody heard of it now."""
        self.at.setdefault(number, time.perf_counter())
        if len(self.at) == _STREAMS:
            self.by_all.set()


async def _watched(house: House) -> Row:
    """Let many follow the events; return how long one takes to reach them all."""
    heard = [_Heard() for _ in range(_EVENTS)]
    names: list[str] = []
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(
            base_url=house.http.base_url, headers=house.http.headers, limits=limits, timeout=60
        ) as http,
        asyncio.TaskGroup() as group,
    ):
        opened = [asyncio.Event() for _ in range(_STREAMS)]
        watchers = [
            group.create_task(_watch(http, number, opened[number], names, heard))
            for number in range(_STREAMS)
        ]
        for event in opened:
            await event.wait()
        delays = []
        for number in range(_EVENTS):
            names.append(f"stream-{number}-{time.time_ns()}")
            began = time.perf_counter()
            target: dict[str, Any] = {"name": names[-1], "target_type": "dummy"}
            answer = await house.http.post(f"{_API}/targets", json=target)
            answer.raise_for_status()
            async with asyncio.timeout(_READY_S):
                await heard[number].by_all.wait()
            delays += [at - began for at in heard[number].at.values()]
        for watcher in watchers:
            watcher.cancel()
    figures = spread_ms(delays)
    return Row(
        f"an event at {_STREAMS} people who are logged in, with {house.images:,} images",
        f"median {figures['median_ms']:.0f} ms, p99 {1000 * quantile(delays, 0.99):.0f} ms",
        f"p99 < {_LATEST_MS:g} ms",
        figures["p99_ms"] < _LATEST_MS,
        detail=figures,
    )


async def _watch(
    http: httpx.AsyncClient,
    number: int,
    opened: asyncio.Event,
    names: list[str],
    heard: list[_Heard],
) -> None:
    async with http.stream("GET", f"{_API}/events") as stream:
        stream.raise_for_status()
        opened.set()
        async for line in stream.aiter_lines():
            for index in range(len(names) - 1, -1, -1):
                if names[index] in line:
                    heard[index].note(number)
                    break
