"""Pause and resume: where the device can, confirmed by its word, and shown on the task."""

import asyncio

import pytest
from scanner_lab import DEVICE

CAN_PAUSE = ("ack", "stop", "pause")


def ask(lab, scanner, what, **body):
    path = f"{DEVICE}/{scanner.device_id}/{what}"
    return asyncio.create_task(lab.http.post(path, json=body or None))


async def test_a_scan_rests_and_goes_on(lab):
    async with lab.scanner(capabilities=CAN_PAUSE) as scanner:
        start = await lab.started(scanner)
        asking = ask(lab, scanner, "pause", task_id=start["id"])
        pause = await scanner.hear("pause")
        assert pause["task_id"] == start["id"]
        assert pause["acquisition_id"] == start["acquisition_id"]
        await scanner.say(command="paused", task_id=start["id"], reason="the patient moved")
        assert (await asking).json()["confirmed"]
        row = await lab.acquisition_becomes(start["id"], "paused")
        assert row["reason"] == "the patient moved"
        assert (await lab.task_becomes(start["id"], "PAUSED"))["progress"] == 10
        asking = ask(lab, scanner, "resume")
        assert (await scanner.hear("resume"))["task_id"] == start["id"]
        await scanner.say(command="resumed", task_id=start["id"])
        assert (await asking).json()["confirmed"]
        await lab.acquisition_becomes(start["id"], "running")
        await lab.task_becomes(start["id"], "INPROGRESS")
        assert (await scanner.upload(start, "data.mrd", b"data"))["ok"]
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_progress_that_was_on_its_way_does_not_end_a_pause(lab):
    async with lab.scanner(capabilities=CAN_PAUSE) as scanner:
        start = await lab.started(scanner)
        await scanner.say(command="paused", task_id=start["id"])
        await lab.task_becomes(start["id"], "PAUSED")
        await scanner.status("BUSY", start, progress=20)
        assert (await scanner.hear("feedback"))["ok"]
        task = await lab.eventually(lambda: lab.task(start["id"]), lambda t: t["progress"] == 20)
        assert task["status"] == "PAUSED"
        assert (await lab.acquisition(start["id"]))["state"] == "paused"


@pytest.mark.short_deadlines
async def test_a_pause_that_is_not_confirmed_says_so(lab):
    async with lab.scanner(capabilities=CAN_PAUSE) as scanner:
        start = await lab.started(scanner)
        answer = (await ask(lab, scanner, "pause")).json()
        assert (answer["sent"], answer["confirmed"]) == (True, False)
        assert (await lab.acquisition(start["id"]))["state"] == "running"


@pytest.mark.parametrize("what", ["pause", "resume"])
async def test_a_device_of_version_one_is_not_asked_to_pause(lab, what):
    async with lab.scanner(capabilities=()) as scanner:
        await lab.started(scanner)
        answer = await ask(lab, scanner, what)
        assert answer.status_code == 409
        assert "does not announce that it can pause" in answer.json()["detail"]
        await scanner.hear_nothing()


async def test_only_what_runs_can_rest_and_only_what_rests_can_go_on(lab):
    async with lab.scanner(capabilities=CAN_PAUSE) as scanner:
        assert (await ask(lab, scanner, "pause")).status_code == 409
        start = await lab.started(scanner)
        assert (await ask(lab, scanner, "resume")).status_code == 409
        await scanner.say(command="paused", task_id=start["id"])
        await lab.acquisition_becomes(start["id"], "paused")
        assert (await ask(lab, scanner, "pause")).status_code == 409
        other = await ask(lab, scanner, "resume", task_id=start["acquisition_id"])
        assert other.status_code == 409


async def test_a_paused_scan_can_be_stopped(lab):
    async with lab.scanner(capabilities=CAN_PAUSE) as scanner:
        start = await lab.started(scanner)
        await scanner.say(command="paused", task_id=start["id"])
        await lab.acquisition_becomes(start["id"], "paused")
        asking = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await asking).json()["confirmed"]
        await lab.task_becomes(start["id"], "CANCELED")


@pytest.mark.parametrize("word", ["paused", "resumed"])
async def test_a_word_about_another_task_is_refused(lab, word):
    async with lab.scanner(capabilities=CAN_PAUSE) as scanner:
        start = await lab.started(scanner)
        await scanner.say(command=word, task_id=start["acquisition_id"])
        answer = await scanner.hear("feedback")
        assert not answer["ok"]
        assert (await lab.acquisition(start["id"]))["state"] == "running"
