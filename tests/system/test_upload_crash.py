"""kill -9 amid an upload: it goes on where it was, and the data are whole at the end."""

import asyncio
import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "device_manager"))

from faulty_proxy import faulty_proxy
from folders import sizes_below

from scanhub_device import ClientSettings, DeviceClient, load_credentials
from scanhub_device.messages import DeviceDetails

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
SIZE = 48 << 20
QUICK = ClientSettings(reconnect_base_s=0.1, reconnect_max_s=0.5, http_upload_bytes=1)


class FileScanner:
    """Uploads one file."""

    details = DeviceDetails(device_name="files")

    def __init__(self, path: Path) -> None:
        self.path = path

    async def scan(self, scan) -> None:
        await scan.report_progress(50)
        await scan.upload(self.path)


@pytest.mark.long
async def test_a_server_killed_twice_amid_an_upload_has_the_data_at_the_end(scene, tmp_path):
    path = tmp_path / "raw.bin"
    path.write_bytes(hashlib.shake_256(b"raw").digest(SIZE))
    installation, task_id = scene.installation, scene.data.acquisition_task_id
    credentials = load_credentials(scene.data.credentials)
    async with faulty_proxy(f"127.0.0.1:{installation.port}") as proxy:
        proxy.pause = 0.003  # about 20 MB/s
        client = DeviceClient(
            f"ws://127.0.0.1:{proxy.port}/api/v1/device/ws",
            credentials.device_id,
            credentials.device_token.get_secret_value(),
            FileScanner(path),
            settings=QUICK,
        )
        running = asyncio.create_task(client.run())
        try:
            await scene.until("device.connected", device_id=scene.data.device_id)
            await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
            parts = set()
            for share in (0.25, 0.6):
                part = await part_of_at_least(installation.data_dir, int(share * SIZE))
                await installation.kill()
                came = part.stat().st_size
                assert came < SIZE, "the kill came too late to show anything"
                await installation.start()
                assert part.stat().st_size >= came
                parts.add(part.name)
            task = await finished(scene, task_id)
        finally:
            client.close()
            with suppress(asyncio.CancelledError):
                await running
    assert len(parts) == 1
    assert proxy.passed < 1.6 * SIZE  # it did not begin anew
    [result] = task["results"]
    assert result["meta"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    stored = [file for file in installation.data_dir.rglob("raw.bin") if file != path]
    assert [file.read_bytes() == path.read_bytes() for file in stored] == [True]
    assert not list(installation.data_dir.rglob("*.part"))


async def part_of_at_least(folder: Path, size: int) -> Path:
    async with asyncio.timeout(60):
        while True:
            for part, came in sizes_below(folder, "*.part").items():
                if part.parent.name == "uploads" and came >= size:
                    return part
            await asyncio.sleep(0.01)


async def finished(scene, task_id) -> dict:
    async with (
        httpx.AsyncClient(base_url=scene.installation.url, timeout=30) as http,
        asyncio.timeout(90),
    ):
        scene.api.http = http
        while True:
            task = await scene.api.call("GET", f"/exam/task/{task_id}")
            if task["status"] in {"FINISHED", "ERROR", "CANCELED"}:
                break
            await asyncio.sleep(0.1)
    assert (task["status"], task["status_reason"]) == ("FINISHED", None)
    return task
