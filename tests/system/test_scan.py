"""A scan as the technician lives it: start, stop, refusals. Everything is real."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import httpx
import pytest

from scanhub.demo.errors import DemoError
from scanhub_device import DeviceClient, DeviceDetails, load_credentials

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


async def test_a_stop_reaches_the_scanner_and_is_confirmed(scene):
    await scene.installation.connect_scanner(scene.data.credentials, "--time-scale", "1")
    await scene.until("device.connected", device_id=scene.data.device_id)
    task_id = scene.data.acquisition_task_id
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
    await scene.until("exam.task.progress", task_id=task_id)
    answer = await scene.api.call(
        "POST", f"/device/{scene.data.device_id}/stop", json={"task_id": str(task_id)}
    )
    assert (answer["sent"], answer["confirmed"]) == (True, True)
    await scene.until("exam.task.canceled", task_id=task_id)
    task = await scene.api.call("GET", f"/exam/task/{task_id}")
    assert task["status"] == "CANCELED"
    assert "technician" in task["status_reason"]
    assert task["results"] == []
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
    assert (await scene.api.call("GET", f"/exam/task/{task_id}"))["status"] in {
        "STARTED",
        "INPROGRESS",
    }


async def test_a_scanner_that_is_offline_is_503_and_the_task_stays_as_it_was(scene):
    with pytest.raises(DemoError, match="answered 503"):
        await scene.api.call(
            "POST", f"/workflowmanager/trigger_task/{scene.data.acquisition_task_id}/"
        )
    task = await scene.api.call("GET", f"/exam/task/{scene.data.acquisition_task_id}")
    assert task["status"] == "NEW"


async def test_a_scanner_that_scans_is_409_for_the_second_start(scene):
    await scene.installation.connect_scanner(scene.data.credentials, "--time-scale", "1")
    await scene.until("device.connected", device_id=scene.data.device_id)
    task_id = scene.data.acquisition_task_id
    answers = await asyncio.gather(
        *(
            scene.api.http.post(
                f"/api/v1/workflowmanager/trigger_task/{task_id}/",
                headers={"Authorization": f"Bearer {scene.api.token}"},
            )
            for _ in range(10)
        )
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + 9 * [409], [answer.text for answer in answers]


async def test_a_reconstruction_that_cannot_work_says_why(scene, tmp_path):
    task = scene.data.reconstruction_task_id
    answer = await scene.api.http.post(
        f"/api/v1/workflowmanager/trigger_task/{task}/",
        headers={"Authorization": f"Bearer {scene.api.token}"},
    )
    assert answer.status_code in {409, 422}
    assert "GRE axial" in answer.text or "result" in answer.text


@pytest.mark.long
@pytest.mark.disk
@pytest.mark.parametrize(
    "installation", [Path(sys.executable).with_name("scanhub")], indirect=True, ids=["scanhub"]
)
async def test_ctrl_c_ends_the_server_within_seconds_even_with_an_open_stream(scene):
    started = time.monotonic()
    assert await scene.installation.stop() == 0, scene.installation.log
    assert time.monotonic() - started < 10
    assert "Traceback" not in scene.installation.log


@pytest.mark.long
async def test_logging_out_ends_access_in_every_service(scene):
    http, headers = scene.api.http, {"Authorization": f"Bearer {scene.api.token}"}
    paths = [
        "/api/v1/userlogin/getcurrentuser",
        "/api/v1/device/",
        "/api/v1/workflowmanager/targets",
        "/api/v1/patient/",
    ]
    for path in paths:
        assert (await http.get(path, headers=headers)).status_code == 200
    assert (await http.post("/api/v1/userlogin/logout", headers=headers)).status_code == 200
    async with asyncio.timeout(5):
        for path in paths:
            while (await http.get(path, headers=headers)).status_code != 401:
                await asyncio.sleep(0.1)


@pytest.mark.long
async def test_two_servers_do_not_share_a_data_folder(installation):
    second = type(installation)(installation.data_dir)
    try:
        with contextlib.suppress(httpx.TransportError), pytest.raises(AssertionError):
            await second.start()
        assert "Another server uses" in installation.log
    finally:
        await second.end()


@pytest.mark.long
@pytest.mark.disk
async def test_a_scan_on_postgresql_ends_with_images_too(postgresql_scene):
    scene = postgresql_scene
    await scene.installation.connect_scanner(scene.data.credentials, "--time-scale", "0")
    await scene.until("device.connected", device_id=scene.data.device_id)
    task_id = scene.data.acquisition_task_id
    await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
    await scene.until("exam.task.finished", task_id=scene.data.reconstruction_task_id)
    task = await scene.api.call("GET", f"/exam/task/{scene.data.reconstruction_task_id}")
    assert (task["status"], len(task["results"])) == ("FINISHED", 1)
    assert not list((scene.installation.data_dir / "data").rglob("*.sqlite"))


class NoisyScanner:
    """A scanner whose file is not what its name says."""

    def __init__(self, path):
        self._path = path
        self.details = DeviceDetails(
            device_name="Noisy",
            serial_number="1",
            manufacturer="test",
            modality="MR",
            site="here",
            parameter={},
        )

    async def scan(self, scan, /):
        await scan.report_progress(50)
        await scan.upload(self._path)


@pytest.mark.long
async def test_raw_data_that_is_none_ends_as_a_failed_run_whose_reason_a_person_can_read(
    scene, tmp_path
):
    garbage = tmp_path / "raw.mrd"
    garbage.write_bytes(b"this is not ISMRMRD" * 100)
    known = load_credentials(scene.data.credentials)
    url = f"ws://127.0.0.1:{scene.installation.port}/api/v1/device/ws"
    token = known.device_token.get_secret_value()
    client = DeviceClient(url, known.device_id, token, NoisyScanner(garbage))
    running = asyncio.create_task(client.run())
    try:
        await scene.until("device.connected", device_id=scene.data.device_id)
        task_id = scene.data.acquisition_task_id
        await scene.api.call("POST", f"/workflowmanager/trigger_task/{task_id}/")
        await scene.until("exam.task.finished", task_id=task_id)
        reconstruction = scene.data.reconstruction_task_id
        await scene.until("run.failed", task_id=reconstruction)
        await scene.until("exam.task.failed", task_id=reconstruction)
        task = await scene.api.call("GET", f"/exam/task/{reconstruction}")
        assert task["status"] == "ERROR"
        assert "ISMRMRD" in task["status_reason"]
        assert "Traceback" not in task["status_reason"]
        assert task["results"] == []
    finally:
        client.close()
        await running
