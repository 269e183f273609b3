"""kill -9 loses nothing."""

import asyncio

import httpx
import pytest
from ports import a_port

from scanhub.demo.follow import following

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


async def start_archive(scene, tmp_path):
    folder, port = tmp_path / "archive", a_port()
    arguments = ["--folder", str(folder), "--port", str(port), "--ae-title", "ARCHIVE"]
    await scene.installation.run_beside("archive", "workflow_manager.dicom.archive", *arguments)
    target = {"name": "archive", "ip": "127.0.0.1", "port": port, "aet_target": "ARCHIVE"}
    await scene.api.call("POST", "/workflowmanager/targets", json=target)
    async with asyncio.timeout(30):
        while not (await scene.api.call("POST", "/workflowmanager/targets/archive/test"))["ok"]:
            await asyncio.sleep(0.1)
    return folder


@pytest.mark.long
async def test_a_server_killed_after_the_upload_completes_the_scan_after_its_restart(
    scene, tmp_path
):
    archive = await start_archive(scene, tmp_path)
    await scene.installation.connect_scanner(scene.data.credentials, "--time-scale", "0")
    await scene.until("device.connected", device_id=scene.data.device_id)
    acquisition = scene.data.acquisition_task_id
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{acquisition}/")
    await scene.until("exam.task.finished", task_id=acquisition)
    await scene.installation.kill()
    assert not list(archive.rglob("*.dcm")), "the kill came too late to show anything"

    await scene.installation.start()
    task = scene.data.reconstruction_task_id
    async with (
        httpx.AsyncClient(base_url=scene.installation.url, timeout=30) as http,
        asyncio.timeout(90),
    ):
        scene.api.http = http
        while (await scene.api.call("GET", f"/exam/task/{task}"))["status"] != "FINISHED":
            await asyncio.sleep(0.1)
        while not list(archive.rglob("*.dcm")):
            await asyncio.sleep(0.1)
        finished = await scene.api.call("GET", f"/exam/task/{task}")
        raw = await scene.api.call("GET", f"/exam/task/{acquisition}")
    assert len(finished["results"]) == 1
    assert len(raw["results"]) == 1
    assert len(list(archive.rglob("*.dcm"))) == 1


@pytest.mark.long
async def test_a_server_killed_while_the_scanner_scans_gets_the_data_after_its_restart(scene):
    await scene.installation.connect_scanner(scene.data.credentials, "--time-scale", "0.5")
    await scene.until("device.connected", device_id=scene.data.device_id)
    acquisition = scene.data.acquisition_task_id
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{acquisition}/")
    await scene.until("exam.task.progress", task_id=acquisition)
    await scene.installation.kill()
    await scene.installation.start()
    async with (
        httpx.AsyncClient(base_url=scene.installation.url, timeout=30) as http,
        asyncio.timeout(90),
    ):
        scene.api.http = http
        async with following(http, scene.api.token):
            while True:
                task = await scene.api.call("GET", f"/exam/task/{acquisition}")
                if task["status"] in {"FINISHED", "ERROR", "CANCELED"}:
                    break
                await asyncio.sleep(0.1)
    assert (task["status"], task["status_reason"]) == ("FINISHED", None)
    assert len(task["results"]) == 1
