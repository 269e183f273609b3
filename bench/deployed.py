"""The deployed form: docker-compose.yml in containers, asked through its gateway over TLS.

What the same rows take in one process is in the groups `scan`, `engine`, `scale` and `dicom`. Needs
podman, root and some minutes to build the images, so it is measured only when it is asked for.
"""

import asyncio
import importlib
import itertools
import json
import ssl
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from bench import rows
from bench.device import connected
from bench.dicom_sender import send_at_once
from bench.engine_lab import Lab
from bench.house import House
from bench.measure import Row, spread_ms
from bench.start_floor import start_floor
from bench.streams import watched_row
from scanhub.demo.data import DemoApi, create_data
from scanhub.demo.follow import following
from scanhub_device.simulator import default_sequence

_TESTS = Path(__file__).resolve().parent.parent / "tests"
_LISTENERS: Final = (1, 2)
_ASSOCIATIONS: Final = (1, 4)
_FIRST_IMAGES: Final = 40
_ARCHIVE: Final = {"ip": "archive", "port": 11113, "aet_target": "ARCHIVE"}
_RULE: Final = {"rule": "tags.PatientID == 'BENCH'", "action": "discard", "target": []}
"""What is received is not sent on: only receiving is measured."""
_WAIT_S: Final = 120.0


async def deployed_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Build the images, bring everything up, and measure; a row that says why not, where not."""
    sys.path[:0] = [str(_TESTS), str(_TESTS / "deploy")]
    deploying: Any = importlib.import_module("deployment")  # as the tests of the deployment do
    deploying.PROJECT = "scanhub-bench"
    reason = deploying.why_not()
    if reason is not None:
        return [Row("the deployed form", "skipped", "none", holds=True, peer=reason)]
    deployment = deploying.Deployment(await asyncio.to_thread(deploying.prepared), folder)
    with ExitStack() as stack:
        try:
            await asyncio.to_thread(stack.enter_context, deployment.running())
            async with _logged_in(deployment) as api:
                scans = await _scan_rows(api, deployment, folder, count=5 if quick else 20)
                # From here on a series that no rule is about is sent nowhere.
                await api.call("POST", "/workflowmanager/rules", json={"name": "none", **_RULE})
                return [
                    *scans,
                    await _stream_row(api, deployment.trust),
                    *await _receive_rows(deployment, folder, images=200 if quick else 1000),
                ]
        finally:
            await asyncio.to_thread(stack.close)


@asynccontextmanager
async def _logged_in(deployment: Any) -> AsyncIterator[DemoApi]:
    async with httpx.AsyncClient(
        base_url=deployment.url, verify=deployment.trust, timeout=60
    ) as http:
        api = DemoApi(http)
        await api.log_in()
        yield api


# --- scans and runs -------------------------------------------------------------------------------


async def _scan_rows(api: DemoApi, deployment: Any, folder: Path, *, count: int) -> list[Row]:
    await api.call("POST", "/workflowmanager/targets", json={"name": "archive", **_ARCHIVE})
    data = await create_data(api, default_sequence(), folder)
    credentials = json.loads(data.credentials.read_text())
    link = deployment.url.replace("https", "wss", 1) + "/api/v1/device/ws"
    raw = await asyncio.to_thread(rows.simulate, folder / "raw.mrd")
    async with AsyncExitStack() as stack:
        follower = await stack.enter_async_context(following(api.http, api.token))
        device = await stack.enter_async_context(connected(link, credentials, tls=deployment.trust))
        floor = await stack.enter_async_context(start_floor(folder / "floor"))
        lab = Lab(api, data, device, follower, deployment.https_port, 0)
        table = [
            *await rows.start_and_stop(api, data, device, follower, floor),
            *await rows.raw_to_archive(api, data, device, raw, follower),
            await _run_row(lab, raw, count=count),
        ]
    return [_told_apart(row) for row in table]


async def _run_row(lab: Lab, raw: Path, *, count: int) -> Row:
    """Measure what a run adds: from its place in the queue to a worker, in another container."""
    task = lab.data.reconstruction_task_id
    content = await asyncio.to_thread(raw.read_bytes)
    before = len(await lab.api.call("GET", f"/workflowmanager/runs?task_id={task}"))
    await lab.measure(content, "first.mrd")
    await lab.ended(task, before + 1)
    waited, whole = [], []
    for number in range(count):
        await lab.api.call("POST", f"/workflowmanager/trigger_task/{task}/")
        run = await lab.ended(task, before + 2 + number)
        queued, began, ended = (
            datetime.fromisoformat(run[name]) for name in ("created_at", "started_at", "ended_at")
        )
        waited.append((began - queued).total_seconds())
        whole.append((ended - queued).total_seconds())
    figures, all_of_it = spread_ms(waited), spread_ms(whole)
    return Row(
        f"a run from its queue to a worker, {count} times",
        f"median {figures['median_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms",
        "none",
        holds=True,
        peer=f"the whole run with its job {all_of_it['median_ms']:.0f} ms",
        detail={**figures, **{f"whole_{name}": value for name, value in all_of_it.items()}},
    )


def _told_apart(row: Row) -> Row:
    """Return a row of the deployed form: its bars are those of one process, and for comparison."""
    bar = "none" if row.bar == "none" else f"none ({row.bar} in one process)"
    return replace(row, name=f"{row.name}, deployed", bar=bar, holds=True)


# --- people who are logged in ---------------------------------------------------------------------


async def _stream_row(api: DemoApi, trust: ssl.SSLContext) -> Row:
    api.http.headers["Authorization"] = f"Bearer {api.token}"
    house = House(api.http, 0, UUID(int=0), [], Path(), {})
    row = await watched_row(house, "PostgreSQL", verify=trust)
    return replace(row, name=f"{row.name}, through the gateway")


# --- receiving ------------------------------------------------------------------------------------


async def _receive_rows(deployment: Any, folder: Path, *, images: int) -> list[Row]:
    """Measure receiving with one process that listens and with two, by turns."""
    rates: dict[tuple[int, int], list[float]] = {}
    series = itertools.count(5000)
    for listeners in (*_LISTENERS, *_LISTENERS):
        await asyncio.to_thread(_listen, deployment, folder, listeners)
        await _rate(deployment, [next(series)], _FIRST_IMAGES)
        for count in _ASSOCIATIONS:
            numbers = [next(series) for _ in range(count)]
            rate = await _rate(deployment, numbers, images // count)
            rates.setdefault((listeners, count), []).append(rate)
    return [_receive_row(count, rates) for count in _ASSOCIATIONS]


def _listen(deployment: Any, folder: Path, listeners: int) -> None:
    """Let the container that receives begin anew, with so many processes that listen."""
    override = folder / "listeners.yml"
    environment = {"SCANHUB_WORKFLOW_DICOM_LISTENERS": str(listeners)}
    service = {"services": {"dicom-listener": {"environment": environment}}}
    override.write_text(json.dumps(service))
    deployment.compose(
        *("-f", str(override), "up", "--detach", "--no-build", "--no-deps", "--force-recreate"),
        "dicom-listener",
    )
    importlib.import_module("deployment").until(
        "the listener is healthy", lambda: deployment.healthy("dicom-listener"), _WAIT_S
    )


async def _rate(deployment: Any, series: list[int], count: int) -> float:
    sent = await asyncio.to_thread(send_at_once, deployment.dicom_port, "SCANHUB", series, count)
    if refused := sum(one.refused for one in sent):
        raise RuntimeError(f"{refused} images were refused")
    seconds = max(one.ended for one in sent) - min(one.began for one in sent)
    return len(series) * count / seconds


def _receive_row(associations: int, rates: dict[tuple[int, int], list[float]]) -> Row:
    one, two = (statistics.median(rates[listeners, associations]) for listeners in _LISTENERS)
    return Row(
        f"images received, {associations} associations, two listener processes, deployed",
        f"{two:.0f}/s",
        "none",
        holds=True,
        peer=f"one listener process {one:.0f}/s: x {two / one:.2f}",
        detail={"one_per_s": one, "two_per_s": two},
    )
