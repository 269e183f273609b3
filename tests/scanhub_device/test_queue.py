"""The queue on the disk, with a device that is killed at every stage of a scan."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nursery import Program, start_program

from scanhub_device import ClientSettings, Scan

PROGRAM = Path(__file__).parent / "queueing_device.py"
PATIENT = 30  # a machine that is busy starts a program slowly


@asynccontextmanager
async def device(
    server: Any, folder: Path, file: Path, stage: str = "upload"
) -> AsyncIterator[Program]:
    program = await start_program(PROGRAM, server.url, folder / "queue", file, stage)
    try:
        await server.expect("register", within_s=PATIENT)
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()


async def kill(program: Program) -> None:
    program.send_signal(signal.SIGKILL)
    await program.wait()


def waiting(folder: Path) -> list[Path]:
    return list((folder / "queue" / "pending").iterdir())


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.01)


async def take(server: Any, file: Path, digest: str) -> None:
    """The file comes whole, under its own name and token; then the server has it."""
    header = await server.expect("file-transfer", within_s=PATIENT, task_id="task-1")
    assert (header["user_access_token"], header["filename"]) == ("token-1", "raw.mrd")
    content = await server.file(header)
    assert hashlib.sha256(content).hexdigest() == header["sha256"] == digest
    await server.verdict(header, ok=True)


@pytest.fixture
def digest(big_file: Path) -> str:
    return hashlib.sha256(big_file.read_bytes()).hexdigest()


@pytest.mark.long
@pytest.mark.disk
@pytest.mark.parametrize("hand_over", ["upload", "moved"])
@pytest.mark.parametrize("when", ["announced", "in the middle", "before the verdict"])
async def test_a_file_survives_the_crash_of_the_device_and_is_delivered_by_the_next_program(
    server: Any, tmp_path: Path, big_file: Path, digest: str, *, when: str, hand_over: str
) -> None:
    async with device(server, tmp_path, big_file, hand_over) as program:
        await server.start()
        header = await server.expect("file-transfer", within_s=PATIENT)
        if when == "in the middle":
            await server.frame()
        if when == "before the verdict":
            await server.file(header)
        await kill(program)
    assert big_file.exists() is (hand_over == "upload")
    big_file.write_bytes(b"the next scan writes here")
    async with device(server, tmp_path, big_file):
        assert server.log[-1]["data"]["status"] == "ONLINE"
        await take(server, big_file, digest)
        await until(lambda: waiting(tmp_path) == [])
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def test_a_file_is_safe_before_it_is_sent_also_without_a_link(
    server: Any, tmp_path: Path, big_file: Path, digest: str
) -> None:
    source = tmp_path / "source"
    os.mkfifo(source)
    async with device(server, tmp_path, source) as program:
        await server.start()
        await server.expect("update_status", data={"progress": 10})
        await server.go_down()
        await asyncio.to_thread(source.write_bytes, big_file.read_bytes())
        await until(lambda: waiting(tmp_path))
        await kill(program)
    await server.listen()
    async with device(server, tmp_path, big_file):
        await take(server, big_file, digest)
        await until(lambda: waiting(tmp_path) == [])


async def test_a_crash_while_a_file_is_put_in_loses_the_scan_and_says_so(
    server: Any, tmp_path: Path, big_file: Path
) -> None:
    source = tmp_path / "source"
    os.mkfifo(source)
    async with device(server, tmp_path, source) as program:
        await server.start()
        coming = tmp_path / "queue" / "coming"
        handle = await asyncio.to_thread(os.open, source, os.O_WRONLY)
        os.write(handle, b"a part of it")
        await until(lambda: list(coming.glob("*/data")))
        await kill(program)
        os.close(handle)
    async with device(server, tmp_path, big_file):
        error = await server.expect("update_status", within_s=PATIENT, status="ERROR")
        assert error["task_id"] == "task-1"
        assert list(coming.iterdir()) == waiting(tmp_path) == []


async def test_a_scan_that_broke_off_with_its_program_is_told_once(
    server: Any, tmp_path: Path, big_file: Path
) -> None:
    async with device(server, tmp_path, big_file, "scanning") as program:
        await server.start()
        await server.expect("update_status", data={"progress": 10})
        await kill(program)
    for first in (True, False):
        async with device(server, tmp_path, big_file) as program:
            if first:
                error = await server.expect("update_status", status="ERROR", task_id="task-1")
                assert error["data"]["error_code"] == "program-ended"
                assert error["user_access_token"] == "token-1"
                await server.expect("update_status", status="ONLINE")
                await server.start()  # the server has not heard of the first: not again
                await server.expect("update_status", status="ERROR", task_id="task-1")
            else:
                errors = [m for m in server.log if m.get("status") == "ERROR"]
                await server.expect("ping")
                assert [m for m in server.log if m.get("status") == "ERROR"] == errors
            await kill(program)


async def test_a_program_that_is_told_to_end_leaves_its_file_to_the_next(
    server: Any, tmp_path: Path, big_file: Path, digest: str
) -> None:
    """SIGINT cancels `run` in the middle of the upload: no failure is told, for it is none."""
    async with device(server, tmp_path, big_file) as program:
        await server.start()
        await server.expect("file-transfer", within_s=PATIENT)
        program.send_signal(signal.SIGINT)
        await program.wait()
    async with device(server, tmp_path, big_file):
        await take(server, big_file, digest)
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def test_a_scan_that_is_stopped_sets_its_file_aside_with_the_reason(
    server: Any, tmp_path: Path, big_file: Path
) -> None:
    async with device(server, tmp_path, big_file):
        await server.start()
        await server.expect("file-transfer", within_s=PATIENT)
        await server.send("stop", task_id="task-1")
        await server.expect("stopped", within_s=PATIENT)
        aside = tmp_path / "queue" / "aside"
        await until(lambda: list(aside.glob("*/problem.txt")))
        [place] = aside.iterdir()
        assert (place / "problem.txt").read_text() == "the scan was stopped\n"
        assert (place / "data").read_bytes() == big_file.read_bytes()
        await server.expect("ping")
    async with device(server, tmp_path, big_file):
        await server.expect("ping")
        assert server.log[-1]["command"] == "ping"
        assert [m["command"] for m in server.log].count("file-transfer") == 1


async def test_a_refusal_that_may_pass_is_tried_until_it_does(
    server: Any, tmp_path: Path, big_file: Path, digest: str
) -> None:
    async with device(server, tmp_path, big_file):
        await server.start()
        for _ in range(3):  # one more than the retries of a device without a queue
            header = await server.expect("file-transfer", within_s=PATIENT)
            await server.verdict(header, ok=False, message="the disk is full")
        await take(server, big_file, digest)
        await server.expect("update_status", within_s=PATIENT, status="ONLINE")
        assert waiting(tmp_path) == []
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def begin(server: Any, connect: Any, folder: Path, file: Path, **changes: Any) -> None:
    async def work(scan: Scan) -> None:
        await scan.upload(file)

    settings = ClientSettings(heartbeat_s=0.1, upload_retry_delays_s=(0.05, 0.05), **changes)
    await connect(work, settings, spool=folder / "queue")
    await server.start()


async def test_a_full_queue_is_no_reason_not_to_deliver(
    server: Any, connect: Any, tmp_path: Path, big_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await begin(server, connect, tmp_path, big_file, spool_max_bytes=1000)
    header = await server.expect("file-transfer")
    assert await server.file(header) == big_file.read_bytes()
    assert "without being safe: the queue" in caplog.text
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")


async def test_after_long_enough_a_file_is_set_aside_and_the_scan_has_failed(
    server: Any, connect: Any, tmp_path: Path, big_file: Path
) -> None:
    await begin(server, connect, tmp_path, big_file, spool_patience_s=0)
    for _ in range(3):
        header = await server.expect("file-transfer")
        await server.verdict(header, ok=False, message="the disk is full")
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "the disk is full; it is kept at" in error["data"]["error_message"]
    [problem] = (tmp_path / "queue" / "aside").glob("*/problem.txt")
    assert "the disk is full" in problem.read_text()
    assert waiting(tmp_path) == []


async def test_a_file_that_cannot_be_read_fails_the_scan(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    await begin(server, connect, tmp_path, tmp_path / "absent")
    error = await server.expect("update_status", status="ERROR", task_id="task-1")
    assert "absent" in error["data"]["error_message"]
    await server.expect("update_status", status="ONLINE")
