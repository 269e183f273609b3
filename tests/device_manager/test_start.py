"""Starting a scan: refusals, races, devices that do not answer, what is left behind."""

import asyncio
from collections import Counter

from scanner_lab import DEVICE, EXAM

from scanhub_libraries.ids import new_id

NOBODY = "00000000-0000-7000-8000-000000000000"


async def test_refusals_name_their_reasons_and_change_nothing(lab):
    credentials = await lab.create_device()
    device_id = credentials["device_id"]
    offline = await lab.create_task(device_id)
    answer = await lab.start(offline)
    assert answer.status_code == 503
    assert "Device offline" in answer.json()["reasons"][0]
    assert answer.headers["content-type"] == "application/problem+json"
    no_device = await lab.start(await lab.create_task(None))
    assert no_device.status_code == 404
    gone = await lab.start(await lab.create_task(NOBODY))
    assert gone.status_code == 404
    empty = await lab.start(await lab.create_task(device_id, calibration=[]))
    assert empty.status_code == 422
    assert len(empty.json()["reasons"]) == 2
    unknown = await lab.start({**offline, "id": NOBODY})
    assert unknown.status_code == 404
    assert (await lab.task(offline["id"]))["status"] == "NEW"
    assert (await lab.http.get(f"{DEVICE}/acquisitions")).json() == []
    # F07: after an offline device was refused, it is not busy when it comes.
    async with lab.scanner(credentials) as scanner:
        assert (await lab.start(offline)).status_code == 200
        await scanner.accept()


async def test_a_device_that_has_not_registered_is_not_ready(lab):
    credentials = await lab.create_device()
    async with lab.connect(credentials):
        answer = await lab.start(await lab.create_task(credentials["device_id"]))
        assert answer.status_code == 503


async def test_only_the_id_of_the_body_is_read(lab):
    async with lab.scanner() as scanner, lab.scanner() as other:
        task = await lab.create_task(scanner.device_id)
        forged = {
            **task,
            "device_id": other.device_id,
            "acquisition_limits": {
                "patient_height": 1,
                "patient_weight": 1,
                "patient_gender": "MALE",
                "patient_age": 1,
            },
            "calibration": ["shims"],
        }
        assert (await lab.start(forged)).status_code == 200
        start = await scanner.accept()
        assert start["calibration"] == ["frequency"]
        assert start["acquisition_limits"]["patient_height"] == 170
        await other.hear_nothing()


async def test_a_body_that_invents_a_plan_bypasses_nothing(lab):
    async with lab.scanner() as scanner:
        homeless = await lab.create_task(None)
        answer = await lab.start({**homeless, "device_id": scanner.device_id})
        assert answer.status_code == 404
        assert answer.json()["reasons"] == ["The task has no device: choose one."]
        empty = await lab.create_task(scanner.device_id, calibration=[])
        answer = await lab.start({**empty, "calibration": ["frequency"]})
        assert answer.status_code == 422
        unknown = await lab.start({**homeless, "id": NOBODY, "device_id": scanner.device_id})
        assert unknown.status_code == 404
        await scanner.hear_nothing()
        for task in (homeless, empty):
            seen = await lab.task(task["id"])
            assert (seen["status"], seen["device_id"]) == ("NEW", task["device_id"])
        # What was taken on the word of the body was given back, and left no trace but events.
        assert (await lab.http.get(f"{DEVICE}/acquisitions")).json() == []
        await lab.tells("acquisition.requested", "acquisition.failed")


async def test_a_body_that_is_out_of_date_starts_the_task_as_it_is_planned(lab):
    async with lab.scanner() as scanner:
        for stale in ({"workflow_id": NOBODY}, {"sequence_id": NOBODY}, {"status": "INPROGRESS"}):
            task = await lab.create_task(scanner.device_id)
            assert (await lab.start({**task, **stale})).status_code == 200
            start = await scanner.run()
            assert (start["workflow_id"], start["sequence"]) == (task["workflow_id"], None)
            assert (await scanner.upload(start, "data.npy", b"x"))["ok"]
            await lab.task_becomes(task["id"], "FINISHED")


async def test_the_device_gets_a_token_for_this_task_and_nothing_else(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        theirs = {"Authorization": f"Bearer {start['access_token']}"}
        own = await lab.exam.get(f"{EXAM}/task/{start['id']}", headers=theirs)
        assert own.status_code == 200
        for path in ("/api/v1/patient/", f"{EXAM}/templates/all"):
            assert (await lab.exam.get(path, headers=theirs)).status_code == 403
        assert (await lab.http.get(f"{DEVICE}/", headers=theirs)).status_code == 403


async def test_of_ten_starts_at_once_one_wins(lab):
    async with lab.scanner() as scanner:
        tasks = [await lab.create_task(scanner.device_id) for _ in range(5)]
        answers = await asyncio.gather(*(lab.start(task) for task in tasks for _ in range(2)))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
        start = await scanner.run()
        await scanner.hear_nothing()
        states = [(await lab.task(task["id"]))["status"] for task in tasks]
        assert Counter(states) == {"NEW": 4, "INPROGRESS": 1}
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert winner.json()["acquisition_id"] == start["acquisition_id"]
        for answer in answers:
            if answer.status_code == 409:
                assert answer.json()["reasons"]
        rows = (await lab.http.get(f"{DEVICE}/acquisitions")).json()
        assert [row["state"] for row in rows if row["state"] != "failed"] == ["running"]


async def test_a_start_that_nobody_confirms_goes_back_with_a_reason(make_lab):
    async with make_lab(ack_deadline_seconds=0.5) as lab, lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        assert (await lab.start(task)).status_code == 200
        start = (await scanner.hear("start"))["data"]
        stop = await scanner.hear("stop")
        assert stop["task_id"] == task["id"]
        ended = await lab.task_becomes(task["id"], "ERROR")
        assert "did not confirm" in ended["status_reason"]
        assert (await lab.acquisition(task["id"]))["state"] == "failed"
        # A late acknowledgement gets a stop, and the device is free for the next start.
        await scanner.say(command="ack", task_id=task["id"], acquisition_id=start["acquisition_id"])
        assert (await scanner.hear("stop"))["acquisition_id"] == start["acquisition_id"]
        assert (await scanner.hear("feedback"))["ok"] is False
        await scanner.status("BUSY", start, progress=5)
        assert (await scanner.hear("stop"))["task_id"] == task["id"]
        assert (await scanner.hear("feedback"))["ok"] is False
        assert (await lab.start(task)).status_code == 200
        await scanner.run()


async def test_a_device_of_version_one_confirms_with_its_first_status(make_lab):
    quick = make_lab(first_status_deadline_seconds=0.5)
    async with quick as lab, lab.scanner(capabilities=()) as scanner:
        task = await lab.create_task(scanner.device_id)
        assert (await lab.start(task)).status_code == 200
        start = (await scanner.hear("start"))["data"]
        await scanner.status("BUSY", start, progress=0)
        assert (await scanner.hear("feedback"))["ok"]
        await asyncio.sleep(0.7)
        assert (await lab.acquisition(task["id"]))["state"] == "running"


async def test_a_refused_start_of_a_busy_scanner_keeps_the_first_scan(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        second = await lab.create_task(scanner.device_id)
        answer = await lab.start(second)
        assert answer.status_code == 409
        assert start["id"] in answer.json()["detail"]
        assert (await lab.task(second["id"]))["status"] == "NEW"


async def test_a_device_without_parameters_scans_again_and_again(lab):
    async with lab.scanner(parameter={}) as scanner:
        for number in range(2):
            start = await lab.started(scanner)
            verdict = await scanner.upload(start, f"data-{number}.npy", b"x" * 10)
            assert verdict["ok"], verdict
            folder = lab.folder(start, verdict["result_id"])
            assert (folder / "device_parameter.json").is_file()


async def test_when_exam_manager_is_away_nothing_half_done_remains(lab):
    async with lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        lab.exam_gate.closed = True
        assert (await lab.start(task)).status_code == 503
        lab.exam_gate.closed = False
        assert (await lab.http.get(f"{DEVICE}/acquisitions")).json() == []
        assert (await lab.start(task)).status_code == 200
        await scanner.run()


async def test_a_claim_whose_answer_is_lost_is_given_back(lab):
    async with lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        lab.exam_gate.lose_answer_of = "/claim"
        assert (await lab.start(task)).status_code == 503
        lab.exam_gate.lose_answer_of = None
        await lab.task_becomes(task["id"], "ERROR")
        assert (await lab.start(task)).status_code == 200
        await scanner.run()


async def test_a_claim_that_is_refused_frees_the_device(lab):
    async with lab.scanner() as scanner, lab.scanner() as other:
        task = await lab.create_task(scanner.device_id)
        taken = await lab.exam.post(
            f"{EXAM}/task/{task['id']}/claim",
            json={"claim_id": NOBODY, "device_id": scanner.device_id},
        )
        assert taken.status_code == 200, taken.text
        assert (await lab.start(task)).status_code == 409
        assert (await lab.task(task["id"]))["status"] == "STARTED"
        await lab.started(scanner)
        await lab.started(other)


async def test_a_device_that_vanishes_before_the_start_is_sent(lab):
    credentials = await lab.create_device()
    async with lab.scanner(credentials) as scanner:
        task = await lab.create_task(scanner.device_id)
        lab.exam_gate.before = lambda path: (
            scanner.websocket.close() if path.endswith("/claim") else None
        )
        answer = await lab.start(task)
        lab.exam_gate.before = None
        assert answer.status_code == 503
        assert "offline" in answer.json()["detail"]
    await lab.task_becomes(task["id"], "ERROR")
    async with lab.scanner(credentials) as scanner:
        assert (await lab.start(task)).status_code == 200
        await scanner.run()


async def test_the_same_request_twice_starts_once(lab):
    key = {"Idempotency-Key": str(new_id())}
    async with lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id)
        answers = await asyncio.gather(*(lab.start(task, headers=key) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["acquisition_id"] for answer in answers} == {key["Idempotency-Key"]}
        start = await scanner.run()
        assert start["acquisition_id"] == key["Idempotency-Key"]
        await scanner.hear_nothing()
        again = await lab.start(task, headers=key)
        assert again.json()["state"] == "running"
        other = await lab.create_task(scanner.device_id)
        refused = await lab.start(other, headers=key)
        assert refused.status_code == 409
        assert "Idempotency-Key" in refused.json()["detail"]


async def test_the_code_of_an_error_is_kept(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        await scanner.status("ERROR", start, error_message="quench", error_code="magnet.quench")
        row = await lab.acquisition_becomes(start["id"], "failed")
        assert (row["reason"], row["error_code"]) == ("quench", "magnet.quench")
        read = await lab.http.get(f"{DEVICE}/acquisitions/{row['id']}")
        assert read.json() == row


async def test_acquisitions_are_listed_by_time_whatever_ids_their_callers_made(make_lab):
    async with make_lab() as lab, lab.scanner() as scanner:
        begun = []
        for key in ("ffffffff-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001"):
            task = await lab.create_task(scanner.device_id)
            await lab.start(task, headers={"Idempotency-Key": key})
            start = await scanner.run()
            assert (await scanner.upload(start, "data.mrd", b"raw"))["ok"]
            begun.append(key)
        listed = (await lab.http.get("/api/v1/device/acquisitions")).json()
        assert [row["id"] for row in listed] == begun[::-1]
