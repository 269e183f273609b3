import asyncio
from pathlib import Path
from typing import Any

import pytest

from scanhub_device import (
    Calibration,
    CalibrationKind,
    CalibrationResult,
    DeviceDetails,
    DeviceState,
    Scan,
    ScanError,
    ScannerFaultError,
)


class Calibrating:
    details = DeviceDetails(device_name="calibrating", parameter={"larmor_frequency": 1.0})

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.hold: asyncio.Event | None = None
        self.error: Exception | None = None
        self.file: Path | None = None

    async def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        self.log.append((calibration.kind, dict(calibration.parameter)))
        if self.hold is not None:
            await self.hold.wait()
        if self.error is not None:
            raise self.error
        if calibration.kind == CalibrationKind.FREQUENCY:
            return CalibrationResult({"larmor_frequency": 2.5}, {"snr_db": 30.0})
        return CalibrationResult({"shim": [1, 2, 3]})

    async def scan(self, scan: Scan, /) -> None:
        self.log.append(("scan", dict(scan.device_parameter)))
        if self.file is not None:
            await scan.upload(self.file)


async def nothing(scan: Scan) -> None: ...


async def test_the_calibrations_of_a_scan_run_before_it_and_each_is_reported(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    scanner = Calibrating()
    scanner.file = tmp_path / "data.npy"
    scanner.file.write_bytes(b"data")
    await connect(scanner)
    assert "calibrate" in server.log[-1]["data"]["capabilities"]
    await server.start(calibration=["frequency", "shims"], device_parameter={"gain": 3})
    header = await server.expect("file-transfer")
    found = [m for m in server.log if m["command"] == "calibrated"]
    about = {"command": "calibrated", "task_id": "task-1", "user_access_token": "token-1"}
    assert found == [
        {
            **about,
            "kind": "frequency",
            "values": {"larmor_frequency": 2.5},
            "quality": {"snr_db": 30.0},
        },
        {**about, "kind": "shims", "values": {"shim": [1, 2, 3]}},
    ]
    together = {"gain": 3, "larmor_frequency": 2.5, "shim": [1, 2, 3]}
    assert scanner.log == [
        ("frequency", {"gain": 3}),
        ("shims", {"gain": 3, "larmor_frequency": 2.5}),
        ("scan", together),
    ]
    assert header["device_parameter"] == together
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")


async def test_a_scan_that_asks_for_what_the_scanner_cannot_is_refused(
    server: Any, connect: Any
) -> None:
    await connect(nothing)
    assert "calibrate" not in server.log[-1]["data"]["capabilities"]
    await server.start(calibration=["shims"])
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "cannot calibrate" in error["data"]["error_message"]
    assert "shims" in error["data"]["error_message"]
    await server.send("calibrate", calibration_id="c-1", kind="shims")
    answer = await server.expect("calibrated", calibration_id="c-1")
    assert answer["error_message"] == "this scanner cannot calibrate"


async def test_a_calibration_that_fails_ends_the_scan_before_it_is_played(
    server: Any, connect: Any
) -> None:
    scanner = Calibrating()
    scanner.error = ScanError("no signal")
    await connect(scanner)
    await server.start(calibration=["flip-angle"])
    answer = await server.expect("calibrated")
    assert (answer["kind"], answer["error_message"]) == ("flip-angle", "no signal")
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert error["data"]["error_message"] == "calibration of flip-angle failed: no signal"
    assert [name for name, _ in scanner.log] == ["flip-angle"]


async def test_a_stop_ends_the_calibration_of_a_scan_and_nothing_is_played(
    server: Any, connect: Any
) -> None:
    scanner = Calibrating()
    scanner.hold = asyncio.Event()
    await connect(scanner)
    await server.start(calibration=["frequency"])
    await server.expect("update_status", status="BUSY")
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", task_id="task-1")
    assert [name for name, _ in scanner.log] in ([], ["frequency"])


async def test_a_calibration_by_itself_is_answered_and_the_device_is_busy_meanwhile(
    server: Any, connect: Any
) -> None:
    scanner = Calibrating()
    scanner.hold = asyncio.Event()
    client = await connect(scanner)
    asked = {"calibration_id": "c-1", "kind": "frequency", "device_parameter": {"gain": 4}}
    await server.send("calibrate", **asked)
    assert "task_id" not in await server.expect("update_status", status="BUSY")
    assert client.state is DeviceState.BUSY
    await server.send("calibrate", **asked)  # the same again: once is enough
    await server.send("calibrate", calibration_id="c-2", kind="shims")
    refused = await server.expect("calibrated", calibration_id="c-2")
    assert "busy with a calibration" in refused["error_message"]
    await server.start()
    refused = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "busy with a calibration" in refused["data"]["error_message"]
    scanner.hold.set()
    answer = await server.expect("calibrated", calibration_id="c-1")
    assert answer["values"] == {"larmor_frequency": 2.5}
    await server.expect("update_status", status="ONLINE")
    assert scanner.log == [("frequency", {"gain": 4})]
    await server.start("task-2", acquisition_id="acq-2")
    await server.expect("ack", task_id="task-2")


async def test_a_calibration_never_runs_while_a_scan_runs(server: Any, connect: Any) -> None:
    scanner = Calibrating()
    scanner.hold = asyncio.Event()
    await connect(scanner)
    await server.start(calibration=["shims"])
    await server.expect("update_status", status="BUSY")
    await server.send("calibrate", calibration_id="c-1", kind="frequency")
    refused = await server.expect("calibrated", calibration_id="c-1")
    assert "busy with task task-1" in refused["error_message"]
    scanner.hold.set()
    await server.expect("update_status", status="ONLINE")
    assert [name for name, _ in scanner.log] == ["shims", "scan"]


async def test_a_calibration_outlives_the_link(server: Any, connect: Any) -> None:
    scanner = Calibrating()
    scanner.hold = asyncio.Event()
    client = await connect(scanner)
    await server.send("calibrate", calibration_id="c-1", kind="frequency")
    await server.expect("update_status", status="BUSY")
    server.drop()
    assert (await server.expect("register"))["data"]["status"] == "BUSY"
    await server.go_down()
    async with asyncio.timeout(10):
        while client.state is not DeviceState.OFFLINE:
            await asyncio.sleep(0.005)
    scanner.hold.set()
    await asyncio.sleep(0.05)
    await server.listen()
    await server.expect("calibrated", calibration_id="c-1")
    await server.expect("update_status", status="ONLINE")


@pytest.mark.parametrize("fault", [True, False])
async def test_a_calibration_that_fails_by_itself_says_why(
    server: Any, connect: Any, *, fault: bool
) -> None:
    scanner = Calibrating()
    scanner.error = ScannerFaultError("quench") if fault else RuntimeError()
    client = await connect(scanner)
    await server.send("calibrate", calibration_id="c-1", kind="frequency")
    answer = await server.expect("calibrated", calibration_id="c-1")
    assert answer["error_message"] == ("quench" if fault else "RuntimeError")
    await server.expect("update_status", status="ERROR" if fault else "ONLINE")
    assert (client.state is DeviceState.ERROR) is fault


async def test_a_stop_of_whatever_runs_ends_a_calibration(server: Any, connect: Any) -> None:
    scanner = Calibrating()
    scanner.hold = asyncio.Event()
    await connect(scanner)
    await server.send("calibrate", calibration_id="c-1", kind="frequency")
    await server.expect("update_status", status="BUSY")
    await server.send("stop")
    answer = await server.expect("calibrated", calibration_id="c-1")
    assert answer["error_message"] == "the calibration was stopped"
    await server.expect("stopped")
    await server.expect("update_status", status="ONLINE")


async def test_a_scanner_that_gives_up_by_itself_was_not_stopped(server: Any, connect: Any) -> None:
    async def work(scan: Scan) -> None:
        async with asyncio.timeout(0.05):
            await scan.run_in_thread(scan.stop_requested.wait, 10)

    await connect(work)
    await server.start()
    await server.expect("update_status", status="ERROR", task_id="task-1")
    await server.expect("update_status", status="ONLINE")
    assert not [m for m in server.log if m["command"] == "stopped"]


async def test_a_start_that_has_been_carried_out_is_not_carried_out_again(
    server: Any, connect: Any
) -> None:
    done: list[str] = []

    async def work(scan: Scan) -> None:
        done.append(scan.task_id)

    await connect(work)
    await server.start()
    await server.expect("update_status", status="ONLINE")
    await server.start()
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "carried out already" in error["data"]["error_message"]
    assert done == ["task-1"]


async def test_a_late_stop_of_an_earlier_start_does_not_end_this_one(
    server: Any, connect: Any
) -> None:
    async def endless(scan: Scan) -> None:
        await asyncio.Event().wait()

    client = await connect(endless)
    await server.start(acquisition_id="acq-2")
    await server.expect("update_status", status="BUSY")
    await server.send("stop", task_id="task-1", acquisition_id="acq-1")
    await server.expect("ping")
    await server.expect("ping")
    assert client.state is DeviceState.BUSY
    assert not [m for m in server.log if m["command"] == "stopped"]
    await server.send("stop", task_id="task-1", acquisition_id="acq-2")
    await server.expect("stopped", task_id="task-1")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "has to return a CalibrationResult"),
        (CalibrationResult({"larmor_frequency": {1, 2}}), "plain numbers"),
    ],
)
async def test_a_result_that_cannot_be_told_is_an_error_and_the_device_goes_on(
    server: Any, connect: Any, returned: Any, words: str
) -> None:
    class Careless(Calibrating):
        async def calibrate(self, _calibration: Calibration, /) -> CalibrationResult:
            return returned

    await connect(Careless())
    await server.send("calibrate", calibration_id="c-1", kind="frequency")
    assert words in (await server.expect("calibrated"))["error_message"]
    await server.expect("update_status", status="ONLINE")
    await server.start(calibration=["frequency"])
    assert words in (await server.expect("calibrated"))["error_message"]
    await server.expect("update_status", status="ERROR", task_id="task-1")
    await server.expect("update_status", status="ONLINE")


async def test_a_plain_function_where_a_coroutine_belongs_is_an_error(
    server: Any, connect: Any
) -> None:
    class Wrong(Calibrating):
        def calibrate(self, _calibration: Calibration, /) -> Any:
            return CalibrationResult({})

        def scan(self, _scan: Scan, /) -> Any:
            return None

    client = await connect(Wrong())
    await server.send("calibrate", calibration_id="c-1", kind="frequency")
    assert "await" in (await server.expect("calibrated"))["error_message"]
    await server.start()
    await server.expect("update_status", status="ERROR", task_id="task-1")
    await server.expect("update_status", status="ONLINE")
    assert client.state is DeviceState.ONLINE
