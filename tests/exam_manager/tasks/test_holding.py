"""Changes of one tree at the same moment: one after the other, wherever the tree hangs."""

import asyncio
import random

import pytest

EXAM = "/api/v1/exam"
TASK = f"{EXAM}/task"


def edit(platform, task, **changes):
    body = {**task, "status": "UPDATED", **changes}
    return platform.call("PUT", f"{TASK}/{task['id']}", json=body)


@pytest.fixture(params=["of an exam", "in no exam"])
async def workflow(request, either):
    """A workflow that hangs in an exam, and a template that hangs in none."""
    if request.param == "in no exam":
        return await either.workflow(is_template=True)
    return await either.workflow(await either.exam())


async def test_two_edits_at_once_do_not_let_tasks_wait_for_one_another(either, workflow):
    for _ in range(5):
        first, second = await either.job(workflow), await either.job(workflow)
        answers = await asyncio.gather(
            edit(either, first, input_task_ids=[second["id"]]),
            edit(either, second, input_task_ids=[first["id"]]),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 400]


async def test_tasks_made_at_once_have_places_of_their_own(either, workflow):
    await asyncio.gather(*(either.acquisition(workflow) for _ in range(20)))
    tasks = (await either.call("GET", f"{TASK}/all/{workflow['id']}")).json()
    assert [task["position"] for task in tasks] == list(range(20))


async def test_a_task_is_not_deleted_while_another_begins_to_read_it(either, workflow):
    for _ in range(5):
        scan, job = await either.acquisition(workflow), await either.job(workflow)
        answers = await asyncio.gather(
            either.call("DELETE", f"{TASK}/{scan['id']}"),
            edit(either, job, input_task_ids=[scan["id"]]),
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 409], [204, 400])


@pytest.mark.long
async def test_tasks_and_workflows_move_to_and_fro_at_once(either):
    exams = [await either.exam(), await either.exam()]
    workflows = [await either.workflow(exam) for exam in exams for _ in range(2)]
    tasks = [await either.acquisition(workflow) for workflow in workflows for _ in range(4)]
    chance = random.Random(4)  # noqa: S311 - no secret

    async def move(number):
        if number % 3 == 0:
            workflow, exam = chance.choice(workflows), chance.choice(exams)
            body = {**workflow, "exam_id": exam["id"], "status": "UPDATED"}
            return await either.call("PUT", f"{EXAM}/workflow/{workflow['id']}", json=body)
        if number % 3 == 1:
            return await either.call(
                "POST",
                f"{TASK}/new",
                json={**tasks[0], "workflow_id": chance.choice(workflows)["id"], "position": 0},
            )
        task, workflow = chance.choice(tasks), chance.choice(workflows)
        return await edit(either, task, workflow_id=workflow["id"], position=0)

    for _ in range(4):
        answers = await asyncio.gather(*(move(number) for number in range(21)))
        refused = [answer.text for answer in answers if answer.status_code not in {200, 201, 409}]
        assert not refused, refused[0]
    for exam in exams:
        for workflow in (await either.call("GET", f"{EXAM}/{exam['id']}")).json()["workflows"]:
            places = [task["position"] for task in workflow["tasks"]]
            assert len(set(places)) == len(places)
