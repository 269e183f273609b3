"""Files in the queue of a device that is killed, against the real server."""

import asyncio
import hashlib
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from folders import sizes_below
from nursery import start_program

from scanhub_device._spool import RunningScan, Source, Spool
from scanhub_device.messages import FileTransfer
from scanhub_libraries.security import tokens

PROGRAM = Path(__file__).parents[1] / "scanhub_device" / "queueing_device.py"
PATIENT = {"lost_after_seconds": 60, "return_deadline_seconds": 60, "data_deadline_seconds": 60}


@asynccontextmanager
async def device(lab, credentials, folder, file, stage="upload"):
    program = await start_program(
        PROGRAM,
        f"ws://{lab.address}/api/v1/device/ws",
        folder / "queue",
        file,
        stage,
        credentials["device_id"],
        credentials["device_token"],
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "raw.mrd"
    path.write_bytes(bytes(range(256)) * (1 << 19))  # 128 MiB: the crash comes in the middle
    return path


async def started(lab, device_id):
    await lab.eventually(lambda: lab.device(device_id), lambda row: row["status"] == "ONLINE", 30)
    task = await lab.create_task(device_id)
    answer = await lab.start(task)
    assert answer.status_code == 200, answer.text
    return task


async def uploading(lab, device_id):
    """Start a scan and wait until bytes of its file have come."""
    task = await started(lab, device_id)

    def bytes_have_come():
        sizes = sizes_below(lab.lake_root / "lake")
        return any(size > 1 << 20 for size in sizes.values())

    async with asyncio.timeout(30):
        while not bytes_have_come():
            await asyncio.sleep(0.001)
    return task


async def test_a_device_that_is_killed_during_an_upload_delivers_when_it_is_back(
    make_lab, tmp_path, file
):
    (tmp_path / "device").mkdir()
    async with make_lab(**PATIENT) as lab:
        credentials = await lab.create_device()
        async with device(lab, credentials, tmp_path / "device", file) as program:
            task = await uploading(lab, credentials["device_id"])
            program.kill()
        async with device(lab, credentials, tmp_path / "device", file):
            done = await lab.task_becomes(task["id"], "FINISHED", 40)
            (result,) = done["results"]
            assert result["meta"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
            async with asyncio.timeout(20):
                while list((tmp_path / "device/queue/pending").iterdir()):
                    await asyncio.sleep(0.02)
            assert await lab.device_becomes(credentials["device_id"], "ONLINE")


@pytest.mark.parametrize("size", [100, 5 << 20])  # over the link at first, and over HTTP
@pytest.mark.parametrize("why", ["the scan was given up", "the token has expired"])
async def test_a_file_that_the_server_will_never_take_is_set_aside_with_the_reason(
    make_lab, tmp_path, keys, monkeypatch, *, size, why
):
    file = tmp_path / "raw.mrd"
    file.write_bytes(bytes(size))
    folder = tmp_path / "device"
    folder.mkdir()
    async with make_lab(**PATIENT) as lab:
        credentials = await lab.create_device()
        async with device(lab, credentials, folder, file, "scanning"):
            task = await started(lab, credentials["device_id"])
            await lab.task_becomes(task["id"], "INPROGRESS", 30)
            noted = folder / "queue/scan.json"  # written while the scan begins to be told
            await lab.eventually(
                lambda: asyncio.to_thread(lambda: noted.exists() and noted.stat().st_size), bool
            )
            scan = RunningScan.model_validate_json(noted.read_bytes())
        if why == "the token has expired":
            monkeypatch.setattr(tokens, "TASK_LIFETIME", timedelta(seconds=-60))
            of_scan = [UUID(scan.task_id), UUID(credentials["device_id"])]
            signer = tokens.TokenSigner(keys.private_pem)
            expired = signer.task_token(*of_scan, UUID(scan.acquisition_id))
            scan = scan.model_copy(update={"access_token": expired})
        else:
            await lab.eventually(  # first the server has to notice that the device is gone
                lambda: lab.abandon(scan.acquisition_id),
                lambda answer: answer.status_code == 200,
            )
        put_into_queue(folder / "queue", scan, file)
        async with device(lab, credentials, folder, file):
            aside = folder / "queue/aside"
            async with asyncio.timeout(40):
                while not list(aside.glob("*/problem.txt")):
                    await asyncio.sleep(0.02)
            [place] = aside.iterdir()
            reason = (place / "problem.txt").read_text()
            assert ("expired" if "expired" in why else "no results any more") in reason
            assert (place / "data").read_bytes() == file.read_bytes()


def put_into_queue(folder, scan, file):
    """As a device does before it sends the file."""

    def header(size_bytes, sha256):
        return FileTransfer(
            task_id=scan.task_id,
            user_access_token=scan.access_token,
            filename="raw.mrd",
            size_bytes=size_bytes,
            content_type="application/x-ismrmrd+hdf5",
            sha256=sha256,
        )

    spool = Spool(folder, 1 << 30)
    source = Source(file, header, scan.acquisition_id, "/api/v1/device/uploads")
    assert spool.put(source, threading.Event()) is not None
    spool.close()
