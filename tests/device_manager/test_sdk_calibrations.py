"""Calibrations and parameters, with the device SDK at the other end of the link."""

from scanner_lab import DEVICE
from test_sdk import SlowScanner, running

from device_manager.calibrations.rules import CALIBRATE
from scanhub_device import Calibration, CalibrationResult
from scanhub_device.messages import DeviceDetails

MEASURED = {
    "frequency": {"larmor_frequency": 2_000_143.0},
    "shims": {"shims": [0.1, 0.2, 0.3]},
}


class Bench(SlowScanner):
    """Measures what it is asked for, and remembers what it began from."""

    details = DeviceDetails(
        device_name="bench", parameter={"larmor_frequency": 2_000_000.0, "shims": [0, 0, 0]}
    )

    def __init__(self) -> None:
        self.began: list[dict] = []

    async def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        self.began.append(dict(calibration.parameter))
        return CalibrationResult(MEASURED[calibration.kind], {"snr_db": 31.0})


async def calibrations(lab, device_id):
    return (await lab.http.get(f"{DEVICE}/{device_id}/calibrations")).json()


async def test_two_calibrations_one_after_the_other(lab):
    credentials, scanner = await lab.create_device(), Bench()
    device_id = credentials["device_id"]
    async with running(lab, credentials, scanner):
        assert CALIBRATE in (await lab.device(device_id))["capabilities"]
        path = f"{DEVICE}/{device_id}/calibrate"
        answer = await lab.http.post(path, json={"kinds": ["frequency", "shims"]})
        assert answer.status_code == 202, answer.text
        rows = await lab.eventually(
            lambda: calibrations(lab, device_id),
            lambda rows: all(row["ended_at"] for row in rows),
        )
        assert [(row["state"], row["problem"]) for row in rows] == [("measured", None)] * 2
        assert scanner.began[1] == {**scanner.began[0], **MEASURED["frequency"]}
        parameter = (await lab.device(device_id))["parameter"]
        assert parameter == {**MEASURED["frequency"], **MEASURED["shims"]}
        await lab.device_becomes(device_id, "ONLINE")
        assert (await lab.http.post(path, json={"kinds": ["shims"]})).status_code == 202


async def test_a_scan_begins_with_its_calibrations(lab):
    credentials = await lab.create_device()
    device_id = credentials["device_id"]
    async with running(lab, credentials, Bench()):
        task = await lab.create_task(device_id, calibration=["frequency"])
        assert (await lab.start(task)).status_code == 200
        (row,) = await lab.eventually(
            lambda: calibrations(lab, device_id), lambda rows: rows[0]["ended_at"]
        )
        assert (row["state"], row["parameter_version"]) == ("measured", 2)
        assert row["task_id"] == task["id"]
        assert (await lab.stop(device_id)).json()["confirmed"]
