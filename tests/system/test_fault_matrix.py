"""Every fault at every stage of a scan: data that are whole, or a reason; the device is free.

`SCANHUB_TEST_LONG=1` goes through the matrix several times, at other moments.
"""

import asyncio
import hashlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Installation, Scene, opened_scene
from link_proxy import LinkProxy, link_proxy
from staged_scanner import StagedScanner

from scanhub_device import ClientSettings, DeviceClient, load_credentials

pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("system"),
]
ROUNDS = 4 if os.environ.get("SCANHUB_TEST_LONG") else 1
SIZE = 3 << 20
DEADLINES = {
    "SCANHUB_DEVICE_ACK_DEADLINE_SECONDS": "3",
    "SCANHUB_DEVICE_LOST_AFTER_SECONDS": "4",
    "SCANHUB_DEVICE_RETURN_DEADLINE_SECONDS": "6",
    "SCANHUB_DEVICE_DATA_DEADLINE_SECONDS": "6",
    "SCANHUB_DEVICE_IDLE_TIMEOUT_SECONDS": "3",
    "SCANHUB_DEVICE_UPLOAD_IDLE_SECONDS": "6",
}
QUICK = ClientSettings(
    reconnect_base_s=0.1,
    reconnect_max_s=0.5,
    heartbeat_s=0.5,
    keepalive_timeout_s=5,
    open_timeout_s=5,
    upload_answer_timeout_s=15,
    http_upload_bytes=1,
)
OVER_LINK = replace(QUICK, http_upload_bytes=1 << 40)
ENDED = {"finished", "stopped", "failed"}


@dataclass
class Stand:
    """An installation whose server comes and goes, and a device behind a gateway."""

    scene: Scene
    proxy: LinkProxy
    scanner: StagedScanner
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.scene.api.token}"}
        async with asyncio.timeout(90):
            while True:
                try:
                    return await self.http.request(
                        method, f"/api/v1{path}", headers=headers, **options
                    )
                except httpx.TransportError:
                    await asyncio.sleep(0.1)

    async def made(self, path: str, **body: Any) -> str:
        answer = await self.ask("POST", path, json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    async def new_task(self) -> str:
        data = self.scene.data
        plan = (await self.ask("GET", f"/exam/task/{data.acquisition_task_id}")).json()
        exam = await self.made("/exam/new", patient_id=str(data.patient_id), name="Matrix")
        workflow = await self.made("/exam/workflow/new", exam_id=exam, name="Head")
        return await self.made(
            "/exam/task/new",
            workflow_id=workflow,
            name="Scan",
            task_type="ACQUISITION",
            device_id=str(data.device_id),
            sequence_id=plan["sequence_id"],
        )

    async def trigger(self, task: str) -> int | None:
        """Start a scan once; None when the server died over it."""
        headers = {"Authorization": f"Bearer {self.scene.api.token}"}
        with suppress(httpx.TransportError):
            path = f"/api/v1/workflowmanager/trigger_task/{task}/"
            return (await self.http.post(path, headers=headers)).status_code
        return None

    async def is_ready(self) -> None:
        """Wait until the device is there and free."""

        async def look() -> bool:
            device = (await self.ask("GET", f"/device/{self.scene.data.device_id}")).json()
            return device["status"] == "ONLINE"

        await until(look, 60)

    async def ends(self, task: str) -> str:
        """Wait for the end of a scan, whatever it is, and check it; return the task's status."""
        runs: list[dict[str, Any]] = []

        async def look() -> bool:
            answer = await self.ask("GET", "/device/acquisitions", params={"task_id": task})
            runs[:] = answer.json()
            document.update((await self.ask("GET", f"/exam/task/{task}")).json())
            at_work = document["status"] in {"STARTED", "INPROGRESS", "PAUSED"}
            return not at_work and all(run["state"] in ENDED for run in runs)

        document: dict[str, Any] = {}
        try:
            await until(look, 90)
        except TimeoutError:
            raise AssertionError((document, runs, self.scene.installation.log[-3000:])) from None
        status = str(document["status"])
        if status == "FINISHED":
            self.has_its_data(document)
        elif runs:
            assert runs[0]["reason"], runs
            assert document["results"] == []
            assert status in {"NEW", "UPDATED"} or document["status_reason"], document
        return status

    def has_its_data(self, task: dict[str, Any]) -> None:
        wanted = self.scanner.path.read_bytes()
        [result] = task["results"]
        assert result["meta"]["sha256"] == hashlib.sha256(wanted).hexdigest()
        folder = self.scene.installation.data_dir / "data" / "files" / "lake"
        [stored] = folder.rglob(f"{task['id']}/*/{self.scanner.path.name}")
        assert stored.read_bytes() == wanted

    async def scans_well(self) -> None:
        """The device is free: an ordinary scan goes through."""
        self.proxy.heal()
        self.scanner.prepare()
        await self.is_ready()
        task = await self.new_task()
        assert await self.trigger(task) == 200
        assert await self.ends(task) == "FINISHED"


async def until(look: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def opened_stand(
    installation: Installation, folder: Path, settings: ClientSettings
) -> AsyncIterator[Stand]:
    path = folder / "raw.bin"
    path.write_bytes(hashlib.shake_256(b"matrix").digest(SIZE))
    scanner = StagedScanner(path)
    scanner.prepare()
    async with (
        opened_scene(installation, folder) as scene,
        link_proxy(installation.port) as proxy,
        httpx.AsyncClient(base_url=installation.url, timeout=30) as http,
    ):
        known = load_credentials(scene.data.credentials)
        token = known.device_token.get_secret_value()
        url = f"ws://127.0.0.1:{proxy.port}/api/v1/device/ws"
        client = DeviceClient(url, known.device_id, token, scanner, settings=settings)
        running = asyncio.create_task(client.run())
        try:
            yield Stand(scene, proxy, scanner, http)
        finally:
            scanner.release()
            client.close()
            with suppress(asyncio.CancelledError):
                await running


@pytest.fixture(params=["http", "link"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    installation = Installation(tmp_path, environment=DEADLINES)
    settings = QUICK if request.param == "http" else OVER_LINK
    try:
        await installation.start()
        async with opened_stand(installation, tmp_path, settings) as stand:
            yield stand
        assert "Traceback" not in installation.log, installation.log
    finally:
        await installation.end()


# --- stages: each begins a scan and returns when it is there --------------------------------------


async def starting(stand: Stand, task: str, chance: random.Random) -> None:
    """Somewhere before, in or just after the claim."""
    asyncio.get_running_loop().create_task(stand.trigger(task))
    await asyncio.sleep(chance.uniform(0, 0.06))


async def sent(stand: Stand, task: str, _chance: random.Random) -> None:
    """`start` is out, and no `ack` comes back."""
    stand.proxy.up.clear()
    stand.proxy.seen_down = b""
    asyncio.get_running_loop().create_task(stand.trigger(task))

    async def seen() -> bool:
        return b'"command":"start"' in stand.proxy.seen_down

    await until(seen, 30)


async def acked(stand: Stand, task: str, _chance: random.Random) -> None:
    stand.scanner.prepare("acked")
    assert await stand.trigger(task) == 200
    await asyncio.wait_for(stand.scanner.at["acked"].wait(), 30)


async def running(stand: Stand, task: str, _chance: random.Random) -> None:
    stand.scanner.prepare("running")
    assert await stand.trigger(task) == 200
    await asyncio.wait_for(stand.scanner.at["running"].wait(), 30)


async def uploading(stand: Stand, task: str, chance: random.Random) -> None:
    stand.proxy.pause = 0.02
    await _sent_so_far(stand, task, chance.uniform(0.1, 0.9))


async def whole(stand: Stand, task: str, chance: random.Random) -> None:
    """The last byte is out; what follows is the check, the entry and the settlement."""
    await _sent_so_far(stand, task, 1.0)
    await asyncio.sleep(chance.choice([0, 0.005, 0.02, 0.05]))


async def _sent_so_far(stand: Stand, task: str, share: float) -> None:
    before = stand.proxy.passed_up
    assert await stand.trigger(task) == 200

    async def seen() -> bool:
        return stand.proxy.passed_up - before >= share * SIZE

    await until(seen, 60)


STAGES = [starting, sent, acked, running, uploading, whole]


def moments() -> list[tuple[Any, random.Random]]:
    return [
        (stage, random.Random(f"{stage.__name__} {number}"))  # noqa: S311 - moments, no secrets
        for number in range(ROUNDS)
        for stage in STAGES
    ]


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
        if stage in (acked, running, uploading, whole):
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
            if stage in (acked, running, uploading, whole):
                assert status == "FINISHED", (fault, stage)
    await stand.scans_well()


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
