import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from scanhub_device import DeviceClient, DeviceState, Scan, ScanError, ScannerFaultError
from scanhub_device.credentials import load_credentials
from scanhub_device.errors import CredentialsError


async def nothing(scan: Scan) -> None:
    """A scan that is over at once."""


async def endless(scan: Scan) -> None:
    await scan.report_progress(10)
    await asyncio.Event().wait()


async def test_the_device_registers_with_its_credentials_and_without_compression(
    server: Any, connect: Any
) -> None:
    client = await connect(nothing)
    register = server.log[0]
    assert register["data"] == {
        "device_name": "bench",
        "serial_number": "7",
        "manufacturer": "",
        "modality": "MR",
        "site": "",
        "parameter": {"gain": 3},
        "status": "ONLINE",
        "capabilities": ["ack", "stop", "idle", "parameter_update"],
    }
    assert server.headers[0]["Device-Id"] == "device-1"
    assert server.headers[0]["Device-Token"] == "secret-1"
    assert server.extensions == [[]]
    assert client.state is DeviceState.ONLINE


async def test_the_heartbeat_goes_on(server: Any, connect: Any) -> None:
    await connect(nothing)
    for _ in range(3):
        await server.expect("ping")


async def test_a_start_is_acknowledged_first_then_progress_is_reported(
    server: Any, connect: Any
) -> None:
    async def work(scan: Scan) -> None:
        assert scan.sequence_text == "[VERSION]"
        for percent in (25.9, 25.1, 250):
            await scan.report_progress(percent)

    await connect(work)
    await server.start(sequence={"_id": "s", "seq_file": "[VERSION]"}, unknown_field=1)
    await server.expect("update_status", status="ONLINE")
    messages = [message for message in server.log[1:] if message["command"] != "ping"]
    assert messages[0] == {"command": "ack", "task_id": "task-1", "acquisition_id": "acq-1"}
    assert [m["data"]["progress"] for m in messages[1:-1]] == [0, 25, 100]
    assert all(m["status"] == "BUSY" for m in messages[1:-1])
    assert {m["task_id"] for m in messages[1:-1]} == {"task-1"}
    assert {m["user_access_token"] for m in messages[1:-1]} == {"token-1"}


async def test_a_failed_scan_tells_why_and_the_device_is_free_again(
    server: Any, connect: Any
) -> None:
    async def work(scan: Scan) -> None:
        raise ScanError("no coil is plugged in")

    client = await connect(work)
    await server.start()
    error = await server.expect("update_status", status="ERROR")
    assert error["data"]["error_message"] == "no coil is plugged in"
    assert (error["task_id"], error["user_access_token"]) == ("task-1", "token-1")
    await server.expect("update_status", status="ONLINE")
    assert client.state is DeviceState.ONLINE
    await server.start("task-2")
    await server.expect("ack", task_id="task-2")


async def test_a_broken_scanner_takes_no_scan_until_it_has_recovered(
    server: Any, connect: Any
) -> None:
    async def work(scan: Scan) -> None:
        raise ScannerFaultError("gradient amplifier")

    client = await connect(work)
    await server.start()
    await server.expect("update_status", status="ERROR", task_id="task-1")
    await server.start("task-2")
    refusal = await server.expect("update_status", status="ERROR", task_id="task-2")
    assert "gradient amplifier" in refusal["data"]["error_message"]
    assert client.state is DeviceState.ERROR
    await client.recover()
    await server.expect("update_status", status="ONLINE")
    await server.start("task-3")
    await server.expect("ack", task_id="task-3")


async def test_a_second_start_is_refused_and_the_running_scan_goes_on(
    server: Any, connect: Any
) -> None:
    client = await connect(endless)
    await server.start()
    await server.expect("update_status", data={"progress": 10})
    await server.start("task-2")
    refusal = await server.expect("update_status", status="ERROR", task_id="task-2")
    assert "busy with task task-1" in refusal["data"]["error_message"]
    await server.expect("update_status", status="BUSY", task_id="task-1")
    assert client.state is DeviceState.BUSY


async def test_the_same_start_again_is_acknowledged_again(server: Any, connect: Any) -> None:
    await connect(endless)
    await server.start()
    await server.expect("update_status", data={"progress": 10})
    await server.start()
    await server.expect("ack", task_id="task-1")
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def test_a_start_that_cannot_be_read_is_refused_by_name(server: Any, connect: Any) -> None:
    await connect(nothing)
    await server.start(acquisition_limits="heavy")
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "acquisition_limits" in error["data"]["error_message"]
    await server.send("dance")
    await server.start("task-2")
    await server.expect("ack", task_id="task-2")


async def test_stop_ends_the_scan_before_it_is_confirmed(server: Any, connect: Any) -> None:
    ended_at_rest = asyncio.Event()

    async def work(scan: Scan) -> None:
        await scan.report_progress(1)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)  # gradients ramp down
            ended_at_rest.set()

    client = await connect(work)
    await server.start()
    await server.expect("update_status", data={"progress": 1})
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", task_id="task-1")
    assert ended_at_rest.is_set()
    await server.expect("update_status", status="ONLINE")
    assert client.state is DeviceState.ONLINE
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def test_stop_waits_for_the_thread_of_the_scanner(server: Any, connect: Any) -> None:
    returned: list[bool] = []

    async def work(scan: Scan) -> None:
        def acquire() -> None:
            scan.report_progress_from_thread(3)
            stopped = scan.stop_requested.wait(5)
            time.sleep(0.1)  # the hardware comes to rest
            returned.append(stopped)
            scan.report_progress_from_thread(99)

        await scan.run_in_thread(acquire)

    await connect(work)
    await server.start()
    await server.expect("update_status", data={"progress": 3})
    await server.send("stop")
    await server.expect("stopped", task_id="task-1")
    assert returned == [True]
    await server.expect("update_status", status="ONLINE")
    assert 99 not in [m.get("data", {}).get("progress") for m in server.log]


async def test_a_stop_of_what_does_not_run_is_confirmed_and_changes_nothing(
    server: Any, connect: Any
) -> None:
    client = await connect(endless)
    await server.send("stop", task_id="old")
    await server.expect("stopped", task_id="old")
    await server.start()
    await server.expect("update_status", data={"progress": 10})
    await server.send("stop", task_id="old")
    await server.expect("stopped", task_id="old")
    assert client.state is DeviceState.BUSY


async def test_a_device_that_is_closed_during_a_scan_says_so(server: Any, connect: Any) -> None:
    client = await connect(endless)
    await server.start()
    await server.expect("update_status", data={"progress": 10})
    client.close()
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "ended during the scan" in error["data"]["error_message"]
    async with asyncio.timeout(5):
        while not server.goodbyes:
            await asyncio.sleep(0.01)
    assert server.goodbyes == [1001]


async def test_a_wrong_address_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="scheme"):
        DeviceClient("http://somewhere", "id", "token", None)  # type: ignore[arg-type]


def test_the_credentials_file_is_read_and_its_token_stays_hidden(tmp_path: Path) -> None:
    path = tmp_path / "device_credentials.json"
    path.write_text('{"device_id": "7", "device_token": "secret", "more": 1}')
    credentials = load_credentials(path)
    assert credentials.device_token.get_secret_value() == "secret"
    assert "secret" not in repr(credentials)


@pytest.mark.parametrize("content", ["{", '{"device_token": "secret"}', "[]"])
def test_a_wrong_credentials_file_is_refused_without_showing_the_token(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "device_credentials.json"
    path.write_text(content)
    with pytest.raises(CredentialsError) as caught:
        load_credentials(path)
    assert "secret" not in str(caught.value)
    with pytest.raises(CredentialsError, match="cannot read"):
        load_credentials(tmp_path / "absent.json")
