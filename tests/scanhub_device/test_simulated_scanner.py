"""The simulated scanner on the link, and as a program of its own."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import ismrmrd
import pytest
from nursery import Program, start_program

from scanhub_device.simulator import (
    Magnet,
    SimulatedScanner,
    SimulatorSettings,
    default_sequence,
)

GRE = default_sequence().read_text()
SEQUENCE = {"_id": "gre", "seq_file": GRE}


async def begun(server: Any) -> dict[str, Any]:
    """Wait until something is acquired."""
    while not (status := await server.expect("update_status", status="BUSY"))["data"]["progress"]:
        pass
    return status


async def test_a_scan_is_played_with_true_progress_and_delivered(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    settings = SimulatorSettings(coils=2, time_scale=0)
    data_dir = tmp_path / "scanner"
    data_dir.mkdir()
    await connect(SimulatedScanner(settings, data_dir=data_dir))
    await server.start(sequence=SEQUENCE)
    header = await server.expect("file-transfer", within_s=20)
    content = await server.file(header)
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
    assert header["filename"] == "data.mrd"
    assert header["device_parameter"]["receiver_channels"] == 2
    progress = [m["data"]["progress"] for m in server.log if m.get("status") == "BUSY"]
    assert progress == sorted(set(progress))
    assert (progress[0], progress[-1]) == (0, 100)
    assert len(progress) > 50
    received = tmp_path / "received.mrd"
    received.write_bytes(content)
    dataset = ismrmrd.Dataset(str(received), "dataset", create_if_needed=False)
    assert dataset.number_of_acquisitions() == 128
    dataset.close()
    assert not list(data_dir.iterdir())


async def test_the_scan_takes_its_time(server: Any, connect: Any) -> None:
    await connect(SimulatedScanner(SimulatorSettings(coils=1, time_scale=0.2)))
    begin = time.monotonic()
    await server.start(sequence=SEQUENCE)
    header = await server.expect("file-transfer", within_s=20)
    taken = time.monotonic() - begin
    told = [m["data"] for m in server.log if m.get("status") == "BUSY"]
    left = [data["seconds_left"] for data in told if "seconds_left" in data]
    assert left == sorted(left, reverse=True)
    assert left[0] == pytest.approx(0.2 * 5.7, abs=0.2)
    assert left[-1] == 0
    await server.file(header)
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
    assert 0.2 * 5.7 < taken < 5.7  # that is how long it takes in truth


async def test_stop_ends_the_scan_at_once_and_nothing_is_left(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    settings = SimulatorSettings(coils=1, time_scale=5)  # to its end it would take 28 s
    await connect(SimulatedScanner(settings, data_dir=tmp_path))
    await server.start(sequence=SEQUENCE)
    await begun(server)
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", within_s=20, task_id="task-1")
    await server.expect("update_status", status="ONLINE")
    assert not list(tmp_path.iterdir())


async def test_a_pause_rests_between_two_readouts_and_the_scan_is_whole(
    server: Any, connect: Any
) -> None:
    await connect(SimulatedScanner(SimulatorSettings(coils=1, time_scale=0.2)))
    begin = time.monotonic()
    await server.start(sequence=SEQUENCE)
    await begun(server)
    await server.send("pause", task_id="task-1")
    await server.expect("paused", task_id="task-1")
    paused = time.monotonic()
    told = len(server.log)
    with pytest.raises(TimeoutError):
        await server.expect("file-transfer", within_s=1.5)  # the rest would take 1.2 s
    assert not [m for m in server.log[told + 2 :] if m.get("command") == "update_status"]
    resumed = time.monotonic()
    await server.send("resume", task_id="task-1")
    await server.expect("resumed", task_id="task-1")
    header = await server.expect("file-transfer", within_s=20)
    ended = time.monotonic()
    rested = resumed - paused  # the scanner rested before it said so, and until it was told
    assert ended - begin - rested > 0.2 * 5.7  # no part of the rest counts as scanning
    await server.file(header)
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")


async def test_calibrations_before_a_scan_are_told_and_the_scan_uses_them(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    magnet = Magnet.out_of_adjustment(4)
    await connect(SimulatedScanner(SimulatorSettings(coils=1, time_scale=0, magnet=magnet)))
    await server.start(sequence=SEQUENCE, calibration=["shims", "frequency", "flip-angle"])
    found = {}
    for _ in range(3):
        found.update((await server.expect("calibrated", within_s=20, task_id="task-1"))["values"])
    header = await server.expect("file-transfer", within_s=20)
    content = await server.file(header)
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
    assert found["larmor_frequency"] == pytest.approx(magnet.larmor_frequency_hz, abs=1)
    assert found["flip_angle_calibration"] == pytest.approx(1 / magnet.transmit, rel=0.01)
    assert found["shims"] == pytest.approx([-g for g in magnet.gradient_ut_per_m], abs=0.1)
    assert header["device_parameter"]["shims"] == found["shims"]
    received = tmp_path / "received.mrd"
    received.write_bytes(content)
    dataset = ismrmrd.Dataset(str(received), "dataset", create_if_needed=False)
    header_ = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
    dataset.close()
    frequency = header_.experimentalConditions.H1resonanceFrequency_Hz
    assert frequency == round(found["larmor_frequency"])


async def test_the_magnet_is_calibrated_without_a_scan_too(server: Any, connect: Any) -> None:
    magnet = Magnet.out_of_adjustment(2)
    await connect(SimulatedScanner(SimulatorSettings(time_scale=0, magnet=magnet)))
    await server.send("calibrate", calibration_id="cal-1", kind="frequency", device_parameter={})
    told = await server.expect("calibrated", within_s=20)
    assert told["calibration_id"] == "cal-1"
    assert told["quality"]["snr_db"] > 20
    assert told["quality"]["line_width_hz"] > 50  # it is not shimmed


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no sequence"),
        ({"sequence": {"seq_file": "hello"}}, "no Pulseq file"),
        (
            {
                "sequence": SEQUENCE,
                "acquisition_parameter": {
                    "fov_scaling": {"x": 2, "y": 1, "z": 1},
                    "fov_offset": {"x": 0, "y": 0, "z": 0},
                    "fov_rotation": {"x": 0, "y": 0, "z": 0},
                },
            },
            "cannot scale",
        ),
        (
            {"sequence": SEQUENCE, "calibration": ["gravity"]},
            "does not know how to calibrate gravity",
        ),
    ],
)
async def test_what_cannot_be_played_is_an_error_with_its_reason(
    server: Any, connect: Any, fields: dict[str, Any], reason: str
) -> None:
    await connect(SimulatedScanner())
    await server.start(**fields)
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert reason in error["data"]["error_message"]
    await server.expect("update_status", status="ONLINE")


async def test_data_that_the_server_does_not_take_is_kept(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    scanner = SimulatedScanner(SimulatorSettings(coils=1, time_scale=0), data_dir=tmp_path)
    await connect(scanner)
    await server.start(sequence=SEQUENCE)
    for _ in range(3):
        header = await server.expect("file-transfer", within_s=20)
        await server.file(header)
        await server.verdict(header, ok=False, message="the disk is full")
    error = await server.expect("update_status", status="ERROR")
    [kept] = tmp_path.glob("*/data.mrd")
    assert "the disk is full" in error["data"]["error_message"]
    assert str(kept) in error["data"]["error_message"]


async def start(folder: Path, *arguments: str) -> Program:
    with (folder / "said").open("wb") as log:
        return await start_program("-m", "scanhub_device.simulator", *arguments, log=log)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_program_connects_scans_and_ends_cleanly(
    server: Any, tmp_path: Path, number: signal.Signals
) -> None:
    credentials = tmp_path / "device_credentials.json"
    credentials.write_text(json.dumps({"device_id": "device-9", "device_token": "secret-9"}))
    where = ("--url", server.url, "--credentials", str(credentials))
    program = await start(tmp_path, *where, "--coils", "3", "--name", "Bench")
    try:
        register = await server.expect("register", within_s=20)
        assert register["data"]["device_name"] == "Bench"
        assert register["data"]["parameter"]["receiver_channels"] == 3
        assert server.headers[0]["Device-Id"] == "device-9"
        await server.start(sequence=SEQUENCE)
        await begun(server)
        program.send_signal(number)
        await server.expect("update_status", status="ERROR", task_id="task-1")
        await asyncio.wait_for(program.wait(), 10)
    finally:
        if program.returncode is None:
            program.kill()
    assert program.returncode == 0
    errors = (tmp_path / "said").read_bytes()
    assert b"Traceback" not in errors
    assert b"secret-9" not in errors


async def test_the_program_says_what_is_wrong_with_its_arguments(tmp_path: Path) -> None:
    credentials = tmp_path / "device_credentials.json"
    where = ("--url", "ws://127.0.0.1:1/", "--credentials", str(credentials))
    program = await start(tmp_path, *where)
    assert await program.wait() == 2
    errors = (tmp_path / "said").read_bytes()
    assert b"cannot read" in errors
    assert b"Traceback" not in errors
