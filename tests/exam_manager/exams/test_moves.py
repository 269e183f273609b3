"""What moves within the record stands at its new place, and both places have the right status."""

import pytest

from exam_manager.tasks.rules import derive_status
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import ItemStatus

EXAM = "/api/v1/exam"


async def read(platform, path):
    return (await platform.call("GET", f"{EXAM}/{path}", expect=200)).json()


async def move(platform, path, **changes):
    body = {**await read(platform, path), "status": "UPDATED", **changes}
    await platform.call("PUT", f"{EXAM}/{path}", json=body, expect=200)


async def finish(platform, task):
    claim = await platform.claim(task)
    result_id = str(new_id())
    folder = f"lake/{task['workflow_id']}/{task['id']}/{result_id}"
    await platform.lake.put(f"{folder}/raw.mrd", b"raw")
    body = {
        "claim_id": claim["claim_id"],
        "result_id": result_id,
        "result": {"type": "MRD", "directory": "", "files": ["raw.mrd"]},
    }
    url = f"{EXAM}/task/{task['id']}/finish"
    await platform.call("POST", url, json=body, headers=platform.service, expect=200)


@pytest.fixture
async def finished(either):
    """An exam with one workflow with one task, all FINISHED."""
    exam = await either.exam()
    workflow = await either.workflow(exam)
    await finish(either, await either.acquisition(workflow))
    assert (await read(either, exam["id"]))["status"] == "FINISHED"
    return exam


async def statuses(platform, exam):
    """Return the status of an exam and of its workflows, after holding them to those below."""
    found = await read(platform, exam["id"])
    below = [ItemStatus(task["status"]) for flow in found["workflows"] for task in flow["tasks"]]
    assert derive_status(ItemStatus(found["status"]), below) == found["status"]
    return [found["status"], *(workflow["status"] for workflow in found["workflows"])]


async def test_a_workflow_that_moves_becomes_the_last_of_its_exam(either):
    left, into = await either.exam(), await either.exam()
    moving = await either.workflow(left)
    there = [(await either.workflow(into))["id"] for _ in range(3)]
    await move(either, f"workflow/{moving['id']}", exam_id=into["id"])
    found = await read(either, into["id"])
    assert [workflow["id"] for workflow in found["workflows"]] == [*there, moving["id"]]
    again = await either.workflow(into)
    assert (await read(either, into["id"]))["workflows"][-1]["id"] == again["id"]


async def test_a_finished_exam_that_gets_a_workflow_is_in_progress_again(either, finished):
    other = await either.exam()
    moving = await either.workflow(other)
    await either.acquisition(moving)
    await move(either, f"workflow/{moving['id']}", exam_id=finished["id"])
    assert await statuses(either, finished) == ["INPROGRESS", "FINISHED", "UPDATED"]
    await move(either, f"workflow/{moving['id']}", exam_id=other["id"])
    assert await statuses(either, finished) == ["FINISHED", "FINISHED"]


async def test_a_finished_exam_that_gets_a_copied_workflow_is_in_progress_again(either, finished):
    template = await either.workflow(is_template=True)
    await either.acquisition(template)
    params = {"exam_id": finished["id"], "template_id": template["id"]}
    params["new_workflow_is_template"] = "false"
    copy = await either.call("POST", f"{EXAM}/workflow", params=params, expect=201)
    assert await statuses(either, finished) == ["INPROGRESS", "FINISHED", "NEW"]
    await either.call("DELETE", f"{EXAM}/workflow/{copy.json()['id']}", expect=204)
    assert await statuses(either, finished) == ["FINISHED", "FINISHED"]


async def test_a_workflow_that_a_task_leaves_has_the_status_of_the_others(either, finished):
    first = (await read(either, finished["id"]))["workflows"][0]
    task = await either.acquisition(first)
    assert await statuses(either, finished) == ["INPROGRESS", "INPROGRESS"]
    second = await either.workflow(finished)
    await move(either, f"task/{task['id']}", workflow_id=second["id"], position=None)
    assert await statuses(either, finished) == ["INPROGRESS", "FINISHED", "NEW"]
