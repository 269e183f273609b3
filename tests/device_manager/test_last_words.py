"""Messages just before a link ends, devices that do not read, stops that nobody has confirmed."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from scanner_lab import Scanner
from websockets.exceptions import ConnectionClosed

PATIENT = {"lost_after_seconds": 30, "return_deadline_seconds": 30, "data_deadline_seconds": 30}


@asynccontextmanager
async def quiet_scanner(lab):
    credentials = await lab.create_device()
    async with lab.connect(credentials, max_size=None, ping_interval=None) as websocket:
        scanner = Scanner(credentials["device_id"], websocket)
        await scanner.register()
        yield scanner


async def test_a_failure_counts_that_is_the_last_word_before_the_device_leaves(make_lab):
    async with make_lab(**PATIENT) as lab:
        async with lab.scanner() as scanner:
            start = await lab.started(scanner)
            for progress in range(20, 60):
                await scanner.status("BUSY", start, progress=progress)
            await scanner.status("ERROR", start, error_message="helium")
        ended = await lab.task_becomes(start["id"], "ERROR")
        assert ended["status_reason"] == "helium"
        assert (await lab.acquisition(start["id"]))["state"] == "failed"


async def test_a_stop_is_confirmed_by_the_last_word_before_the_device_leaves(make_lab):
    async with make_lab(**PATIENT, stop_deadline_seconds=10) as lab:
        async with lab.scanner() as scanner:
            start = await lab.started(scanner)
            stop = asyncio.create_task(lab.stop(scanner.device_id))
            await scanner.hear("stop")
            await scanner.say(command="stopped", task_id=start["id"])
        assert (await stop).json()["confirmed"]
        await lab.task_becomes(start["id"], "CANCELED")


@pytest.mark.long
async def test_a_device_that_does_not_read_is_cut_off_and_nobody_waits_for_it(make_lab):
    """Its socket is full: whoever stops the scan is told at once that it did not get through."""
    async with make_lab(**PATIENT, stop_deadline_seconds=0.5) as lab:
        credentials = await lab.create_device()
        async with lab.connect(credentials) as websocket, lab.scanner() as other:
            scanner = Scanner(credentials["device_id"], websocket)
            await scanner.register()
            start = await lab.started(scanner)
            websocket.transport.pause_reading()
            header = {"size_bytes": 1, "task_id": start["id"], "user_access_token": "x"}
            for _ in range(3000):
                await scanner.say(command="file-transfer", filename="x/" * 2000, **header)
            async with asyncio.timeout(20):
                answer = await lab.stop(scanner.device_id)
            assert answer.status_code == 503
            assert answer.json()["sent"] is False
            assert "does not take in" in answer.json()["detail"]
            assert (await lab.acquisition(start["id"]))["state"] == "stopping"
            await lab.started(other)
            await lab.eventually(
                lambda: lab.device(scanner.device_id), lambda it: it["status"] == "OFFLINE", 50
            )
            websocket.transport.abort()
        async with lab.connect(credentials) as websocket:
            scanner = Scanner(credentials["device_id"], websocket)
            await scanner.say(command="register", data={"status": "BUSY"})
            assert (await scanner.hear("stop"))["task_id"] == start["id"]


@pytest.mark.long
async def test_a_long_start_may_take_its_time_and_a_stop_behind_it_is_not_lost(make_lab):
    """A sequence of some megabytes over a slow network is no device that does not read."""
    async with make_lab(**PATIENT, stop_deadline_seconds=0.5) as lab, quiet_scanner(lab) as scanner:
        link = lab.app.state.room.links.find_ready(UUID(scanner.device_id))
        link._put("x" * (6 << 20))
        await asyncio.sleep(0.1)
        scanner.websocket.transport.pause_reading()
        for _ in range(200):
            link._put("y" * (1 << 18))
        left = 0
        while left != len(link._waiting):  # until every buffer on the way is full
            left = len(link._waiting)
            await asyncio.sleep(0.5)
        refused = await lab.stop(scanner.device_id)
        assert refused.status_code == 503
        scanner.websocket.transport.resume_reading()
        seen = ""
        while '"stop"' not in seen:
            seen = await asyncio.wait_for(scanner.websocket.recv(), 30)
        assert not link.is_closing


async def test_a_stop_is_written_down_before_it_is_confirmed(make_lab, tmp_path):
    """The process may be killed while it waits for the device."""
    async with make_lab(**PATIENT, stop_deadline_seconds=30) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        stop = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")

        async def written() -> str | None:
            with sqlite3.connect(tmp_path / "device.sqlite") as database:
                return database.execute("SELECT stop_reason FROM acquisition").fetchone()[0]

        reason = await lab.eventually(written, lambda reason: reason is not None)
        assert reason == "stopped by user:tester"
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await stop).json()["confirmed"]


async def test_a_stop_outlives_the_process_that_sent_it(make_lab, tmp_path):
    async with make_lab(**PATIENT) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
    with sqlite3.connect(tmp_path / "device.sqlite") as database:  # as a killed process leaves it
        database.execute("UPDATE acquisition SET stop_reason = 'stopped by user:ada'")
    database.close()
    async with make_lab(**PATIENT) as lab, lab.connect(credentials) as websocket:
        scanner = Scanner(credentials["device_id"], websocket)
        await scanner.say(command="register", data={"status": "BUSY"})
        assert (await scanner.hear("stop"))["task_id"] == start["id"]
        await scanner.say(command="stopped", task_id=start["id"])
        ended = await lab.task_becomes(start["id"], "CANCELED")
        assert ended["status_reason"] == "stopped by user:ada"


async def test_a_text_frame_that_would_hold_up_all_others_ends_the_link(make_lab):
    async with make_lab(max_text_bytes=1000) as lab, lab.scanner() as scanner:
        await scanner.websocket.send(b"0" * 1001)  # a frame of a file may be larger
        await scanner.hear("feedback")
        await scanner.websocket.send("0" * 1001)
        with pytest.raises(ConnectionClosed) as closed:
            await scanner.hear()
        assert closed.value.rcvd.code == 1009
        assert "text frame" in closed.value.rcvd.reason
