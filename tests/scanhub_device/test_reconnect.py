import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from scanhub_device import DeviceState, Scan, ScanError


async def nothing(scan: Scan) -> None:
    """A scan that is over at once."""


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_idle_device_comes_back_after_the_server_was_down(
    server: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scanhub_device")
    client = await connect(nothing)
    await server.send("pong")
    await eventually(lambda: caplog.messages)
    for _ in range(2):
        caplog.clear()
        await server.go_down()
        await eventually(lambda: client.state is DeviceState.OFFLINE)
        await asyncio.sleep(0.5)  # several tries fail
        await server.listen()
        register = await server.expect("register")
        assert register["data"]["status"] == "ONLINE"
        await server.send("pong")
        await eventually(lambda: len(caplog.messages) > 1)
        assert [text.split(" ")[0] for text in caplog.messages] == ["no", "connected"]
    await server.start()
    await server.expect("ack")


async def test_a_server_that_refuses_the_credentials_is_asked_again(
    server: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(socket: Any) -> None:
        await socket.close(1008, "wrong token")

    client = await connect(nothing)
    server.on_connect = refuse
    server.drop()
    await eventually(lambda: len(server.headers) > 3)
    lost, void = [text for text in caplog.messages if text.startswith("no link")]  # each once
    assert "the link ended" in lost
    assert "install the new device_credentials.json" in void
    server.on_connect = None
    await server.expect("register")
    await eventually(lambda: client.state is DeviceState.ONLINE)


async def test_a_scan_outlives_the_link_and_its_progress_is_told_again(
    server: Any, connect: Any
) -> None:
    go_on = asyncio.Event()

    async def work(scan: Scan) -> None:
        await scan.report_progress(10)
        await go_on.wait()
        await scan.report_progress(60)
        await asyncio.Event().wait()

    client = await connect(work)
    await server.start()
    await server.expect("update_status", data={"progress": 10})
    await server.go_down()
    await eventually(lambda: client.state is DeviceState.OFFLINE)
    go_on.set()
    await asyncio.sleep(0.05)
    await server.listen()
    assert (await server.expect("register"))["data"]["status"] == "BUSY"
    status = await server.expect("update_status", status="BUSY")
    assert (status["data"], status["task_id"]) == ({"progress": 60}, "task-1")
    await server.send("stop", task_id="task-1")
    await server.expect("stopped", task_id="task-1")


async def test_a_failure_while_the_link_is_down_is_told_later(server: Any, connect: Any) -> None:
    fail = asyncio.Event()

    async def work(scan: Scan) -> None:
        await fail.wait()
        raise ScanError("quench")

    client = await connect(work)
    await server.start()
    await server.expect("update_status", status="BUSY")
    await server.go_down()
    await eventually(lambda: client.state is DeviceState.OFFLINE)
    fail.set()
    await asyncio.sleep(0.05)
    await server.listen()
    await server.expect("register")
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert error["data"]["error_message"] == "quench"
    await server.expect("update_status", status="ONLINE")


@pytest.mark.parametrize("when", ["in the middle", "before the verdict"])
async def test_an_upload_begins_again_after_the_link_was_lost(
    server: Any, connect: Any, big_file: Path, when: str
) -> None:
    async def work(scan: Scan) -> None:
        await scan.upload(big_file)

    await connect(work)
    await server.start()
    header = await server.expect("file-transfer")
    if when == "in the middle":
        await server.frame()
    else:
        await server.file(header)
    await server.go_down()
    await asyncio.sleep(0.1)
    await server.listen()
    assert (await server.expect("register"))["data"]["status"] == "BUSY"
    header = await server.expect("file-transfer")
    content = await server.file(header)
    assert hashlib.sha256(content).hexdigest() == header["sha256"]
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def test_many_lost_links_do_not_use_up_the_retries(
    server: Any, connect: Any, big_file: Path
) -> None:
    async def work(scan: Scan) -> None:
        await scan.upload(big_file)

    await connect(work)
    await server.start()
    for _ in range(5):
        await server.expect("file-transfer")
        server.drop()
    header = await server.expect("file-transfer")
    await server.file(header)
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
