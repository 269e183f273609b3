"""The device SDK and its simulated scanner at the other end of the link."""

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from scanner_lab import EXAM

from scanhub_device import Calibration, CalibrationResult, ClientSettings, DeviceClient
from scanhub_device.messages import DeviceDetails
from scanhub_device.simulator.scanner import SimulatedScanner
from scanhub_device.simulator.sequences import write_gre

QUICK = ClientSettings(heartbeat_s=0.2, reconnect_base_s=0.1, upload_retry_delays_s=(0.1,))


@asynccontextmanager
async def running(lab, credentials, scanner, settings=QUICK):
    client = DeviceClient(
        f"ws://{lab.address}/api/v1/device/ws",
        credentials["device_id"],
        credentials["device_token"],
        scanner,
        settings=settings,
    )
    task = asyncio.create_task(client.run())
    try:
        await lab.device_becomes(credentials["device_id"], "ONLINE")
        yield client
    finally:
        client.close()
        with suppress(asyncio.CancelledError):
            await task


class Calibrating:
    """Tasks of the lab ask for a frequency and have no sequence."""

    async def calibrate(self, _calibration: Calibration, /) -> CalibrationResult:
        return CalibrationResult({"larmor_frequency": 2_000_143.0}, {"snr_db": 31.0})


class SlowScanner(Calibrating):
    """Scans until it is stopped."""

    details = DeviceDetails(device_name="slow")

    async def scan(self, scan) -> None:
        await scan.report_progress(5)
        await asyncio.sleep(30)


class LargeScanner(Calibrating):
    """Uploads a large file in many frames, with progress in between."""

    details = DeviceDetails(device_name="large")

    def __init__(self, path) -> None:
        self.path = path

    async def scan(self, scan) -> None:
        await scan.report_progress(50)
        await scan.upload(self.path)


async def test_the_simulated_scanner_plays_a_sequence_and_delivers_raw_data(lab, tmp_path):
    path = tmp_path / "gre.seq"
    write_gre(path, matrix=32)
    with path.open("rb") as file:
        answer = await lab.exam.post(
            f"{EXAM}/sequence", files={"seq_file": file}, data={"name": "GRE"}, timeout=60
        )
    assert answer.status_code == 201, answer.text
    credentials = await lab.create_device()
    scanner = SimulatedScanner()
    async with running(lab, credentials, scanner):
        task = await lab.create_task(
            credentials["device_id"], sequence_id=answer.json()["_id"], calibration=[]
        )
        started = await lab.start(task)
        assert started.status_code == 200, started.text
        done = await lab.task_becomes(task["id"], "FINISHED", 40)
        (result,) = done["results"]
        assert result["type"] == "MRD"
        assert await lab.device_becomes(credentials["device_id"], "ONLINE")


async def test_a_device_of_the_sdk_is_stopped(lab):
    credentials = await lab.create_device()
    async with running(lab, credentials, SlowScanner()):
        for _ in range(2):
            task = await lab.create_task(credentials["device_id"])
            started = await lab.start(task)
            assert started.status_code == 200, started.text
            await lab.task_becomes(task["id"], "INPROGRESS")
            answer = (await lab.stop(credentials["device_id"])).json()
            assert answer["confirmed"], answer
            assert (await lab.task(task["id"]))["status"] == "CANCELED"
            await lab.device_becomes(credentials["device_id"], "ONLINE")


async def test_a_lost_link_in_the_middle_of_an_upload_costs_nothing(make_lab, tmp_path):
    path = tmp_path / "raw.mrd"
    path.write_bytes(bytes(range(256)) * (1 << 18))  # 64 MiB
    async with make_lab(lost_after_seconds=30, data_deadline_seconds=30) as lab:
        credentials = await lab.create_device()
        over_the_link = replace(QUICK, http_upload_bytes=1 << 40)
        async with running(lab, credentials, LargeScanner(path), over_the_link) as client:
            task = await lab.create_task(credentials["device_id"])
            started = await lab.start(task)
            assert started.status_code == 200, started.text
            archive = lab.app.state.archive
            async with asyncio.timeout(10):
                while not any(transfer.received for transfer in archive._under_way.values()):
                    await asyncio.sleep(0)
            client._link._websocket.transport.abort()
            done = await lab.task_becomes(task["id"], "FINISHED", 40)
            (result,) = done["results"]
            assert result["meta"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert len([name for name in lab.files() if name == "raw.mrd"]) == 1


@pytest.mark.parametrize("wrong", ["device_token"])
async def test_a_wrong_token_is_no_reason_to_crash(lab, wrong):
    credentials = {**await lab.create_device(), wrong: "f" * 64}
    client = DeviceClient(
        f"ws://{lab.address}/api/v1/device/ws",
        credentials["device_id"],
        credentials["device_token"],
        SlowScanner(),
        settings=QUICK,
    )
    task = asyncio.create_task(client.run())
    await asyncio.sleep(0.5)
    assert not task.done()
    client.close()
    await task


async def test_parameters_that_the_device_changes_come_back_with_their_version(lab):
    class Tuned(SlowScanner):
        details = DeviceDetails(device_name="tuned", parameter={"gain": 1})

    credentials = await lab.create_device()
    async with running(lab, credentials, Tuned()) as client:
        for version, gain in ((2, 5), (3, 6)):
            await lab.eventually(lambda: asyncio.sleep(0, client.parameter_version), bool)
            await client.update_parameter({"gain": gain}, "tuned")
            await lab.eventually(
                lambda: asyncio.sleep(0, client.parameter_version),
                lambda seen, wanted=version: seen == wanted,
            )
            assert client.parameter == {"gain": gain}
            assert (await lab.device(credentials["device_id"]))["parameter"] == {"gain": gain}
