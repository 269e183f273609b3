"""The rows: each measures one thing on a running installation."""

import asyncio
import hashlib
import os
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from bench.device import BareDevice, Message
from bench.measure import Row, latency_row, spread_ms
from bench.start_floor import StartFloor
from scanhub.demo.data import DemoApi, DemoData
from scanhub.demo.follow import EventDocument, EventFollower
from scanhub_device.simulator import SimulatorSettings, default_sequence, plan_scan
from scanhub_device.simulator.acquire import acquire
from scanhub_device.simulator.mrd import Labels

_STARTS = 200
_START_MS = 15.0, 40.0
"""Median and p99 that the design asks for, on a machine whose bare start takes `_BARE_START_MS`."""
_BARE_START_MS = 2.4
_SETTLED_SECONDS = 10.0
_UPLOAD_BYTES = 128 * 1024 * 1024
_UPLOADS = 10
_CHUNK = 1024 * 1024


async def start_task(api: DemoApi, data: DemoData, device: BareDevice) -> tuple[float, Message]:
    """Trigger the task; return the seconds until `start` was at the device, and the start."""
    task_id = data.acquisition_task_id
    sent = time.perf_counter()
    answer = asyncio.create_task(api.call("POST", f"/workflowmanager/trigger_task/{task_id}/"))
    arrived, start = await device.expect("start")
    payload = start["data"]
    await device.send(
        command="ack", task_id=payload["id"], acquisition_id=payload["acquisition_id"]
    )
    await answer
    return arrived - sent, start


async def stop_task(api: DemoApi, data: DemoData, device: BareDevice) -> float:
    """Stop the running task; return the seconds until `stop` was at the device."""
    task_id = str(data.acquisition_task_id)
    sent = time.perf_counter()
    answer = asyncio.create_task(
        api.call("POST", f"/device/{data.device_id}/stop", json={"task_id": task_id})
    )
    arrived, _ = await device.expect("stop")
    await device.send(command="stopped", task_id=task_id)
    result = await answer
    if not result["confirmed"]:
        raise RuntimeError(f"the stop was not confirmed: {result}")
    return arrived - sent


async def start_and_stop(
    api: DemoApi, data: DemoData, device: BareDevice, follower: EventFollower, floor: StartFloor
) -> list[Row]:
    """Measure how long a start and a stop take to the device, by turns with a bare start.

    A start begins when the journal has told the end of the scan before: nobody starts a scan while
    the scanner and the records are still ending the last one.
    """
    canceled: asyncio.Queue[EventDocument] = asyncio.Queue()
    follower.listen(
        lambda event: canceled.put_nowait(event) if event["type"] == "exam.task.canceled" else None
    )
    starts, stops, bare = [], [], []
    for _ in range(_STARTS):
        seconds, _message = await start_task(api, data, device)
        starts.append(seconds)
        stops.append(await stop_task(api, data, device))
        async with asyncio.timeout(_SETTLED_SECONDS):
            await canceled.get()
        bare.append(await floor.start())
    return [
        _start_row(starts, bare),
        latency_row("stop request to `stop` at the device", stops, None, 50),
    ]


def _start_row(starts: list[float], bare: list[float]) -> Row:
    """Return the row of a start; on a slower machine its bars are as much higher (decision 22)."""
    floor = spread_ms(bare)
    slower = max(1.0, floor["median_ms"] / _BARE_START_MS)
    median, p99 = (round(bar * slower, 1) for bar in _START_MS)
    row = latency_row("trigger_task to `start` at the device", starts, median, p99)
    times = row.detail["median_ms"] / floor["median_ms"]
    return replace(
        row,
        peer=f"bare start {floor['median_ms']:.1f} ms, p99 {floor['p99_ms']:.1f} ms: x {times:.1f}",
        detail={
            **row.detail,
            **{f"floor_{name}": value for name, value in floor.items()},
            "bar_median_ms": median,
            "bar_p99_ms": p99,
        },
    )


async def stop_during_upload(api: DemoApi, data: DemoData, device: BareDevice) -> Row:
    """Measure how long a stop takes to the device while raw data come over the same link."""
    content = os.urandom(_UPLOAD_BYTES)
    times = [await _stop_during_upload(api, data, device, content) for _ in range(_UPLOADS)]
    return latency_row("stop during a full-speed upload", times, None, 50)


async def _stop_during_upload(
    api: DemoApi, data: DemoData, device: BareDevice, content: bytes
) -> float:
    _, start = await start_task(api, data, device)
    payload = start["data"]
    await device.send(
        command="file-transfer",
        task_id=payload["id"],
        user_access_token=payload["access_token"],
        filename="stopped.bin",
        size_bytes=len(content),
        content_type="application/octet-stream",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    flowing = asyncio.Event()

    async def push() -> None:
        view = memoryview(content)
        for offset in range(0, len(content) // 2, _CHUNK):
            await device.link.send(view[offset : offset + _CHUNK])
            flowing.set()

    pushing = asyncio.create_task(push())
    await flowing.wait()
    seconds = await stop_task(api, data, device)
    await pushing
    await asyncio.sleep(0.2)
    return seconds


def simulate(path: Path) -> Path:
    """Write what the simulated scanner measures of the demo's sequence."""
    plan = plan_scan(default_sequence().read_text())
    settings = SimulatorSettings(time_scale=0.0)
    acquire(
        plan,
        settings,
        path,
        labels=Labels(),
        offset_m=np.zeros(3),
        stop=threading.Event(),
        progress=lambda _percent: None,
    )
    return path


async def raw_to_archive(
    api: DemoApi, data: DemoData, device: BareDevice, raw: Path, follower: EventFollower
) -> list[Row]:
    """Measure the way of stored raw data to the archive, reconstruction time aside."""
    to_run, to_archive = [], []
    content = await asyncio.to_thread(raw.read_bytes)
    for number in range(5):
        mark = len(follower.events)
        _, start = await start_task(api, data, device)
        await device.upload(start, f"scan-{number}.mrd", content)
        await follower.wait_for(
            lambda event: event["type"] == "dispatch.sent",
            lambda event: (
                str(event["data"]) if event["type"] in {"run.failed", "dispatch.failed"} else None
            ),
            60.0,
            "the image in the archive",
            after=mark,
        )
        at = _times(follower.events[mark:], str(data.acquisition_task_id))
        to_run.append(at["run.started"] - at["stored"])
        computing = at["run.computed"] - at["run.started"]
        to_archive.append(at["dispatch.sent"] - at["stored"] - computing)
    return [
        latency_row("raw data stored to reconstruction started", to_run, None, 250),
        latency_row("raw data stored to DICOM sent, less computing", to_archive, None, 2000),
    ]


def _times(events: list[EventDocument], acquisition: str) -> dict[str, float]:
    """Return when the stages happened, in seconds, by the events' own times."""
    times: dict[str, float] = {}
    for event in events:
        at = datetime.fromisoformat(event["time"]).timestamp()
        kind = event["type"]
        if kind == "exam.task.finished":
            mine = event["data"]["task_id"] == acquisition
            times.setdefault("stored" if mine else "finished", at)
        elif kind == "dicom.series.complete":
            times.setdefault("run.computed", at)
        else:
            times.setdefault(kind, at)
    return times
