"""A scanner of plain functions."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

from scanhub_device import (
    Calibration,
    CalibrationResult,
    DeviceDetails,
    ScanError,
    SyncScan,
    SyncScanner,
    UploadError,
)


class Plain(SyncScanner):
    """Plays in steps of 2 ms, then uploads what it is given."""

    details = DeviceDetails(device_name="plain", parameter={"gain": 1})
    can_pause = True

    def __init__(self, path: Path | None = None, steps: int = 100_000) -> None:
        self.path = path
        self.steps = steps
        self.threads: set[str] = set()
        self.ended: list[str] = []
        self.told: list[Any] = []
        self.error: Exception | None = None

    def scan(self, scan: SyncScan, /) -> None:
        self.threads.add(threading.current_thread().name)
        try:
            for step in range(self.steps):
                scan.wait_while_paused()
                scan.raise_if_stopped()
                scan.report_progress(step % 100)
                time.sleep(0.002)
            if self.error is not None:
                raise self.error  # noqa: TRY301
            if self.path is not None:
                receipt = scan.upload(self.path, content_type="x/y")
                self.told.append(receipt.result_id)
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("done")


class Calibrating(Plain):
    def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        self.threads.add(threading.current_thread().name)
        if calibration.kind == "shims":
            calibration.stop_requested.wait(30)
        return CalibrationResult({"gain": calibration.parameter["gain"] + 1})

    def parameter_changed(self, parameter: dict[str, Any], version: int, /) -> None:
        self.told.append((parameter, version))


async def test_a_plain_function_scans_in_a_thread_and_uploads(
    server: Any, connect: Any, big_file: Path
) -> None:
    scanner = Plain(big_file, steps=20)
    await connect(scanner)
    capabilities = server.log[-1]["data"]["capabilities"]
    assert "pause" in capabilities
    assert "calibrate" not in capabilities
    await server.start()
    header = await server.expect("file-transfer")
    assert (header["filename"], header["content_type"]) == ("raw.mrd", "x/y")
    assert await server.file(header) == big_file.read_bytes()
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
    assert (scanner.ended, scanner.told) == (["done"], ["result-1"])
    assert threading.main_thread().name not in scanner.threads
    assert [m["data"]["progress"] for m in server.log if m.get("status") == "BUSY"][-1] > 0


async def test_a_stop_ends_the_thread_before_it_is_confirmed(server: Any, connect: Any) -> None:
    scanner = Plain()
    await connect(scanner)
    await server.start()
    await server.expect("update_status", status="BUSY", data={"progress": 1})
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", task_id="task-1")
    assert scanner.ended == ["ScanStoppedError"]


async def test_a_stop_wakes_a_thread_that_waits_for_its_upload(
    server: Any, connect: Any, big_file: Path
) -> None:
    scanner = Plain(big_file, steps=0)
    await connect(scanner)
    await server.start()
    await server.expect("file-transfer")
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", task_id="task-1")
    assert scanner.ended == ["ScanStoppedError"]
    for _ in range(3):  # no bytes of the dead upload come after
        frame = await server.frame()
        assert isinstance(frame, dict)
        assert frame["command"] in {"ping", "update_status"}


async def test_a_thread_rests_and_goes_on(server: Any, connect: Any) -> None:
    await connect(Plain())
    await server.start()
    await server.expect("update_status", status="BUSY")
    await server.send("pause", task_id="task-1")
    await server.expect("paused")
    await server.send("resume", task_id="task-1")
    await server.expect("resumed")
    await server.send("pause", task_id="task-1")
    await server.expect("paused")
    await server.send("stop", task_id="task-1")
    await server.expect("stopped")


async def test_the_errors_of_a_thread_are_told(server: Any, connect: Any, big_file: Path) -> None:
    scanner = Plain(steps=0)
    await connect(scanner)
    scanner.error = ScanError("no coil", code="coil")
    await server.start()
    error = await server.expect("update_status", status="ERROR")
    assert error["data"] == {"error_code": "coil", "error_message": "no coil"}
    scanner.error, scanner.path = None, big_file
    await server.start("task-2")
    for _ in range(3):
        header = await server.expect("file-transfer")
        await server.verdict(header, ok=False, message="disk full")
    error = await server.expect("update_status", status="ERROR")
    assert "disk full" in error["data"]["error_message"]
    assert scanner.ended == [ScanError.__name__, UploadError.__name__]


async def test_plain_functions_calibrate_and_take_parameters(server: Any, connect: Any) -> None:
    scanner = Calibrating(steps=0)
    await connect(scanner)
    assert "calibrate" in server.log[-1]["data"]["capabilities"]
    await server.send("parameter_update", parameter={"gain": 5}, version=2)
    await server.start(calibration=["frequency"])
    assert (await server.expect("calibrated"))["values"] == {"gain": 6}
    await server.expect("update_status", status="ONLINE")
    async with asyncio.timeout(30):
        while not scanner.told:  # once nothing runs, in a thread of its own: ONLINE may be first
            await asyncio.sleep(0.005)
    assert scanner.told == [({"gain": 5}, 2)]
    await server.send("calibrate", calibration_id="c-1", kind="shims", device_parameter={"gain": 1})
    await server.expect("update_status", status="BUSY")
    await server.send("stop")  # sets `stop_requested`: the thread returns
    await server.expect("calibrated", calibration_id="c-1")
    await server.expect("stopped")
    assert threading.main_thread().name not in scanner.threads
