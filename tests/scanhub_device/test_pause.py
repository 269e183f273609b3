import asyncio
import time
from typing import Any

from scanhub_device import DeviceDetails, Scan, ScanError, ScannerFaultError


class Stepwise:
    """Plays in steps and rests between them; in a thread or in the loop."""

    details = DeviceDetails(device_name="stepwise")
    can_pause = True

    def __init__(self, *, thread: bool) -> None:
        self._thread = thread
        self.steps = 0

    async def scan(self, scan: Scan, /) -> None:
        if self._thread:
            await scan.run_in_thread(self._play, scan)
            return
        while not scan.stop_requested.is_set():
            await scan.rest_while_paused()
            self.steps += 1
            await asyncio.sleep(0.002)

    def _play(self, scan: Scan) -> None:
        while not scan.stop_requested.is_set():
            scan.wait_while_paused()
            self.steps += 1
            time.sleep(0.002)


class Hardware:
    """Hardware that is told to rest while the program of the scan waits."""

    details = DeviceDetails(device_name="hardware")

    def __init__(self) -> None:
        self.done: list[str] = []
        self.slow = asyncio.Event()
        self.slow.set()
        self.error: Exception | None = None

    async def scan(self, _scan: Scan, /) -> None:
        await asyncio.Event().wait()

    async def pause(self, _scan: Scan, /) -> None:
        if self.error is not None:
            raise self.error
        await self.slow.wait()
        self.done.append("rests")

    async def resume(self, _scan: Scan, /) -> None:
        self.done.append("goes on")


async def paused(server: Any, scanner: Any, connect: Any) -> None:
    await connect(scanner)
    await server.start()
    await server.expect("update_status", status="BUSY")
    await server.send("pause", task_id="task-1")
    await server.expect("paused", task_id="task-1")


async def test_a_pause_is_announced_only_where_it_is_offered(server: Any, connect: Any) -> None:
    async def nothing(scan: Scan) -> None: ...

    await connect(nothing)
    assert "pause" not in server.log[-1]["data"]["capabilities"]
    await connect(Hardware())
    assert "pause" in server.log[-1]["data"]["capabilities"]
    await connect(Stepwise(thread=True))
    assert "pause" in server.log[-1]["data"]["capabilities"]


async def test_a_thread_rests_between_its_steps_and_goes_on(server: Any, connect: Any) -> None:
    scanner = Stepwise(thread=True)
    await paused(server, scanner, connect)
    steps = scanner.steps
    await asyncio.sleep(0.1)
    assert scanner.steps == steps
    await server.send("resume", task_id="task-1")
    await server.expect("resumed", task_id="task-1")
    async with asyncio.timeout(10):
        while scanner.steps == steps:
            await asyncio.sleep(0.005)


async def test_a_program_in_the_loop_rests_between_its_steps(server: Any, connect: Any) -> None:
    scanner = Stepwise(thread=False)
    await paused(server, scanner, connect)
    steps = scanner.steps
    await asyncio.sleep(0.1)
    assert scanner.steps == steps
    await server.send("resume", task_id="task-1")
    await server.expect("resumed")
    await server.send("stop", task_id="task-1")
    await server.expect("stopped")


async def test_paused_is_sent_when_the_hardware_rests_and_not_before(
    server: Any, connect: Any
) -> None:
    scanner = Hardware()
    scanner.slow.clear()
    await connect(scanner)
    await server.start()
    await server.expect("update_status", status="BUSY")
    await server.send("pause", task_id="task-1")
    await server.expect("ping")
    await server.expect("ping")
    assert not [m for m in server.log if m["command"] == "paused"]
    scanner.slow.set()
    await server.expect("paused")
    assert scanner.done == ["rests"]
    await server.send("resume", task_id="task-1")
    await server.expect("resumed")
    assert scanner.done == ["rests", "goes on"]


async def test_a_pause_that_is_asked_for_twice_is_said_twice_and_done_once(
    server: Any, connect: Any
) -> None:
    scanner = Hardware()
    await paused(server, scanner, connect)
    await server.send("pause", task_id="task-1")
    await server.expect("paused")
    for _ in range(2):
        await server.send("resume", task_id="task-1")
        await server.expect("resumed")
    assert scanner.done == ["rests", "goes on"]


async def test_stop_wins_over_pause_in_every_phase(server: Any, connect: Any) -> None:
    for scanner, phase in (
        (Stepwise(thread=True), "resting"),
        (Stepwise(thread=False), "resting"),
        (Hardware(), "resting"),
        (Hardware(), "coming to rest"),
    ):
        if phase == "resting":
            await paused(server, scanner, connect)
        else:
            scanner.slow.clear()
            await connect(scanner)
            await server.start()
            await server.expect("update_status", status="BUSY")
            await server.send("pause", task_id="task-1")
        await server.send("stop", task_id="task-1")
        await server.expect("stopped", task_id="task-1")
        await server.expect("update_status", status="ONLINE")
        await server.send("pause", task_id="task-1")  # too late: nothing runs
        await server.start("task-2", acquisition_id="acq-2")
        await server.expect("ack", task_id="task-2")
        await server.send("stop", task_id="task-2")
        await server.expect("stopped", task_id="task-2")


async def test_the_pause_of_another_task_changes_nothing(server: Any, connect: Any) -> None:
    scanner = Hardware()
    await connect(scanner)
    await server.start()
    await server.send("pause", task_id="task-0")
    await server.send("pause", task_id="task-1")
    assert (await server.expect("paused"))["task_id"] == "task-1"
    assert scanner.done == ["rests"]


async def test_how_a_scan_rests_is_told_again_on_the_next_link(server: Any, connect: Any) -> None:
    scanner = Stepwise(thread=True)
    await paused(server, scanner, connect)
    server.drop()
    assert (await server.expect("register"))["data"]["status"] == "BUSY"
    assert (await server.expect("update_status"))["task_id"] == "task-1"
    await server.expect("paused", task_id="task-1")
    await server.send("resume", task_id="task-1")
    await server.expect("resumed")
    server.drop()
    await server.expect("register")
    await server.expect("resumed", task_id="task-1")


async def test_hardware_that_does_not_rest_ends_the_scan(server: Any, connect: Any) -> None:
    scanner = Hardware()
    await connect(scanner)
    scanner.error = ScanError("the amplifier does not answer", code="amplifier")
    await server.start()
    await server.send("pause", task_id="task-1")
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert error["data"] == {
        "error_code": "amplifier",
        "error_message": "the amplifier does not answer",
    }
    await server.expect("update_status", status="ONLINE")
    scanner.error = ScannerFaultError("quench")
    await server.start("task-2", acquisition_id="acq-2")
    await server.send("pause", task_id="task-2")
    await server.expect("update_status", status="ERROR", task_id="task-2")
    await server.start("task-3", acquisition_id="acq-3")
    await server.expect("update_status", status="ERROR", task_id="task-3")
