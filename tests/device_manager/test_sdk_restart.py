"""The server is started anew while a device of the SDK is in each of its states."""

import asyncio
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from scanhub_device import (
    Calibration,
    CalibrationResult,
    ClientSettings,
    DeviceClient,
    DeviceDetails,
    Scan,
    ScannerFaultError,
)

QUICK = ClientSettings(
    heartbeat_s=0.2, reconnect_base_s=0.1, reconnect_max_s=0.5, upload_retry_delays_s=(0.1,) * 9
)
PATIENT = {
    "lost_after_seconds": 60,
    "return_deadline_seconds": 60,
    "data_deadline_seconds": 60,
    "ack_deadline_seconds": 30,
    "stop_deadline_seconds": 10,
}


class Scripted:
    """Scans until it may go on; then it delivers."""

    details = DeviceDetails(device_name="scripted")
    can_pause = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.go_on = asyncio.Event()
        self.fault: str | None = None
        self.uploading = asyncio.Event()
        self.scans = 0

    async def calibrate(self, _calibration: Calibration, /) -> CalibrationResult:
        return CalibrationResult({"larmor_frequency": 2e6})

    async def scan(self, scan: Scan, /) -> None:
        self.scans += 1
        await scan.report_progress(20)
        while not self.go_on.is_set():
            await scan.rest_while_paused()
            await asyncio.sleep(0.01)
        if self.fault is not None:
            raise ScannerFaultError(self.fault)
        await scan.report_progress(90)
        self.uploading.set()
        await scan.upload(self.path)


@asynccontextmanager
async def running(credentials, scanner):
    client = DeviceClient(
        "ws://127.0.0.1:1/api/v1/device/ws",
        credentials["device_id"],
        credentials["device_token"],
        scanner,
        settings=QUICK,
    )
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        client.close()
        with suppress(asyncio.CancelledError):
            await task


def lead(client, lab):
    """The restarted server of a test has another port."""
    client._url = client._uploads._url = f"ws://{lab.address}/api/v1/device/ws"


@pytest.fixture
def scanner(tmp_path):
    path = tmp_path / "raw.mrd"
    path.write_bytes(b"k-space" * 100_000)
    return Scripted(path)


async def scanning(lab, client, device_id):
    lead(client, lab)
    await lab.eventually(lambda: lab.device(device_id), lambda row: row["status"] == "ONLINE", 20)
    task = await lab.create_task(device_id)
    answer = await lab.start(task)
    assert answer.status_code == 200, answer.text
    return await lab.task_becomes(task["id"], "INPROGRESS", 20)


async def recovers(lab, client, task, device_id):
    await lab.task_becomes(task["id"], "ERROR", 30)
    await lab.device_becomes(device_id, "ERROR")
    await client.recover()
    await lab.device_becomes(device_id, "ONLINE")


@pytest.mark.parametrize("state", ["idle", "scanning", "paused", "uploading", "fault"])
async def test_a_scan_outlives_a_restart_of_the_server_in_every_state(make_lab, scanner, state):
    stack = make_lab(**PATIENT)
    lab = await stack.__aenter__()
    credentials = await lab.create_device()
    device_id = credentials["device_id"]
    async with running(credentials, scanner) as client:
        if state == "idle":
            lead(client, lab)
            await lab.device_becomes(device_id, "ONLINE")
        else:
            task = await scanning(lab, client, device_id)
        if state == "paused":
            answer = await lab.http.post(f"/api/v1/device/{device_id}/pause")
            assert answer.status_code == 200, answer.text
            await lab.task_becomes(task["id"], "PAUSED", 20)
        if state == "uploading":
            scanner.go_on.set()
            await scanner.uploading.wait()
        await stack.__aexit__(None, None, None)
        if state == "fault":
            scanner.fault = "the gradient amplifier is hot"
            scanner.go_on.set()
        async with make_lab(**PATIENT) as again:
            lead(client, again)
            if state == "idle":
                task = await scanning(again, client, device_id)
            if state == "fault":
                await recovers(again, client, task, device_id)
                return
            if state == "paused":
                path = f"/api/v1/device/{device_id}/resume"
                answer = await again.eventually(  # it is refused until the device is back
                    lambda: again.http.post(path), lambda answer: answer.status_code == 200, 30
                )
                assert answer.json()["confirmed"], answer.text
            scanner.go_on.set()
            done = await again.task_becomes(task["id"], "FINISHED", 30)
            assert len(done["results"]) == 1
            assert scanner.scans == 1
