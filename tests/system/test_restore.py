"""A backup of a running installation, restored elsewhere, goes on where it was."""

import asyncio

import httpx
import pytest

from .conftest import Installation

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
WEB = "/api/v1/workflowmanager/dicomweb/studies"


async def back_up(installation, folder):
    data = str(installation.data_dir / "data")
    process = await installation.run_beside(
        "backup", "scanhub", "backup", str(folder), "--data-dir", data
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def restored(installation, folder, target):
    """Return the installation as it was, in another folder, where its scanners find it."""
    other = Installation(target, port=installation.port, environment=installation.environment)
    target.mkdir()
    process = await other.run_beside(
        "restore", "scanhub", "restore", str(folder), "--data-dir", str(target / "data")
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0, (target / "restore.log").read_text()
    await other.start()
    return other


async def status_of(api, task, *ends):
    async with asyncio.timeout(90):
        while True:
            found = await api.call("GET", f"/exam/task/{task}")
            if found["status"] in ends:
                return found
            await asyncio.sleep(0.1)


async def get(http, api, path, **headers):
    answer = await http.get(path, headers={"Authorization": f"Bearer {api.token}", **headers})
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.long
async def test_what_was_in_flight_ends_after_the_restore(scene, tmp_path):
    """A run that waits, raw data of a scan, images over DICOMweb, a login."""
    api, data = scene.api, scene.data
    await api.call("POST", "/workflowmanager/queues/recon/pause", json={"reason": "backup"})
    await scene.installation.connect_scanner(data.credentials, "--time-scale", "0")
    await scene.until("device.connected", device_id=data.device_id)
    await api.call("POST", f"/workflowmanager/trigger_task/{data.acquisition_task_id}/")
    await scene.until("exam.task.finished", task_id=data.acquisition_task_id)
    await scene.until("run.queued")
    await back_up(scene.installation, tmp_path / "backups")
    await scene.installation.kill()

    other = await restored(scene.installation, tmp_path / "backups", tmp_path / "elsewhere")
    try:
        async with httpx.AsyncClient(base_url=other.url, timeout=30) as http:
            api.http = http
            raw = await api.call("GET", f"/exam/task/{data.acquisition_task_id}")
            assert (raw["status"], len(raw["results"])) == ("FINISHED", 1)
            await api.call("POST", "/workflowmanager/queues/recon/resume")
            done = await status_of(api, data.reconstruction_task_id, "FINISHED", "ERROR")
            assert done["status"] == "FINISHED"
            image = await get(http, api, done["results"][0]["meta"]["instances"][0])
            assert image[128:132] == b"DICM"
            (study,) = await api.call("GET", "/workflowmanager/dicomweb/studies")
            uid = study["0020000D"]["Value"][0]
            accept = 'multipart/related; type="application/dicom"'
            assert b"DICM" in await get(http, api, f"{WEB}/{uid}", Accept=accept)
    finally:
        await other.end()


@pytest.mark.long
async def test_with_postgresql_it_goes_on_in_other_databases(
    postgresql_scene, make_postgresql_url, tmp_path
):
    """The second backup copies what is new; both databases and files come from it."""
    scene, api, data = postgresql_scene, postgresql_scene.api, postgresql_scene.data
    await api.call("POST", "/workflowmanager/queues/recon/pause", json={"reason": "backup"})
    await back_up(scene.installation, tmp_path / "backups")
    await scene.installation.connect_scanner(data.credentials, "--time-scale", "0")
    await scene.until("device.connected", device_id=data.device_id)
    await api.call("POST", f"/workflowmanager/trigger_task/{data.acquisition_task_id}/")
    await scene.until("exam.task.finished", task_id=data.acquisition_task_id)
    await scene.until("run.queued")
    await back_up(scene.installation, tmp_path / "backups")
    await scene.installation.kill()

    environment = {name: make_postgresql_url() for name in scene.installation.environment}
    engine = "SCANHUB_ENGINE_DATABASE_URL"
    environment[engine] = environment[engine].replace("+asyncpg", "")
    scene.installation.environment = environment
    other = await restored(scene.installation, tmp_path / "backups", tmp_path / "elsewhere")
    try:
        async with httpx.AsyncClient(base_url=other.url, timeout=30) as http:
            api.http = http
            await api.call("POST", "/workflowmanager/queues/recon/resume")
            done = await status_of(api, data.reconstruction_task_id, "FINISHED", "ERROR")
            assert done["status"] == "FINISHED"
            image = await get(http, api, done["results"][0]["meta"]["instances"][0])
            assert image[128:132] == b"DICM"
    finally:
        await other.end()


@pytest.mark.long
async def test_a_scan_that_was_under_way_gets_its_data_after_the_restore(scene, tmp_path):
    api, data = scene.api, scene.data
    await scene.installation.connect_scanner(data.credentials, "--time-scale", "0.5")
    await scene.until("device.connected", device_id=data.device_id)
    await api.call("POST", f"/workflowmanager/trigger_task/{data.acquisition_task_id}/")
    await scene.until("exam.task.progress", task_id=data.acquisition_task_id)
    await back_up(scene.installation, tmp_path / "backups")
    await scene.installation.kill()

    other = await restored(scene.installation, tmp_path / "backups", tmp_path / "elsewhere")
    try:
        async with httpx.AsyncClient(base_url=other.url, timeout=30) as http:
            api.http = http
            task = await status_of(api, data.acquisition_task_id, "FINISHED", "ERROR", "CANCELED")
            assert (task["status"], task["status_reason"]) == ("FINISHED", None)
            assert len(task["results"]) == 1
            done = await status_of(api, data.reconstruction_task_id, "FINISHED", "ERROR")
            assert done["status"] == "FINISHED"
    finally:
        await other.end()
