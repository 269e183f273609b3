import asyncio

import pytest

from scanhub_libraries.ids import new_id


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


EXAM = "/api/v1/exam"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"


async def test_of_ten_claims_at_once_one_wins(either):
    task = await either.scan()
    url = f"{EXAM}/task/{task['id']}/claim"
    claims = [{"claim_id": str(new_id()), "device_id": DEVICE} for _ in range(10)]
    answers = await asyncio.gather(
        *(either.call("POST", url, json=claim, headers=either.service) for claim in claims)
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 9
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    again = await either.call(
        "POST",
        url,
        json={"claim_id": winner["claim_id"], "device_id": DEVICE},
        headers=either.service,
        expect=200,
    )
    assert again.json()["claim_id"] == winner["claim_id"]
    assert len(await either.events("exam.task.started")) == 1
    losing = next(answer for answer in answers if answer.status_code == 409).json()
    assert losing["type"] == "/problems/transition-not-allowed"


async def test_a_scan_is_claimed_reported_and_finished(either):
    task = await either.scan()
    claim = await either.claim(task)
    assert claim["task"]["status"] == "STARTED"
    assert claim["task"]["acquisition_limits"]["patient_weight"] == 61
    assert claim["study_instance_uid"].startswith("2.25.")
    token = bearer(claim["task_token"])
    report = {"claim_id": claim["claim_id"], "progress": 40}
    url = f"{EXAM}/task/{task['id']}"
    answer = await either.call("POST", f"{url}/report", json=report, headers=token, expect=200)
    assert (answer.json()["status"], answer.json()["progress"]) == ("INPROGRESS", 40)
    result_id = str(new_id())
    directory = f"lake/{task['workflow_id']}/{task['id']}/{result_id}"
    await either.lake.put(f"{directory}/data.mrd", b"raw")
    finish = {
        "claim_id": claim["claim_id"],
        "result_id": result_id,
        "result": {"type": "MRD", "directory": directory, "files": ["data.mrd"]},
    }
    for _ in range(2):
        done = await either.call("POST", f"{url}/finish", json=finish, headers=token, expect=200)
        assert (done.json()["status"], done.json()["progress"]) == ("FINISHED", 100)
        assert [result["id"] for result in done.json()["results"]] == [result_id]
    dead = await either.call("POST", f"{url}/report", json=report, headers=token, expect=409)
    assert dead.json()["type"] == "/problems/not-claimant"
    exam = await either.call("GET", f"{EXAM}/{claim['exam_id']}", expect=200)
    assert exam.json()["status"] == "FINISHED"
    assert len(await either.events("exam.task.finished")) == 1


async def test_each_scan_keeps_how_the_patient_lay_when_it_began(either):
    patient = await either.patient(implants=[], pregnancy_status="UNKNOWN")
    exam = await either.exam(patient_id=patient["id"], patient_position="HFS")
    workflow = await either.workflow(exam)
    first, second = [await either.acquisition(workflow) for _ in range(2)]
    limits = (await either.claim(first))["task"]["acquisition_limits"]
    told = (limits["patient_position"], limits["has_implant"], limits["pregnancy_status"])
    assert told == ("HFS", False, "UNKNOWN")
    url = f"{EXAM}/{exam['id']}"
    turned = {**exam, "patient_position": "FFP", "status": "UPDATED"}
    await either.call("PUT", url, json=turned, expect=200)
    assert (await either.claim(second))["task"]["acquisition_limits"]["patient_position"] == "FFP"
    stored = (await either.call("GET", f"{EXAM}/task/{first['id']}", expect=200)).json()
    assert stored["acquisition_limits"]["patient_position"] == "HFS"
    stranger = {name: value for name, value in turned.items() if name != "patient_position"}
    kept = (await either.call("PUT", url, json=stranger, expect=200)).json()
    assert kept["patient_position"] == "FFP"
    upside_down = {**turned, "patient_position": "UP"}
    await either.call("PUT", url, json=upside_down, expect=422)


async def test_an_exam_lies_as_its_protocol_says_unless_it_is_told_otherwise(either):
    template = await either.exam(is_template=True, patient_position="FFS", patient_id=None)
    patient = await either.patient()
    body = {"patient_id": patient["id"], "name": "Knee"}
    url = f"{EXAM}/?template_id={template['id']}"
    copied = (await either.call("POST", url, json=body, expect=201)).json()
    assert copied["patient_position"] == "FFS"
    body["patient_position"] = "HFS"
    copied = (await either.call("POST", url, json=body, expect=201)).json()
    assert copied["patient_position"] == "HFS"


def finish_of(task, claim, result_id, files=("data.mrd",), **changes):
    directory = f"lake/{task['workflow_id']}/{task['id']}/{result_id}"
    result = {"type": "MRD", "directory": directory, "files": list(files)}
    return {
        "claim_id": claim["claim_id"],
        "result_id": result_id,
        "result": {**result, **changes},
    }


async def store(platform, task, result_id, name="data.mrd"):
    await platform.lake.put(f"lake/{task['workflow_id']}/{task['id']}/{result_id}/{name}", b"raw")


async def test_a_refused_claim_names_every_reason(platform):
    exam = await platform.exam(is_template=True)
    workflow = await platform.workflow(exam)
    task = await platform.acquisition(workflow, calibration=[], device_id=str(new_id()))
    url = f"{EXAM}/task/{task['id']}/claim"
    body = {"claim_id": str(new_id()), "device_id": DEVICE}
    refused = (await platform.call("POST", url, json=body, expect=422)).json()
    assert len(refused["reasons"]) == 3
    both = {**body, "run_id": str(new_id())}
    await platform.call("POST", url, json=both, expect=422)
    light = await platform.patient(weight=0.7)
    small = await platform.exam(patient_id=light["id"])
    scan = await platform.acquisition(await platform.workflow(small))
    refused = await platform.call("POST", f"{EXAM}/task/{scan['id']}/claim", json=body, expect=422)
    assert "weight" in refused.json()["reasons"][0]
    assert (await platform.call("GET", f"{EXAM}/task/{scan['id']}")).json()["status"] == "NEW"


async def test_a_job_is_claimed_by_a_run(platform):
    scan = await platform.scan()
    workflow = {"id": scan["workflow_id"], "is_template": False}
    job = await platform.job(workflow, input_task_ids=[scan["id"]])
    url = f"{EXAM}/task/{job['id']}"
    wrong = {"claim_id": str(new_id()), "device_id": DEVICE}
    await platform.call("POST", f"{url}/claim", json=wrong, expect=422)
    run = str(new_id())
    claim = await platform.claim(job, claim_id=run, device_id=None, run_id=run)
    token = bearer(claim["task_token"])
    # It reads its own task and its inputs, and nothing else.
    await platform.call("GET", url, headers=token, expect=200)
    await platform.call("GET", f"{EXAM}/result/all/{scan['id']}", headers=token, expect=200)
    other = await platform.scan()
    await platform.call("GET", f"{EXAM}/task/{other['id']}", headers=token, expect=403)
    await platform.call("GET", f"{EXAM}/result/all/{other['id']}", headers=token, expect=403)
    # A job has no pause.
    paused = {"claim_id": run, "status": "PAUSED"}
    await platform.call("POST", f"{url}/report", json=paused, headers=token, expect=409)


async def test_progress_only_grows_and_a_failure_says_why(either):
    task = await either.scan()
    claim = await either.claim(task)
    token, url = bearer(claim["task_token"]), f"{EXAM}/task/{task['id']}"

    async def report(expect=200, **fields):
        body = {"claim_id": claim["claim_id"], **fields}
        answer = await either.call("POST", f"{url}/report", json=body, headers=token, expect=expect)
        return answer.json()

    for given, stored in ((30, 30), (20, 30), (100, 100)):
        after = await report(progress=given)
        assert (after["status"], after["progress"]) == ("INPROGRESS", stored)
    assert (await report(status="PAUSED", message="breath hold"))["status_reason"] == "breath hold"
    assert (await report(status="INPROGRESS"))["status_reason"] is None
    for _ in range(2):
        failed = await report(status="ERROR", message="gradient overheated")
        assert (failed["status"], failed["status_reason"]) == ("ERROR", "gradient overheated")
    assert (await report(409, progress=50))["type"] == "/problems/not-claimant"
    assert (await report(409, status="CANCELED"))["type"] == "/problems/not-claimant"
    exam = (await either.call("GET", f"{EXAM}/{claim['exam_id']}")).json()
    assert exam["status"] == "ERROR"
    failures = await either.events("exam.task.failed")
    assert [event.data["status_reason"] for event in failures] == ["gradient overheated"]
    # Run again: progress starts anew.
    again = await either.claim(task)
    assert (again["task"]["progress"], again["task"]["status_reason"]) == (0, None)


async def test_only_the_claimant_reports_and_finishes(platform):
    task, other = await platform.scan(), await platform.scan()
    claim, foreign = await platform.claim(task), await platform.claim(other)
    url = f"{EXAM}/task/{task['id']}"
    report = {"claim_id": claim["claim_id"], "progress": 10}
    stranger = bearer(foreign["task_token"])
    for path in ("report", "finish", "release"):
        body = {
            "report": report,
            "finish": finish_of(task, claim, str(new_id())),
            "release": {"claim_id": claim["claim_id"], "status": "ERROR", "reason": "x"},
        }[path]
        await platform.call("POST", f"{url}/{path}", json=body, headers=stranger, expect=403)
        if path != "release":
            await platform.call("POST", f"{url}/{path}", json=body, expect=403)  # a person
        unknown = {**body, "claim_id": str(new_id())}
        for headers in (bearer(claim["task_token"]), platform.service):
            refused = await platform.call(
                "POST", f"{url}/{path}", json=unknown, headers=headers, expect=409
            )
            assert refused.json()["type"] == "/problems/not-claimant"
    await platform.call("POST", f"{url}/report", json=report, headers=platform.service, expect=200)


async def test_a_used_claim_is_not_taken_again(platform):
    task = await platform.scan()
    claim = await platform.claim(task)
    url = f"{EXAM}/task/{task['id']}"
    elsewhere = {"claim_id": claim["claim_id"], "device_id": str(new_id())}
    await platform.call("POST", f"{url}/claim", json=elsewhere, expect=409)
    release = {"claim_id": claim["claim_id"], "status": "UPDATED", "reason": "device offline"}
    for _ in range(2):
        released = await platform.call("POST", f"{url}/release", json=release, expect=200)
        assert (released.json()["status"], released.json()["status_reason"]) == (
            "UPDATED",
            "device offline",
        )
    same = {"claim_id": claim["claim_id"], "device_id": DEVICE}
    refused = await platform.call("POST", f"{url}/claim", json=same, expect=409)
    assert refused.json()["type"] == "/problems/not-claimant"
    token = bearer(claim["task_token"])
    await platform.call("GET", url, headers=token, expect=409)
    assert len(await platform.events("exam.task.released")) == 1
    await platform.claim(task)


async def test_a_task_is_not_finished_without_its_files(either):
    task = await either.scan()
    claim = await either.claim(task)
    url, result_id = f"{EXAM}/task/{task['id']}/finish", str(new_id())
    await store(either, task, result_id)
    right = finish_of(task, claim, result_id)

    async def refused(code, body):
        answer = await either.call("POST", url, json=body, headers=either.service, expect=code)
        return answer.json()

    missing = await refused(422, finish_of(task, claim, result_id, ["data.mrd", "gone.mrd"]))
    assert missing["missing"] == ["gone.mrd"]
    await refused(422, finish_of(task, claim, result_id, ["../../../etc/passwd"]))
    await refused(422, finish_of(task, claim, result_id, ["data.mrd", "data.mrd"]))
    await refused(422, finish_of(task, claim, result_id, directory="/etc"))
    await refused(422, finish_of(task, claim, result_id, directory=f"lake/{new_id()}"))
    found = (await either.call("GET", f"{EXAM}/task/{task['id']}")).json()
    assert (found["status"], found["results"]) == ("STARTED", [])
    assert await either.events("result.stored") == []
    done = (await either.call("POST", url, json=right, headers=either.service, expect=200)).json()
    assert done["finished_at"] is not None
    other = finish_of(task, claim, str(new_id()))
    assert (await refused(409, other))["type"] == "/problems/not-claimant"
    kinds = [event.type for event in await either.events()][-4:]
    assert kinds == [
        "result.stored",
        "exam.task.finished",
        "workflow.updated",
        "exam.updated",
    ]


async def test_two_finishes_at_once_leave_one_result(either):
    task = await either.scan()
    claim = await either.claim(task)
    result_id = str(new_id())
    await store(either, task, result_id)
    url, body = f"{EXAM}/task/{task['id']}/finish", finish_of(task, claim, result_id)
    answers = await asyncio.gather(
        *(either.call("POST", url, json=body, headers=either.service) for _ in range(5))
    )
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(await either.events("exam.task.finished")) == 1


async def test_tasks_of_one_exam_that_end_at_once_finish_it(either):
    exam = await either.exam()
    workflows = [await either.workflow(exam) for _ in range(2)]
    tasks = [await either.acquisition(workflow) for workflow in workflows for _ in range(3)]
    claims = [await either.claim(task) for task in tasks]

    async def end(task, claim):
        result_id = str(new_id())
        await store(either, task, result_id)
        body = finish_of(task, claim, result_id)
        url = f"{EXAM}/task/{task['id']}/finish"
        return await either.call("POST", url, json=body, headers=either.service)

    answers = await asyncio.gather(*map(end, tasks, claims))
    assert [answer.status_code for answer in answers] == [200] * 6
    tree = (await either.call("GET", f"{EXAM}/{exam['id']}")).json()
    assert tree["status"] == "FINISHED"
    assert [workflow["status"] for workflow in tree["workflows"]] == ["FINISHED"] * 2


async def test_reports_and_a_delete_at_once_do_not_lock_up(either):
    task = await either.scan()
    claim = await either.claim(task)
    url = f"{EXAM}/task/{task['id']}"
    bodies = [{"claim_id": claim["claim_id"], "progress": number} for number in range(10)]
    bodies.append({"claim_id": claim["claim_id"], "status": "ERROR"})
    reports = [
        either.call("POST", f"{url}/report", json=body, headers=either.service) for body in bodies
    ]
    deletes = [either.call("DELETE", f"{EXAM}/{claim['exam_id']}") for _ in range(3)]
    answers = await asyncio.gather(*reports, *deletes)
    assert {answer.status_code for answer in answers} <= {200, 204, 404, 409}


async def test_scanhubs_put_by_a_device_changes_status_and_progress_alone(platform):
    task = await platform.scan()
    claim = await platform.claim(task)
    token, url = bearer(claim["task_token"]), f"{EXAM}/task/{task['id']}"

    async def put(expect=200, headers=token, **fields):
        body = {**claim["task"], "name": "changed", "calibration": [], **fields}
        answer = await platform.call("PUT", url, json=body, headers=headers, expect=expect)
        return answer.json()

    after = await put(status="INPROGRESS", progress=50)
    assert (after["status"], after["progress"], after["name"]) == ("INPROGRESS", 50, "GRE")
    assert after["acquisition_limits"] == claim["task"]["acquisition_limits"]
    assert after["calibration"] == ["frequency"]
    assert (await put(status="STARTED", progress=60))["status"] == "INPROGRESS"
    await put(409, status="NEW")
    await put(409, status="FINISHED", progress=100)  # nothing is stored yet
    assert (await put(headers=platform.service, status="INPROGRESS", progress=70))["progress"] == 70
    params = f"task_id={task['id']}"
    made = await platform.make(f"{EXAM}/result?{params}", None, headers=token)
    await store(platform, task, made["id"])
    result = {"type": "MRD", "directory": "", "files": ["data.mrd"]}
    await platform.call(
        "PUT", f"{EXAM}/result/{made['id']}", json=result, headers=token, expect=200
    )
    assert (await put(status="FINISHED", progress=100))["status"] == "FINISHED"
    await put(409, status="INPROGRESS")
    await put(409, headers=platform.service, status="INPROGRESS")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (r"no\u0000signal", "no\ufffdsignal"),
        (r"half \ud800 a letter", "half ? a letter"),
        ("x" * 5000, "x" * 3999 + "…"),
    ],
)
async def test_a_failure_is_taken_whatever_the_device_says_of_it(either, said, kept):
    for path, name in (("report", "message"), ("release", "reason")):
        task = await either.scan()
        claim = (await either.claim(task))["claim_id"]
        body = f'{{"claim_id": "{claim}", "status": "ERROR", "{name}": "{said}"}}'
        headers = {**either.service, "Content-Type": "application/json"}
        url = f"{EXAM}/task/{task['id']}"
        await either.call("POST", f"{url}/{path}", content=body, headers=headers, expect=200)
        told = (await either.call("GET", url)).json()
        assert (told["status"], told["status_reason"]) == ("ERROR", kept)
