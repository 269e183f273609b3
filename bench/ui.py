"""The UI in a real browser: long lists that are scrolled, what opens how soon, memory over time.

How fast a list scrolls depends on the browser and on what draws. So the same browser scrolls a bare
page with as many plain rows, in the same run.
"""

import asyncio
import math
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pypulseq as pp
from playwright.async_api import Browser, Page

from bench.chromium import PLAIN, SCROLL, SHOWN, chromium, heap_bytes, logged_in, newcomer
from bench.dicomweb_fill import INSTANCES
from bench.house import House, houses
from bench.measure import Row, quantile
from bench.records import Rows, patient_rows, store, tree_rows
from exam_manager.patients.models import Patient
from scanhub.demo.data import DemoApi, DemoData, create_data
from scanhub.demo.follow import EventFollower, following
from scanhub_device import DeviceClient, load_credentials
from scanhub_device.simulator import SimulatedScanner, SimulatorSettings, default_sequence
from scanhub_libraries.database import sqlite_url

_EXAMS, _CASES, _SAMPLES = 10_000, 1_000, 1_000_000
_SCROLL_S, _STEP_PX = 4.0, 180
_FRAME_MS = 1000 / 60
_SLACK: Final = 0.01
"""Share of the frames by which a list may drop more than plain rows do."""
_OPENINGS, _LONGEST_S = 5, 120.0
_OPEN_MS, _DRAW_MS = 1500.0, 1000.0
_SOAK_S, _QUICK_SOAK_S, _LARGE_SOAK_S = 300.0, 60.0, 3600.0
_WARM_SCANS = 5
_GROWTH: Final = 1.1


async def ui_rows(folder: Path, *, quick: bool, large: bool) -> list[Row]:
    """Measure pages of an installation with much in it.

    Args:
        folder: Where the server keeps its data.
        quick: Look at memory for a minute only.
        large: Look at memory for an hour.
    """
    soak_s = _LARGE_SOAK_S if large else _QUICK_SOAK_S if quick else _SOAK_S
    async with houses(folder, (_CASES * INSTANCES,), postgresql=False) as [house]:
        url = str(house.http.base_url)
        api = DemoApi(house.http)
        await api.log_in()
        data = await create_data(api, default_sequence(), folder)
        await store(_record(house), _many_exams())
        sequence_id = await _add_sequence(api, await asyncio.to_thread(_write, folder))
        async with chromium() as browser, logged_in(browser, url) as page:
            return [
                await _scrolled(page, "/?days=all", "Worklist", _EXAMS, "exams"),
                await _scrolled(page, "/cases", "Cases", _CASES, "cases"),
                await _opened(browser, page, url, f"/exams/{data.exam_id}"),
                await _drawn(page, sequence_id),
                await _soaked(page, api, data, url, soak_s),
            ]


def _record(house: House) -> str:
    return sqlite_url(house.data / "databases" / "exam-manager.sqlite")


def _many_exams() -> Iterable[Rows]:
    patients = patient_rows(_EXAMS)
    yield patients
    for patient in patients[Patient]:
        yield tree_rows(patient["id"], 1, 2)


def _write(folder: Path) -> Path:
    """Write a sequence whose one gradient has a million samples."""
    blocks, path = 20, folder / "million.seq"
    system = pp.Opts(max_grad=28, grad_unit="mT/m", max_slew=120, slew_unit="T/m/s")
    count = _SAMPLES // blocks
    wave = 0.5 * system.max_grad * np.abs(np.sin(np.linspace(0, 20 * math.pi, count)))
    sequence = pp.Sequence(system)
    gradient = pp.make_arbitrary_grad("x", wave, first=0, last=0, system=system)
    for _ in range(blocks):
        sequence.add_block(gradient)
    sequence.set_definition("Name", "million")
    sequence.write(str(path))
    return path


async def _add_sequence(api: DemoApi, path: Path) -> str:
    """Upload it, and wait until its plot is ready."""
    content = await asyncio.to_thread(path.read_bytes)
    made = await api.call(
        "POST",
        "/exam/sequence",
        files={"seq_file": (path.name, content)},
        data={"name": path.stem, "description": "", "sequence_type": "GRE"},
    )
    url = f"/api/v1/exam/sequence/{made['_id']}/plot"
    headers = {"Authorization": f"Bearer {api.token}"}
    async with asyncio.timeout(120):
        while not (answer := await api.http.get(url, headers=headers)).is_success:
            if answer.status_code != 503:  # noqa: PLR2004 - not ready yet
                answer.raise_for_status()
            await asyncio.sleep(0.2)
    samples = max(channel["num_vertices"] for channel in answer.json()["channels"])
    if samples < _SAMPLES:
        raise RuntimeError(f"the plot has {samples} samples")
    return str(made["_id"])


async def _scrolled(page: Page, path: str, label: str, count: int, what: str) -> Row:
    """Load all rows, scroll them, then as many plain ones."""
    await page.goto(path)
    selector = f'[role="table"][aria-label="{label}"]'
    await page.locator(f"{selector} [data-row-index]").first.wait_for()
    began = time.perf_counter()
    while await _rows_of(page, selector) <= count:
        await page.locator(selector).evaluate("list => list.scrollTo(0, list.scrollHeight)")
        if time.perf_counter() - began > _LONGEST_S:
            raise TimeoutError(f"{label} has {await _rows_of(page, selector)} rows")
        await page.wait_for_timeout(20)
    gaps = await page.evaluate(SCROLL, [selector, _SCROLL_S, _STEP_PX])
    await page.evaluate(PLAIN, [selector, count])
    plain = await page.evaluate(SCROLL, ["#plain", _SCROLL_S, _STEP_PX])
    ours, theirs = _dropped(gaps), _dropped(plain)
    return Row(
        f"{count:,} {what} scrolled, {_STEP_PX} px a frame",
        f"{100 * ours:.1f} % of the frames dropped, p99 {quantile(gaps, 0.99):.0f} ms",
        f"<= plain rows + {100 * _SLACK:g} %",
        ours <= theirs + _SLACK,
        peer=f"plain rows {100 * theirs:.1f} %, p99 {quantile(plain, 0.99):.0f} ms",
        detail={
            "dropped": ours,
            "frames": len(gaps),
            "p99_ms": quantile(gaps, 0.99),
            "max_ms": max(gaps),
            "plain_dropped": theirs,
            "plain_p99_ms": quantile(plain, 0.99),
            "plain_max_ms": max(plain),
        },
    )


async def _rows_of(page: Page, selector: str) -> int:
    return int(await page.locator(selector).get_attribute("aria-rowcount") or 0)


def _dropped(gaps: list[float]) -> float:
    """Return the share of the frames that were due and did not come."""
    missing = sum(max(0, round(gap / _FRAME_MS) - 1) for gap in gaps)
    return missing / (len(gaps) + missing)


async def _opened(browser: Browser, page: Page, url: str, path: str) -> Row:
    """Open an exam with an empty cache until its queue can be used."""
    wanted = [['[data-testid="task-row"]', 2], ['button[aria-label="Start scan"]', 1]]
    times, bare = [], []
    for _ in range(_OPENINGS):
        async with newcomer(browser, page, url) as fresh:
            await fresh.goto(path, wait_until="commit")
            times.append(await _shown(fresh, wanted, 0))
        async with newcomer(browser, page, url) as fresh:
            await fresh.goto("/favicon.svg", wait_until="commit")
            bare.append(await _shown(fresh, [["svg", 1]], 0))
    return _time_row("exam page interactive, cache empty", times, _OPEN_MS, bare)


async def _shown(page: Page, wanted: list[list[Any]], since_ms: float) -> float:
    """Return when all is there and drawn [ms]."""
    async with asyncio.timeout(_LONGEST_S):
        return float(await page.evaluate(SHOWN, [wanted, since_ms]))


def _time_row(name: str, times: list[float], bar: float, bare: list[float] | None = None) -> Row:
    median = statistics.median(times)
    beside = f"a picture alone {statistics.median(bare):.0f} ms" if bare else ""
    return Row(
        name,
        f"median {median:.0f} ms, longest {max(times):.0f} ms",
        f"median < {bar:.0f} ms",
        median < bar,
        peer=beside,
        detail={"median_ms": median, "max_ms": max(times), "min_ms": min(times)},
    )


async def _drawn(page: Page, sequence_id: str) -> Row:
    """Look at a sequence of a million samples until its plots are drawn."""
    drawn = [['[data-testid="line-plot"]', 6], ['[data-testid="sequence-window"]', 1]]
    times = []
    for _ in range(_OPENINGS):
        await page.goto(f"/sequences?id={sequence_id}")
        look = page.get_by_role("button", name="Look at it")
        await look.wait_for()
        since = await look.evaluate("(button) => { button.click(); return performance.now(); }")
        times.append(await _shown(page, drawn, since))
    return _time_row("plot of 1,000,000 samples, first draw", times, _DRAW_MS)


async def _soaked(page: Page, api: DemoApi, data: DemoData, url: str, seconds: float) -> Row:
    """Keep the exam open while it is scanned again and again, at ten times its speed."""
    await page.goto(f"/exams/{data.exam_id}?task={data.acquisition_task_id}")
    await page.get_by_test_id("task-row").first.wait_for()
    known = load_credentials(data.credentials)
    link = f"{url.replace('http', 'ws', 1)}/api/v1/device/ws"
    token = known.device_token.get_secret_value()
    scanner = SimulatedScanner(SimulatorSettings(time_scale=0.1))
    async with following(api.http, api.token) as follower:
        client = DeviceClient(link, known.device_id, token, scanner)
        running = asyncio.create_task(client.run())
        try:
            await _until(follower, "device.connected", 0, device_id=str(data.device_id))
            return await _soak(page, api, data, follower, seconds)
        finally:
            client.close()
            await running


async def _soak(
    page: Page, api: DemoApi, data: DemoData, follower: EventFollower, seconds: float
) -> Row:
    for _ in range(_WARM_SCANS):
        await _scan(api, data, follower)
    before = await heap_bytes(page)
    began, events, scans, heap = time.perf_counter(), len(follower.events), 0, [before]
    while time.perf_counter() - began < seconds:
        await _scan(api, data, follower)
        scans += 1
        heap.append(await heap_bytes(page))
    after = statistics.median(heap[-3:])
    told = len(follower.events) - events
    return Row(
        f"memory of the exam page over {seconds / 60:g} min of scans",
        f"{after / 1e6:.1f} MB after {told:,} events of {scans} scans (before: {before / 1e6:.1f})",
        f"<= {_GROWTH:g} x before",
        after <= _GROWTH * before,
        detail={"before": before, "after": after, "most": max(heap), "events": told},
    )


async def _scan(api: DemoApi, data: DemoData, follower: EventFollower) -> None:
    """Scan and reconstruct once more."""
    after = len(follower.events)
    await api.call("POST", f"/workflowmanager/trigger_task/{data.acquisition_task_id}/")
    job = str(data.reconstruction_task_id)
    await _until(follower, "exam.task.finished", after, task_id=job)


async def _until(follower: EventFollower, kind: str, after: int, **known: Any) -> None:
    await follower.wait_for(
        lambda event: event["type"] == kind and known.items() <= event["data"].items(),
        lambda _event: None,
        60,
        kind,
        after=after,
    )
