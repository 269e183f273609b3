import asyncio

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
