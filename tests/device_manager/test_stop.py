"""Stop: it always goes out, at once, and the technician is told whether it was confirmed."""

import asyncio
import time

import pytest
from scanner_lab import DEVICE, Scanner, reporter


async def test_a_confirmed_stop_cancels_the_task(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        asking = asyncio.create_task(lab.stop(scanner.device_id, task_id=start["id"]))
        stop = await scanner.hear("stop")
        assert stop["task_id"] == start["id"]
        assert stop["acquisition_id"] == start["acquisition_id"]
        await scanner.say(command="stopped", task_id=start["id"])
        answer = (await asking).json()
        assert answer == {
            "sent": True,
            "confirmed": True,
            "detail": "The device has stopped.",
            "task_id": start["id"],
        }
        task = await lab.task(start["id"])
        assert task["status"] == "CANCELED"
        assert task["status_reason"] == "stopped by user:tester"
        assert (await lab.acquisition(start["id"]))["state"] == "stopped"
        assert (await lab.device(scanner.device_id))["status"] == "ONLINE"
        await lab.started(scanner)


async def test_a_stop_needs_neither_exam_manager_nor_a_body(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        lab.exam_gate.closed = True
        asking = asyncio.create_task(lab.http.post(f"{DEVICE}/{scanner.device_id}/stop"))
        assert (await scanner.hear("stop"))["task_id"] == start["id"]
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await asking).json()["confirmed"]
        lab.exam_gate.closed = False
        await lab.task_becomes(start["id"], "CANCELED")


@pytest.mark.short_deadlines
async def test_a_stop_that_is_not_confirmed_says_so_and_can_be_repeated(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        answer = (await lab.stop(scanner.device_id)).json()
        assert (answer["sent"], answer["confirmed"]) == (True, False)
        assert "console" in answer["detail"]
        assert (await lab.acquisition(start["id"]))["state"] == "stopping"
        assert (await lab.task(start["id"]))["status"] == "INPROGRESS"
        await scanner.hear("stop")
        again = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await again).json()["confirmed"]
        await lab.task_becomes(start["id"], "CANCELED")


@pytest.mark.short_deadlines
async def test_a_late_confirmation_still_counts(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert not (await lab.stop(scanner.device_id)).json()["confirmed"]
        await scanner.say(command="stopped", task_id=start["id"])
        ended = await lab.task_becomes(start["id"], "CANCELED")
        assert ended["status_reason"] == "stopped by user:tester"


async def test_a_device_of_version_one_confirms_by_being_free(lab):
    async with lab.scanner(capabilities=()) as scanner:
        start = await lab.started(scanner)
        asking = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.status("ONLINE", start)
        assert (await asking).json()["confirmed"]
        await lab.task_becomes(start["id"], "CANCELED")


@pytest.mark.short_deadlines
async def test_a_device_that_does_not_know_stop_is_named(lab):
    async with lab.scanner(capabilities=()) as scanner:
        await lab.started(scanner)
        answer = (await lab.stop(scanner.device_id)).json()
        assert "does not announce that it knows it" in answer["detail"]


async def test_an_offline_device_cannot_be_stopped_and_the_answer_says_what_to_do(lab):
    credentials = await lab.create_device()
    answer = await lab.stop(credentials["device_id"])
    assert answer.status_code == 503
    assert answer.json()["sent"] is False
    assert "console" in answer.json()["detail"]


async def test_a_stop_for_another_task_does_not_stop_this_one(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        other = await lab.create_task(scanner.device_id)
        assert (await lab.stop(scanner.device_id, task_id=other["id"])).status_code == 409
        await scanner.hear_nothing()
        assert (await lab.acquisition(start["id"]))["state"] == "running"


async def test_a_stop_goes_out_also_when_nothing_is_known_to_run(lab):
    async with lab.scanner() as scanner:
        asking = asyncio.create_task(lab.stop(scanner.device_id))
        assert (await scanner.hear("stop"))["task_id"] is None
        await scanner.say(command="stopped")
        answer = (await asking).json()
        assert answer["confirmed"]
        assert answer["task_id"] is None


async def test_a_scan_that_the_device_stops_itself_ends_as_stopped(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.say(command="stopped", task_id=start["id"])
        ended = await lab.task_becomes(start["id"], "CANCELED")
        assert ended["status_reason"] == "stopped at the device"


async def test_a_stop_before_the_acknowledgement_works(make_lab):
    async with make_lab(ack_deadline_seconds=0.5) as lab, lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        await lab.start(task)
        asking = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=task["id"])
        assert (await asking).json()["confirmed"]
        await asyncio.sleep(0.7)
        assert (await lab.task(task["id"]))["status"] == "CANCELED"


async def test_a_stop_arrives_and_is_confirmed_during_a_full_speed_upload(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        chunk, sent = b"\x5a" * (1 << 20), 0
        await scanner.announce(start, "big.mrd", b"x", size_bytes=1 << 33, sha256=None)
        stop = asyncio.create_task(scanner.hear("stop"))
        uploading = True

        async def upload() -> None:
            nonlocal sent
            while uploading:
                await scanner.websocket.send(chunk)
                sent += 1
                await asyncio.sleep(0)

        sender = asyncio.create_task(upload())
        while sent <= 10:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        asking = asyncio.create_task(lab.stop(scanner.device_id, task_id=start["id"]))
        await stop
        assert time.monotonic() - began < 2
        uploading = False
        await sender
        await scanner.say(command="stopped", task_id=start["id"])
        answer = (await asking).json()
        assert answer["confirmed"], answer
        verdict = await scanner.verdict("big.mrd")
        assert verdict["ok"] is False
        task = await lab.task(start["id"])
        assert (task["status"], task["results"]) == ("CANCELED", [])
        assert lab.files() == []


@pytest.mark.short_deadlines
async def test_data_that_is_whole_when_the_stop_comes_is_kept(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert not (await lab.stop(scanner.device_id)).json()["confirmed"]
        assert (await scanner.upload(start, "data.mrd", b"x" * 100))["ok"]
        await lab.task_becomes(start["id"], "FINISHED")
        await scanner.say(
            command="update_status", status="BUSY", data={"progress": 1}, **reporter(start)
        )
        assert (await scanner.hear("feedback"))["ok"] is False


async def test_a_stop_before_the_start_was_sent_keeps_it_from_being_sent(make_lab):
    async with make_lab() as lab, lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        claiming = lab.exam_gate.hold("/claim")
        starting = asyncio.create_task(lab.start(task))
        await claiming.reached.wait()
        stopping = asyncio.create_task(lab.stop(scanner.device_id))
        assert (await scanner.hear("stop"))["task_id"] == task["id"]
        claiming.go_on.set()
        refused = await starting
        assert refused.status_code == 409
        assert "before it began" in refused.json()["detail"]
        await scanner.say(command="stopped", task_id=task["id"])
        await stopping
        await scanner.hear_nothing()
        await lab.acquisition_becomes(task["id"], "stopped")
        await lab.task_becomes(task["id"], "CANCELED")
        await lab.started(scanner)


async def test_a_device_that_is_away_is_told_to_stop_when_it_comes_back(make_lab):
    async with make_lab(lost_after_seconds=0.2, return_deadline_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
        await lab.acquisition_becomes(start["id"], "lost")
        answer = await lab.stop(credentials["device_id"])
        assert answer.status_code == 503
        assert (answer.json()["sent"], answer.json()["confirmed"]) == (False, False)
        assert "When it connects again" in answer.json()["detail"]
        row = await lab.acquisition(start["id"])
        assert (row["state"], row["stop_reason"]) == ("stopping", "stopped by user:tester")
    async with make_lab(lost_after_seconds=20) as lab, lab.connect(credentials) as websocket:
        scanner = Scanner(credentials["device_id"], websocket)
        await scanner.say(command="register", data={"status": "BUSY"})
        assert (await scanner.hear("stop"))["task_id"] == start["id"]
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await lab.task_becomes(start["id"], "CANCELED"))["status_reason"] == (
            "stopped by user:tester"
        )
