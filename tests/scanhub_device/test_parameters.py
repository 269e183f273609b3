import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from scanhub_device import ClientSettings, DeviceClient, DeviceDetails, Scan

QUICK = ClientSettings(reconnect_base_s=0.05, reconnect_max_s=0.2, shutdown_s=2)


class Listening:
    details = DeviceDetails(device_name="listening", parameter={"gain": 1})

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, Any], int]] = []
        self.go_on = asyncio.Event()
        self.scanned_with: list[dict[str, Any]] = []

    async def scan(self, scan: Scan, /) -> None:
        self.scanned_with.append(dict(scan.device_parameter))
        await self.go_on.wait()

    async def parameter_changed(self, parameter: dict[str, Any], version: int, /) -> None:
        self.told.append((parameter, version))


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_parameters_of_the_server_hold_from_the_next_scan_on(
    server: Any, connect: Any
) -> None:
    scanner = Listening()
    client = await connect(scanner)
    await server.start()
    await server.expect("update_status", status="BUSY")
    await server.send("parameter_update", parameter={"gain": 2}, version=7)
    await server.send("parameter_update", parameter={"gain": 3}, version=8)
    await eventually(lambda: client.parameter_version == 8)
    assert scanner.told == []  # the scan that runs is left alone
    scanner.go_on.set()
    await server.expect("update_status", status="ONLINE")
    await eventually(lambda: scanner.told)
    assert scanner.told == [({"gain": 3}, 8)]
    await server.start("task-2")
    await server.expect("ack", task_id="task-2")
    await eventually(lambda: len(scanner.scanned_with) == 2)
    assert scanner.scanned_with == [{"gain": 1}, {"gain": 3}]
    server.drop()
    register = await server.expect("register")
    assert register["data"]["parameter"] == {"gain": 3}
    assert register["data"]["parameter_version"] == 8


async def test_a_scanner_that_cannot_take_parameters_stays_connected(
    server: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Listening):
        async def parameter_changed(self, _parameter: Any, _version: int, /) -> None:
            raise RuntimeError("no such knob")

    await connect(Broken())
    await server.send("parameter_update", parameter={"gain": 2}, version=7)
    await eventually(lambda: "cannot take its parameters" in caplog.text)
    await server.start()
    await server.expect("ack")


async def test_the_device_tells_the_parameters_that_it_has_changed_itself(
    server: Any, connect: Any
) -> None:
    client = await connect(Listening())
    await client.update_parameter({"gain": 4})
    assert "base_version" not in await server.expect("parameter_update")
    assert client.parameter == {"gain": 4}  # nobody else has a word on it
    await server.send("parameter_update", parameter={"gain": 2}, version=7)
    await eventually(lambda: client.parameter_version == 7)
    await client.update_parameter({"gain": 5}, "tuned")
    assert await server.expect("parameter_update") == {
        "command": "parameter_update",
        "parameter": {"gain": 5},
        "base_version": 7,
        "comment": "tuned",
    }
    assert client.parameter == {"gain": 2}  # not before the server has taken them
    with pytest.raises(TypeError):
        await client.update_parameter({"gain": {1}})
    await server.go_down()
    await eventually(lambda: client.state == "OFFLINE")
    await client.update_parameter({"gain": 6})
    await server.listen()
    assert (await server.expect("register"))["data"]["parameter_version"] == 7
    assert (await server.expect("parameter_update"))["parameter"] == {"gain": 6}


async def test_parameters_outlive_the_program_in_the_file_that_the_device_names(
    server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "parameter.json"

    async def session(expected: dict[str, Any], version: int | None, update: int | None) -> None:
        client = DeviceClient(
            server.url, "id", "token", Listening(), settings=QUICK, parameter_file=file
        )
        running = asyncio.create_task(client.run())
        register = (await server.expect("register"))["data"]
        assert (register["parameter"], register.get("parameter_version")) == (expected, version)
        if update is not None:
            await server.send("parameter_update", parameter={"gain": update}, version=update)
            await eventually(lambda: file.exists() and f'"version": {update}' in file.read_text())
        client.close()
        await running

    await session({"gain": 1}, None, update=4)
    await session({"gain": 4}, 4, update=5)
    assert json.loads(file.read_text()) == {"parameter": {"gain": 5}, "version": 5}
    file.write_text("{")
    caplog.set_level(logging.WARNING)
    await session({"gain": 1}, None, update=None)
    assert "is not used" in caplog.text
