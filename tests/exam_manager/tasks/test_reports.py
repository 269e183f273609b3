"""Reports of many claimed tasks in one request: what a fleet of devices says at once."""

import asyncio

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"


def report_of(task, claim, **said):
    return {"task_id": task["id"], "claim_id": claim["claim_id"], "status": "INPROGRESS", **said}


async def send(platform, *reports, expect=200):
    answer = await platform.call(
        "POST",
        f"{EXAM}/task/reports",
        json={"reports": list(reports)},
        headers=platform.service,
        expect=expect,
    )
    return answer.json()


async def test_many_tasks_are_reported_on_at_once_and_a_refusal_stops_no_other(either):
    tasks = [await either.scan() for _ in range(3)]
    claims = [await either.claim(task) for task in tasks]
    unknown = {"id": str(new_id())}
    stranger = {"claim_id": str(new_id())}
    refused = await send(
        either,
        report_of(tasks[0], claims[0], progress=10),
        report_of(tasks[1], stranger, progress=99),
        report_of(unknown, stranger, progress=5),
        report_of(tasks[2], claims[2], progress=30, status="PAUSED"),
    )
    assert {item["task_id"] for item in refused} == {tasks[1]["id"], unknown["id"]}
    assert all(item["detail"] for item in refused)
    seen = [(await either.call("GET", f"{EXAM}/task/{task['id']}")).json() for task in tasks]
    assert [(task["status"], task["progress"]) for task in seen] == [
        ("INPROGRESS", 10),
        ("STARTED", 0),
        ("PAUSED", 30),
    ]
    assert len(await either.events("exam.task.progress")) == 2


async def test_batches_that_cross_wait_for_each_other_and_not_for_ever(either):
    tasks = [await either.scan() for _ in range(4)]
    claims = [await either.claim(task) for task in tasks]
    pairs = list(zip(tasks, claims, strict=True))
    batches = [
        send(either, *(report_of(*pair, progress=step) for pair in order))
        for step in range(1, 9)
        for order in (pairs, pairs[::-1])
    ]
    assert await asyncio.gather(*batches) == [[]] * 16


async def test_only_services_report_for_many(either):
    task = await either.scan()
    claim = await either.claim(task)
    for token in (claim["task_token"],):
        answer = await either.call(
            "POST",
            f"{EXAM}/task/reports",
            json={"reports": [report_of(task, claim, progress=1)]},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 403
    await send(either, *[report_of(task, claim, progress=1)] * 501, expect=422)
