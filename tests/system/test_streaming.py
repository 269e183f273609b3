"""The first image of a scan is there before its last line: everything is real."""

import asyncio
import io
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.async_api import expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import log_in, opened_page
from conftest import Scene
from folders import files_below

from scanhub.demo.data import DemoApi, create_data
from scanhub.demo.follow import following
from scanhub_device.simulator import SimulatedScanner, SimulatorSettings
from scanhub_device.simulator.faults import Fault
from scanhub_device.simulator.sequences import write_gre

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.fixture
async def two_slices(installation, tmp_path):
    """A scan of two slices, one after the other; each takes 5.1 s at the pace of the sequence."""
    sequence = tmp_path / "two.seq"
    write_gre(sequence, slice_offsets=(-0.02, 0.02), interleaved=False, dummies=0)
    async with httpx.AsyncClient(base_url=installation.url, timeout=30) as http:
        api = DemoApi(http)
        await api.log_in()
        data = await create_data(api, sequence, tmp_path)
        async with following(http, api.token) as follower:
            yield Scene(installation, api, data, follower)


class _HeldScan:
    """A scan whose scanner waits when so much of it is told, until it may go on."""

    def __init__(self, scan: Any, go_on: threading.Event, percent: float) -> None:
        self._scan = scan
        self._go_on = go_on
        self._percent = percent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scan, name)

    def report_progress_from_thread(self, percent: float, seconds_left: float) -> None:
        self._scan.report_progress_from_thread(percent, seconds_left)
        while percent >= self._percent and not self.stop_requested.is_set():
            if self._go_on.wait(0.05):
                return


class WaitingScanner(SimulatedScanner):
    """Waits in the middle of its scan: what becomes of the stream is told while it runs."""

    def __init__(self, settings: SimulatorSettings, percent: float = 50) -> None:
        super().__init__(settings)
        self.go_on = threading.Event()
        self._percent = percent

    async def scan(self, scan: Any, /) -> None:
        await super().scan(_HeldScan(scan, self.go_on, self._percent))


async def scanned(scene, *arguments):
    """Scan; return what was told of the scan, in order."""
    await scene.installation.connect_scanner(scene.data.credentials, *arguments)
    await scene.until("device.connected", device_id=scene.data.device_id)
    await start(scene)
    return await told_of_scan(scene)


async def start(scene):
    task_id = scene.data.acquisition_task_id
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")


async def told_of_scan(scene):
    """Wait for the end of all; return what was told of the scan, in order."""
    await scene.until("exam.task.finished", task_id=scene.data.reconstruction_task_id)
    task_id = str(scene.data.acquisition_task_id)
    return [event for event in scene.follower.events if event["data"].get("task_id") == task_id]


async def check_complete(scene):
    task = await scene.api.call("GET", f"/exam/task/{scene.data.reconstruction_task_id}")
    assert task["status"] == "FINISHED"
    (result,) = task["results"]
    assert len(result["files"]) == 2  # both slices, of the file
    assert "Traceback" not in scene.installation.log


@pytest.mark.long
async def test_the_first_slice_is_shown_while_the_second_is_acquired(two_slices):
    scene = two_slices
    told = await scanned(scene, "--time-scale", "1")
    kinds = [event["type"] for event in told]
    first = kinds.index("preview.ready")
    assert told[first]["data"]["slice"] == 0
    later = [event for event in told[first:] if event["type"] == "exam.task.progress"]
    assert later, "nothing was acquired after the first preview"
    assert first < kinds.index("stream.ended") <= len(kinds)
    assert told[kinds.index("stream.ended")]["data"]["whole"] is True
    previews = await scene.api.call(
        "GET", f"/workflowmanager/previews/{scene.data.acquisition_task_id}"
    )
    headers = {"Authorization": f"Bearer {scene.api.token}"}
    answer = await scene.api.http.get(previews[0]["image"], headers=headers)
    with Image.open(io.BytesIO(answer.content)) as png:
        pixels = np.asarray(png)
    assert pixels.shape == (128, 128)
    assert 0.1 < np.mean(pixels > 40) < 0.9  # a head, and air around it
    task = await scene.api.call("GET", f"/exam/task/{scene.data.acquisition_task_id}")
    assert [result["type"] for result in task["results"]] == ["MRD"]
    async with asyncio.timeout(30):  # its readers let go of it after the scan has ended
        while list(files_below(scene.installation.data_dir / "data", "*.mrdstream")):
            await asyncio.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize("fault", ["stream-break@20%", "stream-stall@20%"])
async def test_whatever_happens_to_the_stream_the_scan_is_complete(two_slices, fault):
    told = await scanned(two_slices, "--time-scale", "0.3", "--fault", fault)
    (ended,) = [event for event in told if event["type"] == "stream.ended"]
    assert ended["data"]["reason"] == "the connection of the stream broke"
    await check_complete(two_slices)


@pytest.mark.long
async def test_garbage_in_the_stream_ends_its_previews_and_not_the_scan(two_slices):
    scene = two_slices
    faults = (Fault.parse("stream-garbage@20%"),)
    scanner = WaitingScanner(SimulatorSettings(time_scale=0.3, faults=faults))
    async with scene.scanner(scanner):
        await start(scene)
        # a scan that is over has no previews: it waits, however long they take to fail
        failed = await scene.until("preview.failed", task_id=scene.data.acquisition_task_id)
        assert "no session of the MRD protocol" in failed["data"]["reason"]
        scanner.go_on.set()
        told = await told_of_scan(scene)
    (ended,) = [event for event in told if event["type"] == "stream.ended"]
    assert ended["data"]["reason"] is None
    await check_complete(scene)


@pytest.mark.long
@pytest.mark.browser
async def test_a_technician_sees_the_first_slice_while_the_scan_runs(two_slices):
    scene = two_slices
    async with opened_page(scene.installation.url) as page:
        await log_in(page, f"/exams/{scene.data.exam_id}")
        row = page.get_by_test_id("task-row").filter(has_text="GRE axial")
        await row.click()
        scanner = WaitingScanner(SimulatorSettings(time_scale=0.3), percent=75)
        async with scene.scanner(scanner):
            await start(scene)
            image = page.get_by_role("img", name="Preview of GRE axial, slice 1")
            await expect(image).to_be_visible(timeout=60_000)
            assert await image.evaluate("it => it.decode().then(() => it.naturalWidth)") == 128
            await expect(page.get_by_text("Preview, not for diagnosis")).to_be_visible()
            scanner.go_on.set()
            await scene.until("exam.task.finished", task_id=scene.data.reconstruction_task_id)
        await expect(page.get_by_test_id("viewer-overlay")).to_be_visible(timeout=60_000)
        await expect(page.get_by_text("Preview, not for diagnosis")).to_have_count(0)
