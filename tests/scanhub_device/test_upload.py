import asyncio
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from folders import open_files

from scanhub_device import ClientSettings, Scan, UploadReceipt
from scanhub_device._link import Link, open_link
from scanhub_device._upload import Uploads, _chunks
from scanhub_device.messages import FileTransfer


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.npy"
    path.write_bytes(b"k-space")
    return path


def uploads(path: Path, receipts: list[UploadReceipt] | None = None) -> Any:
    async def work(scan: Scan) -> None:
        receipt = await scan.upload(path, content_type="application/x-ismrmrd+hdf5")
        if receipts is not None:
            receipts.append(receipt)

    return work


@pytest.fixture
def big_digest(big_file: Path) -> tuple[str, int]:
    content = big_file.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)


async def test_the_bytes_arrive_as_they_are_on_disk(
    server: Any, connect: Any, big_file: Path, big_digest: tuple[str, int]
) -> None:
    receipts: list[UploadReceipt] = []
    await connect(uploads(big_file, receipts))
    await server.start()
    header = await server.expect("file-transfer")
    content = await server.file(header)
    digest, size = big_digest
    assert header == {
        "command": "file-transfer",
        "task_id": "task-1",
        "user_access_token": "token-1",
        "filename": "raw.mrd",
        "size_bytes": size,
        "content_type": "application/x-ismrmrd+hdf5",
        "sha256": digest,
        "device_parameter": {"gain": 3},
    }
    assert hashlib.sha256(content).hexdigest() == digest
    await asyncio.sleep(0.05)
    assert receipts == []  # not before the server has said so
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")
    assert receipts[0].result_id == "result-1"


async def test_an_empty_file_and_two_files_of_one_scan_are_delivered(
    server: Any, connect: Any, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "second").write_bytes(b"2")

    async def work(scan: Scan) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(scan.upload(tmp_path / "empty"))
            group.create_task(scan.upload(tmp_path / "second", filename="renamed.json"))

    await connect(work)
    await server.start()
    seen: dict[str, bytes] = {}
    for _ in range(2):
        header = await server.expect("file-transfer")
        seen[header["filename"]] = await server.file(header)
        await server.verdict(header, ok=True)
    assert seen == {"empty": b"", "renamed.json": b"2"}
    await server.expect("update_status", status="ONLINE")


async def test_a_refused_upload_is_sent_again(server: Any, connect: Any, small_file: Path) -> None:
    await connect(uploads(small_file))
    await server.start()
    for ok in (False, False, True):
        header = await server.expect("file-transfer")
        assert await server.file(header) == b"k-space"
        await server.verdict(header, ok=ok, message="checksum differs")
    await server.expect("update_status", status="ONLINE")
    assert not [m for m in server.log if m.get("status") == "ERROR"]


async def test_an_upload_that_is_refused_every_time_fails_the_scan_with_the_servers_words(
    server: Any, connect: Any, small_file: Path
) -> None:
    await connect(uploads(small_file))
    await server.start()
    for _ in range(3):
        header = await server.expect("file-transfer")
        await server.verdict(header, ok=False, message="the disk is full")
    error = await server.expect("update_status", status="ERROR")
    assert error["data"]["error_message"] == "upload of small.npy failed: the disk is full"


async def test_the_feedback_of_other_files_and_tasks_is_not_taken_for_the_verdict(
    server: Any, connect: Any, small_file: Path
) -> None:
    await connect(uploads(small_file))
    await server.start()
    header = await server.expect("file-transfer")
    await server.send("feedback", message="Device registered successfully", ok=True)
    await server.verdict({**header, "filename": "other.npy"}, ok=True)
    await server.verdict({**header, "task_id": "task-0"}, ok=True)
    with pytest.raises(TimeoutError):
        await server.expect("update_status", within_s=0.3, status="ONLINE")


async def test_a_server_of_version_1_confirms_in_the_text_alone(
    server: Any, connect: Any, small_file: Path
) -> None:
    await connect(uploads(small_file))
    await server.start()
    header = await server.expect("file-transfer")
    await server.file(header)
    await server.send("feedback", message="File small.npy saved.")
    await server.expect("update_status", status="ONLINE")


async def test_a_refusal_in_the_middle_ends_the_transfer(
    server: Any, connect: Any, big_file: Path
) -> None:
    await connect(uploads(big_file))
    await server.start()
    header = await server.expect("file-transfer")
    await server.frame()
    await server.verdict(header, ok=False, message="too large")
    rest = 0
    while isinstance(frame := await server.frame(), bytes) or frame["command"] == "ping":
        rest += len(frame) if isinstance(frame, bytes) else 0
    assert frame["command"] == "file-transfer"
    assert rest < header["size_bytes"] - (1 << 20)


async def test_stop_gets_through_while_an_upload_is_in_flight(
    server: Any, connect: Any, big_file: Path
) -> None:
    await connect(uploads(big_file))
    await server.start()
    header = await server.expect("file-transfer")
    received = len(await server.frame())
    await server.send("stop", task_id="task-1")
    while isinstance(frame := await server.frame(), bytes) or frame["command"] == "ping":
        received += len(frame) if isinstance(frame, bytes) else 0
    assert frame == {"command": "stopped", "task_id": "task-1"}
    assert received < header["size_bytes"]  # it passed the rest
    frame = await server.frame()
    assert isinstance(frame, dict)
    assert frame["status"] == "ONLINE"
    for _ in range(3):  # no bytes of the dead upload come after
        assert await server.frame() == {"command": "ping"}


async def test_heartbeat_and_progress_pass_between_the_frames_of_a_slow_upload(
    server: Any, connect: Any, big_file: Path
) -> None:
    under_way = asyncio.Event()

    async def work(scan: Scan) -> None:
        upload = asyncio.create_task(scan.upload(big_file))
        await under_way.wait()
        await scan.report_progress(77)
        await upload

    server.pace_s = 0.005  # 384 frames: 2 s
    await connect(work)
    await server.start()
    header = await server.expect("file-transfer")
    seen = len(server.log)
    while not isinstance(first := await server.frame(), bytes):
        pass
    under_way.set()
    await server.file({"size_bytes": header["size_bytes"] - len(first)})
    between = server.log[seen:]
    assert len([m for m in between if m["command"] == "ping"]) >= 3
    assert [m["data"] for m in between if m["command"] == "update_status"] == [{"progress": 77}]
    await server.verdict(header, ok=True)
    await server.expect("update_status", status="ONLINE")


async def test_an_upload_that_is_cancelled_while_its_file_is_opened_leaves_it_closed(
    big_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    begun, go_on = threading.Event(), threading.Event()
    really_open = Path.open

    def slowly(path: Path, *options: Any) -> Any:
        begun.set()
        go_on.wait(10)
        opened.append(really_open(path, *options))
        return opened[-1]

    monkeypatch.setattr(Path, "open", slowly)  # a disk that is slow
    chunks = _chunks(big_file, 1024)
    work = asyncio.ensure_future(anext(chunks))
    await asyncio.to_thread(begun.wait, 10)
    work.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert [file.closed for file in opened] == [True]


async def test_a_file_is_closed_though_who_reads_it_is_cancelled_once_more(tmp_path: Path) -> None:
    path = tmp_path / "pipe"  # the second block is read for as long as the test wants
    os.mkfifo(path)

    chunks = _chunks(path, 1024)
    first = asyncio.ensure_future(anext(chunks))
    pipe = await asyncio.to_thread(os.open, path, os.O_WRONLY)
    os.write(pipe, b"k-space")
    assert await first == b"k-space"
    ending = asyncio.ensure_future(chunks.aclose())
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    os.close(pipe)
    async with asyncio.timeout(10):
        while str(path) in open_files():
            await asyncio.sleep(0.01)


async def test_a_word_does_not_wait_behind_megabytes_on_a_slow_network(
    server: Any, connect: Any, big_file: Path
) -> None:
    server.shrink(1 << 16)
    server.pace_s = 0.01  # a frame of 128 KiB each: 13 MB/s
    await connect(uploads(big_file))
    await server.start()
    await server.expect("file-transfer")
    frames = 0
    while frames < 32:
        frames += isinstance(await server.frame(), bytes)
    await server.send("stop", task_id="task-1")
    behind = 0
    while not isinstance(frame := await server.frame(), dict) or frame["command"] != "stopped":
        behind += len(frame) if isinstance(frame, bytes) else 0
    assert behind < 1 << 20


async def test_a_program_that_ends_as_its_link_breaks_does_not_wait_for_the_next_link(
    server: Any, small_file: Path
) -> None:
    settings, link = ClientSettings(), Link()
    header = FileTransfer(
        task_id="task-1",
        user_access_token="token-1",
        filename="small.npy",
        size_bytes=small_file.stat().st_size,
        content_type="application/octet-stream",
        sha256="0" * 64,
    )
    async with open_link(server.url, {}, settings, None) as websocket:
        link.attach(websocket)
        link.open_for_uploads()
        uploads = Uploads(link, settings)
        sending = asyncio.create_task(uploads.upload(small_file, header))
        await server.file(await server.expect("file-transfer"))
        link.detach()
        uploads.link_lost()
        sending.cancel()
        done, _ = await asyncio.wait({sending}, timeout=10)
        assert done
        assert sending.cancelled()
