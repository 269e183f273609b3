"""Every fault of the simulated scanner, as the server sees it on the wire."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nursery import Program, start_program
from websockets.asyncio.client import connect

import scanhub_device
from scanhub_device import ClientSettings, DeviceClient
from scanhub_device.simulator import (
    BadLink,
    Fault,
    FaultKind,
    SimulatedScanner,
    SimulatorSettings,
    default_sequence,
)
from scanhub_device.simulator.faults import CRASHED, kinds

SEQUENCE = {"_id": "gre", "seq_file": default_sequence().read_text()}
QUICK = ClientSettings(
    heartbeat_s=0.1,
    reconnect_base_s=0.05,
    reconnect_max_s=0.2,
    keepalive_timeout_s=1.0,
    upload_retry_delays_s=(0.05, 0.05),
    upload_answer_timeout_s=30,
    shutdown_s=5,
)
Simulate = Callable[..., Awaitable[SimulatedScanner]]


@pytest.fixture
async def simulate(server: Any, tmp_path: Path) -> AsyncIterator[Simulate]:
    """Connect a simulated scanner to which the given faults happen."""
    links: list[BadLink] = []
    running: list[tuple[DeviceClient, asyncio.Task[None]]] = []

    async def start(*faults: str, time_scale: float = 0.0) -> SimulatedScanner:
        parsed = tuple(Fault.parse(text) for text in faults)
        settings = SimulatorSettings(coils=1, time_scale=time_scale, faults=parsed)
        link = BadLink(server.url, parsed)
        await link.__aenter__()
        links.append(link)
        scanner = SimulatedScanner(settings, data_dir=tmp_path)
        client = DeviceClient(link.url, "device-1", "secret-1", scanner, settings=QUICK)
        running.append((client, asyncio.create_task(client.run())))
        await server.expect("register", within_s=20)
        return scanner

    yield start
    for client, task in running:
        client.close()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)
    for link in links:
        await link.__aexit__(None, None, None)


async def receive(server: Any, within_s: float = 20) -> tuple[dict[str, Any], bytes]:
    header = await server.expect("file-transfer", within_s=within_s)
    return header, await server.file(header)


async def finish(server: Any) -> bytes:
    """Take the file, whole and right, and let the scan end."""
    header, content = await receive(server)
    assert header["sha256"] == hashlib.sha256(content).hexdigest()
    await server.verdict(header, ok=True)
    await server.expect("update_status", within_s=20, status="ONLINE")
    return content


async def test_without_faults_everything_passes_unchanged(server: Any, simulate: Simulate) -> None:
    await simulate()
    assert server.headers[0]["Device-Id"] == "device-1"
    assert server.headers[0]["Device-Token"] == "secret-1"
    assert not server.extensions[0]
    await server.start(sequence=SEQUENCE)
    await server.expect("ack", task_id="task-1")
    assert len(await finish(server)) > 100_000


async def test_the_server_refuses_through_the_link(server: Any) -> None:
    async def go_away(socket: Any) -> None:
        await socket.close(4001, "not you")

    server.on_connect = go_away
    async with BadLink(server.url, ()) as link, connect(link.url, proxy=None) as socket:
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4001, "not you")


async def test_link_loss_amid_the_scan_comes_back_and_the_data_is_whole(
    server: Any, simulate: Simulate
) -> None:
    await simulate("link-loss=0.5@50%", time_scale=0.2)
    await server.start(sequence=SEQUENCE)
    register = await server.expect("register", within_s=20)
    assert register["data"]["status"] == "BUSY"
    told = [m["data"]["progress"] for m in server.log if m.get("status") == "BUSY"]
    assert 40 <= max(told) <= 51
    await finish(server)
    assert len(server.headers) == 2  # once in a scan


@pytest.mark.parametrize("fault", ["link-loss@upload:50%", "half-open=1@upload:50%"])
async def test_a_link_that_fails_amid_the_upload_sends_the_file_again(
    server: Any, simulate: Simulate, fault: str
) -> None:
    await simulate(fault)
    await server.start(sequence=SEQUENCE)
    header = await server.expect("file-transfer", within_s=20)
    await server.expect("register", within_s=20)
    again, content = await receive(server)
    assert again["sha256"] == header["sha256"] == hashlib.sha256(content).hexdigest()
    await server.verdict(again, ok=True)
    await server.expect("update_status", status="ONLINE")


async def test_a_half_open_link_is_silent_and_stays_open(server: Any, simulate: Simulate) -> None:
    await simulate("half-open=3@20%", time_scale=0.2)
    await server.start(sequence=SEQUENCE)
    while not any(m.get("status") == "BUSY" and m["data"]["progress"] >= 18 for m in server.log):
        await server.expect("update_status")
    with suppress(TimeoutError):
        await server.expect("nothing more", within_s=0.5)  # what was under way
    heard = len(server.log)
    with suppress(TimeoutError):
        await server.expect("nothing more", within_s=1)  # ten heartbeats, half the scan
    assert len(server.log) == heard
    assert server.goodbyes == []
    await server.expect("register", within_s=20)
    await finish(server)


async def test_a_slow_link_takes_its_time(server: Any, simulate: Simulate) -> None:
    await simulate("slow-link=200000")
    begin = time.monotonic()
    await server.start(sequence=SEQUENCE)
    content = await finish(server)
    assert time.monotonic() - begin > len(content) / 200_000


async def test_a_full_disk_fails_the_scan_with_its_reason(
    server: Any, simulate: Simulate, tmp_path: Path
) -> None:
    await simulate("disk-full@30%")
    for task in ("task-1", "task-2"):  # in every scan
        await server.start(task, acquisition_id=task, sequence=SEQUENCE)
        error = await server.expect("update_status", within_s=20, status="ERROR", task_id=task)
        assert error["data"]["error_code"] == "disk-full"
        assert "disk of the scanner is full" in error["data"]["error_message"]
        await server.expect("update_status", status="ONLINE")
    assert not list(tmp_path.glob("scan-*"))


async def test_a_bit_that_flips_does_not_fit_the_checksum_and_the_next_try_does(
    server: Any, simulate: Simulate
) -> None:
    await simulate("bit-flip")
    await server.start(sequence=SEQUENCE)
    header, broken = await receive(server)
    assert hashlib.sha256(broken).hexdigest() != header["sha256"]
    await server.verdict(header, ok=False, message="the checksum differs")
    content = await finish(server)
    different = [n for n, (a, b) in enumerate(zip(broken, content, strict=True)) if a != b]
    assert different == [0]
    assert broken[0] ^ content[0] == 1


async def test_a_wrong_checksum_is_announced_as_often_as_asked_for(
    server: Any, simulate: Simulate
) -> None:
    await simulate("wrong-hash=2")
    await server.start(sequence=SEQUENCE)
    for _ in range(2):
        header, content = await receive(server)
        assert hashlib.sha256(content).hexdigest() != header["sha256"]
        await server.verdict(header, ok=False, message="the checksum differs")
    await finish(server)


async def test_a_late_ack_comes_late(server: Any, simulate: Simulate) -> None:
    await simulate("late-ack=1", time_scale=1)
    begin = time.monotonic()
    await server.start(sequence=SEQUENCE)
    await server.expect("ack", task_id="task-1")
    assert time.monotonic() - begin >= 1
    assert [m for m in server.log if m.get("status") == "BUSY"]  # the scan has not waited
    await server.send("stop", task_id="task-1")
    await server.expect("stopped")


async def test_no_ack_never_comes(server: Any, simulate: Simulate) -> None:
    await simulate("no-ack")
    await server.start(sequence=SEQUENCE)
    await finish(server)
    assert "ack" not in {message["command"] for message in server.log}


async def test_a_status_storm_lasts_as_long_as_the_scan(server: Any, simulate: Simulate) -> None:
    await simulate("status-storm=500", time_scale=0.2)
    await server.start(sequence=SEQUENCE)
    await finish(server)
    told = [m for m in server.log if m.get("status") == "BUSY"]
    assert len(told) > 250
    assert all(m["task_id"] == "task-1" for m in told)


async def test_a_stop_that_is_not_heard_lets_the_scan_go_on(
    server: Any, simulate: Simulate
) -> None:
    await simulate("never-stops", time_scale=0.2)
    await server.start(sequence=SEQUENCE)
    await server.expect("ack")
    await server.send("stop", task_id="task-1")
    await finish(server)
    assert "stopped" not in {message["command"] for message in server.log}


async def test_a_stop_that_is_heard_late_stops_late(server: Any, simulate: Simulate) -> None:
    await simulate("stops-late=1", time_scale=1)
    await server.start(sequence=SEQUENCE)
    await server.expect("ack")
    begin = time.monotonic()
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", within_s=10, task_id="task-1")
    assert time.monotonic() - begin >= 1


async def test_an_error_has_its_code(server: Any, simulate: Simulate) -> None:
    await simulate("error=coil-unplugged@40%")
    await server.start(sequence=SEQUENCE)
    error = await server.expect("update_status", within_s=20, status="ERROR", task_id="task-1")
    assert error["data"]["error_code"] == "coil-unplugged"
    await server.expect("update_status", status="ONLINE")


async def test_a_silent_device_sends_no_heartbeats(server: Any, simulate: Simulate) -> None:
    await simulate("silent")
    await asyncio.sleep(0.5)  # five heartbeats
    await server.start(sequence=SEQUENCE)
    await finish(server)
    assert "ping" not in {message["command"] for message in server.log}


async def start(server: Any, folder: Path, *arguments: str) -> Program:
    """Run the simulated scanner as a program of its own until it is connected."""
    credentials = folder / "device_credentials.json"
    credentials.write_text(json.dumps({"device_id": "device-9", "device_token": "secret-9"}))
    with (folder / "said").open("wb") as log:
        program = await start_program(
            *("-m", "scanhub_device.simulator", "--url", server.url),
            *("--credentials", credentials, "--time-scale", "0", "--coils", "1"),
            *arguments,
            log=log,
        )
    await server.expect("register", within_s=30)
    return program


async def is_crash(program: Program, folder: Path) -> bool:
    code = await asyncio.wait_for(program.wait(), 30)
    assert b"Traceback" not in (folder / "said").read_bytes()
    return code == CRASHED


@pytest.mark.parametrize("moment", ["50%", "upload:50%"])
async def test_a_crash_ends_the_program_without_a_word(
    server: Any, tmp_path: Path, moment: str
) -> None:
    faults = ("--fault", f"crash@{moment}", "--fault", "silent")
    program = await start(server, tmp_path, *faults)
    await server.start(sequence=SEQUENCE)
    assert await is_crash(program, tmp_path)
    with suppress(TimeoutError):
        await server.expect("nothing more", within_s=0.5)
    said = [message["command"] for message in server.log]
    assert ("file-transfer" in said) == moment.startswith("upload")
    assert "ping" not in said


async def test_after_a_crash_amid_the_upload_the_next_program_delivers(
    server: Any, tmp_path: Path
) -> None:
    spool = ("--spool", str(tmp_path / "spool"))
    program = await start(server, tmp_path, *spool, "--fault", "crash@upload:50%")
    await server.start(sequence=SEQUENCE)
    header = await server.expect("file-transfer", within_s=30)
    assert await is_crash(program, tmp_path)
    program = await start(server, tmp_path, *spool)
    try:
        again, content = await receive(server)
        assert again["sha256"] == header["sha256"] == hashlib.sha256(content).hexdigest()
        assert again["task_id"] == "task-1"
        await server.verdict(again, ok=True)
    finally:
        program.terminate()
        await asyncio.wait_for(program.wait(), 20)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fire", "is no fault"),
        ("link-loss@", "is no fault"),
        ("link-loss@150%", "from 0% to 100%"),
        ("link-loss@1.2.3%", "from 0% to 100%"),
        ("link-loss=-1@5%", "positive"),
        ("slow-link", "needs a value"),
        ("slow-link=0", "positive"),
        ("slow-link=nan", "positive"),
        ("silent=3", "takes no value"),
        ("silent@5%", "holds all the time"),
        ("disk-full@upload:5%", "not in the upload"),
    ],
)
def test_what_is_no_fault_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Fault.parse(text)


def test_every_fault_is_named_in_the_help_and_in_the_readme() -> None:
    readme = Path(scanhub_device.__file__).parents[1] / "README.md"
    text = readme.read_text()
    for kind in FaultKind:
        assert f"{kind}" in kinds()
        assert f"| `{kind}" in text
