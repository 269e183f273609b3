"""Links that break, processes that are killed, devices that fall silent: every scan ends."""

import asyncio
import sqlite3

import pytest
from scanner_lab import SHORT, Scanner

DATA = b"raw" * 1000


async def test_a_scan_goes_on_when_its_device_comes_back(make_lab):
    async with make_lab(lost_after_seconds=20, data_deadline_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
        await lab.device_becomes(credentials["device_id"], "OFFLINE")
        assert (await lab.acquisition(start["id"]))["state"] == "running"
        async with lab.scanner(credentials, status="BUSY") as scanner:
            assert (await lab.device(scanner.device_id))["status"] == "BUSY"
            await scanner.status("BUSY", start, progress=60)
            assert (await scanner.hear("feedback"))["ok"]
            await lab.eventually(lambda: lab.task(start["id"]), lambda task: task["progress"] == 60)
            assert (await scanner.upload(start, "data.mrd", DATA))["ok"]


@pytest.mark.short_deadlines
async def test_a_device_that_stays_away_loses_its_scan_with_a_reason(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
    lost = await lab.acquisition_becomes(start["id"], "lost")
    assert "No contact with the device" in lost["reason"]
    ended = await lab.task_becomes(start["id"], "ERROR")
    assert "Look at the scanner" in ended["status_reason"]
    assert (await lab.acquisition(start["id"]))["state"] == "failed"
    await lab.tells("acquisition.lost", "acquisition.failed")


async def test_a_lost_device_may_come_back_with_its_scan(make_lab):
    async with make_lab(
        **{**SHORT, "return_deadline_seconds": 20, "data_deadline_seconds": 20}
    ) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
        await lab.acquisition_becomes(start["id"], "lost")
        refused = (await lab.start(await lab.create_task(scanner.device_id))).json()
        assert any("busy" in reason for reason in refused["reasons"])
        async with lab.scanner(credentials, status="BUSY") as scanner:
            await scanner.status("BUSY", start, progress=70)
            assert (await scanner.hear("feedback"))["ok"]
            await lab.acquisition_becomes(start["id"], "running")
            assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_a_device_that_comes_back_and_says_nothing_of_its_scan_loses_it(make_lab):
    async with make_lab(lost_after_seconds=20, data_deadline_seconds=0.25) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
        async with lab.scanner(credentials):
            ended = await lab.task_becomes(start["id"], "ERROR")
            assert "came back" in ended["status_reason"]


@pytest.mark.short_deadlines
async def test_a_device_that_is_free_without_data_fails_its_scan(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.status("ONLINE")
        ended = await lab.task_becomes(start["id"], "ERROR")
        assert "free" in ended["status_reason"]
        await lab.started(scanner)


async def test_a_device_that_was_away_when_it_was_stopped_is_stopped_when_it_comes_back(make_lab):
    async with make_lab(lost_after_seconds=20, stop_deadline_seconds=0.5) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
            assert not (await lab.stop(scanner.device_id)).json()["confirmed"]
        async with lab.connect(credentials) as websocket:
            scanner = Scanner(credentials["device_id"], websocket)
            await scanner.say(command="register", data={"status": "BUSY"})
            assert (await scanner.hear("stop"))["task_id"] == start["id"]
            await scanner.say(command="stopped", task_id=start["id"])
            await lab.task_becomes(start["id"], "CANCELED")


async def test_a_scan_survives_a_restart_of_the_service(make_lab):
    async with make_lab(lost_after_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
    patient = make_lab(lost_after_seconds=20, data_deadline_seconds=20)
    async with patient as lab, lab.scanner(credentials) as scanner:
        assert (await lab.start(await lab.create_task(scanner.device_id))).status_code == 409
        await scanner.status("BUSY", start, progress=80)
        assert (await scanner.hear("feedback"))["ok"]
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        assert (await lab.task(start["id"]))["status"] == "FINISHED"


async def test_what_a_killed_process_left_ends_with_a_reason(make_lab, tmp_path):
    """A start that was written and not sent, with half a file in the lake."""
    async with make_lab() as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        folder = lab.folder(start, start["acquisition_id"])
    with sqlite3.connect(tmp_path / "device.sqlite") as database:
        database.execute("UPDATE acquisition SET state = 'requested', settled_at = NULL")
    database.close()
    folder.mkdir(parents=True)
    (folder / ".data.mrd.0.part").write_bytes(b"half")
    async with make_lab(**SHORT) as lab:
        ended = await lab.task_becomes(start["id"], "ERROR")
        assert "restarted" in ended["status_reason"]
        assert (await lab.acquisition(start["id"]))["state"] == "failed"
        assert lab.files() == []
        async with lab.scanner() as other:
            await lab.started(other)


async def test_an_end_that_was_not_told_is_told_after_a_restart(make_lab):
    async with make_lab() as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        lab.exam_gate.closed = True
        await scanner.status("ERROR", start, error_message="helium")
        await lab.acquisition_becomes(start["id"], "failed")
        assert (await lab.task(start["id"]))["status"] == "INPROGRESS"
    async with make_lab() as lab:
        ended = await lab.task_becomes(start["id"], "ERROR")
        assert ended["status_reason"] == "helium"


async def test_a_scan_whose_task_was_taken_back_is_stopped(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        release = {"claim_id": start["acquisition_id"], "status": "ERROR", "reason": "taken away"}
        answer = await lab.exam.post(f"/api/v1/exam/task/{start['id']}/release", json=release)
        assert answer.status_code == 200
        await scanner.status("BUSY", start, progress=50)
        assert (await scanner.hear("stop"))["task_id"] == start["id"]
        row = await lab.acquisition_becomes(start["id"], "failed")
        assert "taken back" in row["reason"]
        assert (await lab.task(start["id"]))["status_reason"] == "taken away"


async def test_progress_is_coalesced_and_ends_in_order(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        lab.exam_gate.requests.clear()
        report = lab.exam_gate.hold("/reports")
        for progress in range(11, 100):
            await scanner.status("BUSY", start, progress=progress)
        for _ in range(11, 100):
            assert (await scanner.hear("feedback"))["ok"]
        await report.reached.wait()
        report.go_on.set()
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        reports = [path for path in lab.exam_gate.requests if path.endswith("/reports")]
        assert len(reports) <= 2  # the one that was held, and the last word
        assert lab.exam_gate.requests[-1].endswith("/finish")
        task = await lab.task(start["id"])
        assert (task["status"], task["progress"]) == ("FINISHED", 100)
        await asyncio.sleep(0.1)
        assert lab.exam_gate.requests[-1].endswith("/finish")


async def test_progress_waits_while_exam_manager_is_away(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        lab.exam_gate.closed = True
        for progress in (30, 40):
            await scanner.status("BUSY", start, progress=progress)
            assert (await scanner.hear("feedback"))["ok"]
        await asyncio.sleep(0.1)
        lab.exam_gate.closed = False
        await lab.eventually(lambda: lab.task(start["id"]), lambda task: task["progress"] == 40)


async def test_a_start_whose_link_broke_is_sent_again_and_is_the_same_start(make_lab):
    async with make_lab(ack_deadline_seconds=10, lost_after_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            task = await lab.create_task(scanner.device_id)
            assert (await lab.start(task)).status_code == 200
            first = (await scanner.hear("start"))["data"]
        async with lab.scanner(credentials) as scanner:
            again = await scanner.accept()
            assert again == first
            await lab.acquisition_becomes(task["id"], "accepted")
        assert len(await lab.acquisitions(task["id"])) == 1


async def test_a_device_of_version_one_does_not_get_a_start_twice(make_lab):
    async with make_lab(first_status_deadline_seconds=10, lost_after_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials, capabilities=()) as scanner:
            await lab.start(await lab.create_task(scanner.device_id))
            await scanner.hear("start")
        async with lab.scanner(credentials, capabilities=()) as scanner:
            await scanner.hear_nothing()


async def test_a_device_that_falls_silent_is_lost_at_once(make_lab):
    async with make_lab(idle_timeout_seconds=0.4, lost_after_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
            await scanner.say(command="ping")
            lost = await lab.acquisition_becomes(start["id"], "lost")
            assert "silent" in lost["reason"]
            assert lost["lost_at"] is not None


async def test_a_lost_scan_is_given_up_by_whoever_has_looked(make_lab):
    async with make_lab(lost_after_seconds=0.2, return_deadline_seconds=20) as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials) as scanner:
            start = await lab.started(scanner)
            refused = await lab.abandon(start["acquisition_id"])
            assert refused.status_code == 409
            assert "stop the scan instead" in refused.json()["detail"]
        await lab.acquisition_becomes(start["id"], "lost")
        given_up = await lab.abandon(start["acquisition_id"])
        assert given_up.status_code == 200
        assert given_up.json()["state"] == "failed"
        assert given_up.json()["requested_by"] == "user:tester"
        ended = await lab.task_becomes(start["id"], "ERROR")
        assert ended["status_reason"] == "Given up by user:tester: the magnet is off"
        assert (await lab.abandon(start["acquisition_id"])).status_code == 409
        async with lab.scanner(credentials) as scanner:
            await scanner.status("BUSY", start, progress=50)
            assert (await scanner.hear("stop"))["task_id"] == start["id"]
            await scanner.status("ONLINE")
            await lab.device_becomes(scanner.device_id, "ONLINE")
            await lab.started(scanner)


@pytest.mark.parametrize("again", ["over a new link", "over the same link"])
async def test_a_file_that_is_announced_once_more_gets_one_verdict(lab, again):
    """The device cannot tell apart two verdicts on one name: that on the first try is no news."""
    credentials = await lab.create_device()
    async with lab.connect(credentials) as websocket:
        first = Scanner(credentials["device_id"], websocket)
        await first.register()
        start = await lab.started(first)
        await first.announce(start, "data.mrd", DATA)
        await first.send_bytes(DATA[:100])
        second = first
        if again == "over a new link":
            second = Scanner(credentials["device_id"], await lab.connect(credentials))
            await second.register(status="BUSY")
        assert (await second.upload(start, "data.mrd", DATA))["ok"]
        words = [*first.heard, *second.heard]
        assert not [word for word in words if word.get("filename") and not word["ok"]]
        await second.websocket.close()


async def test_a_file_that_gives_way_to_another_is_refused(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.announce(start, "first.mrd", DATA)
        await scanner.announce(start, "second.mrd", DATA)
        refused = await scanner.verdict("first.mrd")
        assert not refused["ok"]
        assert "send it again" in refused["message"]
