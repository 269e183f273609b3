"""Every fault at every stage of a scan: data that are whole, or a reason; the device is free.

`SCANHUB_TEST_LONG=1` goes through the matrix several times, at other moments.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Installation, opened_scene
from fault_stand import (
    DEADLINES,
    ENDED,
    OVER_LINK,
    QUICK,
    ROUNDS,
    Stand,
    acked,
    moments,
    opened_stand,
    running,
    sent,
    starting,
    until,
    uploading,
    whole,
)
from link_proxy import LinkProxy
from staged_scanner import StagedScanner

from scanhub_device.simulator.faults import Fault

pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.timeout(900),
]
BEGUN = (acked, running, uploading, whole)
"""Stages from which a scan is finished whatever happens to the link."""


@asynccontextmanager
async def _standing(way: str, folder: Path, *, faulty: bool) -> AsyncIterator[Stand]:
    installation = Installation(folder, environment=DEADLINES)
    settings = QUICK if way == "http" else OVER_LINK
    try:
        await installation.start()
        async with opened_stand(installation, folder, settings, faulty=faulty) as stand:
            yield stand
        assert "Traceback" not in installation.log, installation.log
    finally:
        await installation.end()


@pytest.fixture(params=["http", "link"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    async with _standing(request.param, tmp_path, faulty=False) as stand:
        yield stand


@pytest.fixture(params=["http", "link"])
async def faulty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    """The same, with a link that alters what passes."""
    async with _standing(request.param, tmp_path, faulty=True) as stand:
        yield stand


async def test_a_server_killed_at_any_stage_leaves_data_or_a_reason(stand):
    for stage, chance in moments():
        stand.scanner.prepare()
        await stand.is_ready()
        task = await stand.new_task()
        await stage(stand, task, chance)
        await stand.scene.installation.kill()
        stand.proxy.heal()
        await stand.scene.installation.start()
        stand.scanner.release()
        status = await stand.ends(task)
        if stage in BEGUN:
            assert status == "FINISHED", stage
    await stand.scans_well()


async def test_a_link_lost_at_any_stage_leaves_data_or_a_reason(stand):
    async def cut() -> None:
        stand.proxy.cut()

    async def half_open() -> None:
        """Nothing passes for longer than heartbeats may fail; then the connections break."""
        stand.proxy.hold()
        await asyncio.sleep(3.5)
        stand.proxy.cut()

    for fault in (cut, half_open):
        for stage, chance in moments():
            stand.scanner.prepare()
            await stand.is_ready()
            task = await stand.new_task()
            await stage(stand, task, chance)
            await fault()
            stand.proxy.heal()
            stand.scanner.release()
            status = await stand.ends(task)
            if stage in BEGUN:
                assert status == "FINISHED", (fault, stage)
    await stand.scans_well()


async def test_a_slow_link_at_any_stage_slows_the_scan_and_no_more(faulty):
    """The file takes longer than any deadline."""
    for stage, chance in moments():
        status = await _scan_with(faulty, "slow-link=250000", stage, chance)
        assert status == "FINISHED" or stage not in BEGUN, (stage, faulty.reason)
    await faulty.scans_well()


async def test_a_stop_passes_a_slow_link(faulty):
    for stage, chance in moments():
        task = await _begun(faulty, stage, chance)
        faulty.link.change(Fault.parse("slow-link=250000"))
        faulty.proxy.heal()
        path = f"/device/{faulty.scene.data.device_id}/stop"
        answer = await faulty.ask("POST", path, json={"task_id": task})
        assert answer.status_code in {200, 404, 409}, answer.text
        faulty.scanner.release()
        status = await faulty.ends(task)
        assert status == "CANCELED" or stage in (starting, sent, whole), (stage, status)
    await faulty.scans_well()


@pytest.mark.parametrize("fault", ["wrong-hash", "bit-flip"])
async def test_a_wrong_hash_at_any_stage_is_noticed_and_the_file_sent_again(faulty, fault):
    for stage, chance in moments():
        again = stage in (uploading, whole)  # the file is announced once more
        status = await _scan_with(faulty, f"{fault}=1", stage, chance, cut=again)
        assert status == "FINISHED" or stage not in BEGUN, stage
    await faulty.scans_well()


@pytest.mark.parametrize("fault", ["wrong-hash", "bit-flip"])
async def test_a_hash_that_stays_wrong_ends_the_scan_with_the_reason(faulty, fault):
    for stage, chance in moments():
        again = stage in (uploading, whole)
        status = await _scan_with(faulty, f"{fault}=1000", stage, chance, cut=again)
        assert status == "ERROR" or stage not in (acked, running), stage
        if status == "ERROR" and stage in (acked, running, uploading):
            assert "sha256" in faulty.reason, stage
    await faulty.scans_well()


async def _begun(stand: Stand, stage: Any, chance: random.Random) -> str:
    stand.link.change()
    stand.scanner.prepare()
    await stand.is_ready()
    task = await stand.new_task()
    await stage(stand, task, chance)
    return task


async def _scan_with(
    stand: Stand, fault: str, stage: Any, chance: random.Random, *, cut: bool = False
) -> str:
    """Let a fault happen from a stage on; return how the scan ends."""
    task = await _begun(stand, stage, chance)
    stand.link.change(Fault.parse(fault))
    if cut:
        stand.proxy.cut()
    stand.proxy.heal()
    stand.scanner.release()
    return await stand.ends(task)


async def test_an_ack_that_comes_too_late_starts_nothing(stand):
    task = await stand.new_task()
    await stand.is_ready()
    await sent(stand, task, random.Random(0))  # noqa: S311 - a moment, no secret
    assert await stand.ends(task) == "ERROR"
    stand.proxy.heal()
    await stand.scans_well()


# --- the device itself ----------------------------------------------------------------------------


async def test_a_scanner_killed_at_any_stage_leaves_data_or_a_reason(tmp_path):
    installation = Installation(tmp_path, environment=DEADLINES)
    try:
        await installation.start()
        async with (
            opened_scene(installation, tmp_path) as scene,
            httpx.AsyncClient(base_url=installation.url, timeout=30) as http,
        ):
            stand = Stand(scene, LinkProxy(0), StagedScanner(tmp_path / "none"), http)
            for stage in ("starting", "accepted", "running", "uploading") * ROUNDS:
                await _kill_scanner(stand, stage)
            scanner = await _connect(stand, "0")
            task = await stand.new_task()
            assert await stand.trigger(task) == 200
            assert await _end_of(stand, task) == "FINISHED"
            os.killpg(scanner.pid, signal.SIGKILL)
            await scanner.wait()
        assert "Traceback" not in installation.log, installation.log
    finally:
        await installation.end()


async def _connect(stand: Stand, pace: str) -> asyncio.subprocess.Process:
    scanner = await stand.scene.installation.connect_scanner(
        stand.scene.data.credentials, "--time-scale", pace
    )
    await stand.is_ready()
    return scanner


async def _kill_scanner(stand: Stand, stage: str) -> None:
    scanner = await _connect(stand, "0" if stage == "uploading" else "0.5")
    task = await stand.new_task()
    starting_it = asyncio.create_task(stand.trigger(task))
    if stage != "starting":
        assert await starting_it == 200
        states = ENDED | {"running"} | ({"accepted"} if stage == "accepted" else set())

        async def there() -> bool:
            answer = await stand.ask("GET", "/device/acquisitions", params={"task_id": task})
            return answer.json()[0]["state"] in states

        await until(there, 60)
    os.killpg(scanner.pid, signal.SIGKILL)
    await scanner.wait()
    await starting_it
    await _end_of(stand, task)


async def _end_of(stand: Stand, task: str) -> str:
    """The simulated scanner makes its own data: its result says what they are."""
    stand.has_its_data = _has_a_result  # type: ignore[method-assign]
    return await stand.ends(task)


def _has_a_result(task: dict[str, Any]) -> None:
    [result] = task["results"]
    assert result["meta"]["sha256"]
