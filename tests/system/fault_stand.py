"""A scan that is held at each of its stages, with a gateway in between in which things go wrong."""

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Installation, Scene, opened_scene
from link_proxy import LinkProxy, link_proxy
from staged_scanner import StagedScanner

from scanhub_device import ClientSettings, DeviceClient, load_credentials
from scanhub_device.simulator.bad_link import BadLink

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
TOLD_WITHIN = timedelta(seconds=0.3)
"""What a link that was cut had passed on may still be read for so long."""


@dataclass
class Stand:
    """An installation whose server comes and goes, and a device behind a gateway."""

    scene: Scene
    proxy: LinkProxy
    scanner: StagedScanner
    http: httpx.AsyncClient
    link: BadLink = field(default_factory=lambda: BadLink("ws://nowhere", ()))
    """Between the device and the proxy if asked for: faults that know what they harm."""
    reason: str = ""
    """Why the last scan ended as it did."""
    said: str = ""
    """What the last start was answered with."""
    asking: asyncio.Task[int | None] | None = None
    """A start that is not answered yet: until it is, there may be no scan to see."""

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
            answer = await self.http.post(path, headers=headers)
            self.said = answer.text
            return answer.status_code
        return None

    def ask_to_start(self, task: str) -> asyncio.Task[int | None]:
        """Start a scan, and wait for the answer only when its end is waited for."""
        self.asking = asyncio.create_task(self.trigger(task))
        return self.asking

    async def is_ready(self) -> None:
        """Wait until the device is free, and heard over a link that was not cut.

        Its state alone may be from before: that a link is gone is written down a moment later.
        """

        async def look() -> bool:
            device = (await self.ask("GET", f"/device/{self.scene.data.device_id}")).json()
            if device["status"] != "ONLINE":
                return False
            return datetime.fromisoformat(device["last_seen"]) > self.proxy.cut_at + TOLD_WITHIN

        await until(look, 60)

    async def ends(self, task: str) -> str:
        """Wait for the end of a scan, whatever it is, and check it; return the task's status."""
        runs: list[dict[str, Any]] = []
        if self.asking is not None:
            await asyncio.wait_for(self.asking, 60)
            self.asking = None

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
        self.reason = str(document["status_reason"])
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
        self.link.change()
        self.scanner.prepare()
        await self.is_ready()
        task = await self.new_task()
        assert await self.trigger(task) == 200, self.said
        assert await self.ends(task) == "FINISHED"


async def until(look: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def opened_stand(
    installation: Installation, folder: Path, settings: ClientSettings, *, faulty: bool = False
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
        async with BadLink(url, ()) as link:
            address = link.url if faulty else url
            client = DeviceClient(address, known.device_id, token, scanner, settings=settings)
            running = asyncio.create_task(client.run())
            try:
                yield Stand(scene, proxy, scanner, http, link)
            finally:
                scanner.release()
                client.close()
                with suppress(asyncio.CancelledError):
                    await running


# --- stages: each begins a scan and returns when it is there --------------------------------------


async def starting(stand: Stand, task: str, chance: random.Random) -> None:
    """Somewhere before, in or just after the claim."""
    stand.ask_to_start(task)
    await asyncio.sleep(chance.uniform(0, 0.06))


async def sent(stand: Stand, task: str, _chance: random.Random) -> None:
    """`start` is out, and no `ack` comes back."""
    stand.proxy.up.clear()
    stand.proxy.seen_down = b""
    asking = stand.ask_to_start(task)

    async def seen() -> bool:
        return b'"command":"start"' in stand.proxy.seen_down

    try:
        await until(seen, 30)
    except TimeoutError:
        answer = (asking.result(), stand.said) if asking.done() else "none"
        log = stand.scene.installation.log[-6000:]
        raise AssertionError((answer, stand.proxy.seen_down[-500:], log)) from None


async def acked(stand: Stand, task: str, _chance: random.Random) -> None:
    stand.scanner.prepare("acked")
    assert await stand.trigger(task) == 200, stand.said
    await asyncio.wait_for(stand.scanner.at["acked"].wait(), 30)


async def running(stand: Stand, task: str, _chance: random.Random) -> None:
    stand.scanner.prepare("running")
    assert await stand.trigger(task) == 200, stand.said
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
    assert await stand.trigger(task) == 200, stand.said

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
