import json

import pytest

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"


async def get(platform, task):
    return (await platform.call("GET", f"{EXAM}/task/{task['id']}", expect=200)).json()


async def put(platform, task, expect=200, headers=None, **changes):
    url = f"{EXAM}/task/{task['id']}"
    body = {**task, **changes}
    answer = await platform.call("PUT", url, json=body, headers=headers, expect=expect)
    return answer.json()


async def test_the_contract_refuses_what_a_new_task_must_not_be(platform):
    workflow = await platform.workflow(await platform.exam())
    new = {"task_type": "ACQUISITION", "name": "x", "workflow_id": workflow["id"]}
    job = {**new, "task_type": "DAG", "dag_type": "RECONSTRUCTION", "dag_id": "x"}
    for wrong, code in (
        ({**new, "workflow_id": None}, 400),
        ({**new, "workflow_id": UNKNOWN}, 400),
        ({**new, "status": "FINISHED"}, 400),
        ({**new, "is_template": True}, 400),
        ({**new, "sequence_id": "nothing"}, 400),
        ({**job, "input_task_ids": [UNKNOWN]}, 400),
        ({**new, "task_type": "MAGIC"}, 422),
        ({**job, "dag_type": "MAGIC"}, 422),
        ({**job, "parameter": {"x": float("nan")}}, 422),
        ({**new, "progress": -500}, 422),
        ({**new, "name": ""}, 422),
        ({**new, "calibration": ["magic"]}, 422),
    ):
        content = json.dumps(wrong).encode()
        headers = {**platform.medical, "Content-Type": "application/json"}
        answer = await platform.call("POST", f"{EXAM}/task/new", content=content, headers=headers)
        assert answer.status_code == code, (wrong, answer.text)


async def test_an_edit_changes_the_plan_and_bumps_the_version(either):
    task = await either.scan()
    parameter = {"fov_scaling": {"x": 1, "y": 2, "z": 3}}
    after = await put(
        either,
        task,
        name="Other",
        status="UPDATED",
        device_id=DEVICE,
        acquisition_parameter=parameter,
        calibration=["shims"],
        progress=77,
    )
    assert (after["name"], after["status"], after["version"]) == ("Other", "UPDATED", 2)
    assert after["acquisition_parameter"]["fov_scaling"]["z"] == 3
    assert (after["device_id"], after["calibration"]) == (DEVICE, ["shims"])
    assert after["progress"] == 0  # no person makes progress
    assert after == await get(either, task)
    stale = {**either.medical, "If-Match": '"1"'}
    await put(either, after, 412, headers=stale)


async def test_an_edit_never_undoes_work(platform):
    task = await platform.scan()
    claim = await platform.claim(task)
    report = {"claim_id": claim["claim_id"], "progress": 40}
    url = f"{EXAM}/task/{task['id']}"
    await platform.call("POST", f"{url}/report", json=report, headers=platform.service, expect=200)
    running = await get(platform, task)
    after = await put(platform, running, description="note", status="UPDATED", progress=0)
    assert (after["status"], after["progress"], after["description"]) == ("INPROGRESS", 40, "note")
    for status in ("NEW", "STARTED", "FINISHED", "ERROR", "CANCELED"):
        refused = await put(platform, running, 409, status=status)
        assert refused["type"] == "/problems/transition-not-allowed"
        assert refused["state"] == "INPROGRESS"
    for changed in (
        {"device_id": str(new_id())},
        {"calibration": []},
        {"acquisition_parameter": {}},
    ):
        refused = await put(platform, running, 409, **changed)
        assert refused["fields"] == [next(iter(changed))]
    await platform.call("DELETE", url, expect=409)
    await platform.call("DELETE", f"{EXAM}/workflow/{task['workflow_id']}", expect=409)


async def test_neither_type_nor_template_flips(platform):
    task = await platform.scan()
    job = {"task_type": "DAG", "dag_type": "PROCESSING", "dag_id": "x"}
    await put(platform, task, 400, **job)
    await put(platform, task, 400, is_template=True)
    assert await get(platform, task) == task
    for path in (f"workflow/{task['workflow_id']}", f"task/all/{task['workflow_id']}"):
        await platform.call("GET", f"{EXAM}/{path}", expect=200)


async def test_a_canceled_task_can_be_planned_again(platform):
    task = await platform.scan()
    assert (await put(platform, task, status="CANCELED"))["status"] == "CANCELED"
    assert (await put(platform, task, status="UPDATED"))["status"] == "UPDATED"
    await put(platform, task, 409, status="NEW")


async def test_inputs_make_no_circle(platform):
    workflow = await platform.workflow(await platform.exam())
    first = await platform.job(workflow)
    second = await platform.job(workflow, input_task_ids=[first["id"]])
    refused = await put(platform, first, 400, input_task_ids=[second["id"]])
    assert refused["field"] == "input_task_ids"
    await put(platform, first, 400, input_task_ids=[first["id"]])
    elsewhere = await platform.scan()
    refused = await put(platform, first, 400, input_task_ids=[elsewhere["id"]])
    assert refused["unknown"] == [elsewhere["id"]]


async def test_what_others_read_is_not_deleted(platform):
    exam = await platform.exam()
    first, second = await platform.workflow(exam), await platform.workflow(exam)
    scan = await platform.acquisition(first)
    job = await platform.job(second, input_task_ids=[scan["id"]])
    refused = await platform.call("DELETE", f"{EXAM}/task/{scan['id']}", expect=409)
    assert refused.json()["tasks"] == [job["id"]]
    refused = await platform.call("DELETE", f"{EXAM}/workflow/{first['id']}", expect=409)
    assert refused.json()["tasks"] == [job["id"]]
    await platform.call("DELETE", f"{EXAM}/workflow/{second['id']}", expect=204)
    await platform.call("DELETE", f"{EXAM}/task/{scan['id']}", expect=204)
    await platform.call("DELETE", f"{EXAM}/workflow/{first['id']}", expect=204)


async def test_tasks_are_ordered(either):
    workflow = await either.workflow(await either.exam())
    tasks = [await either.acquisition(workflow, name=name) for name in "abcd"]
    assert [task["position"] for task in tasks] == [0, 1, 2, 3]
    ids = [task["id"] for task in tasks]

    async def order():
        answer = await either.call("GET", f"{EXAM}/task/all/{workflow['id']}", expect=200)
        return "".join(task["name"] for task in answer.json())

    async def reorder(given, expect=204):
        body = {"task_ids": given}
        return await either.call("PUT", f"{EXAM}/task/reorder", json=body, expect=expect)

    await reorder(ids[::-1])
    assert await order() == "dcba"
    await reorder([ids[0]])
    assert await order() == "adcb"
    await reorder([ids[0], ids[0]], 400)
    await reorder([ids[0], UNKNOWN], 404)
    await reorder([], 422)
    await reorder([ids[0], (await either.scan())["id"]], 400)
    assert await order() == "adcb"
    assert (await either.acquisition(workflow, name="e"))["position"] == 4


async def test_a_task_with_results_does_not_move(platform):
    exam = await platform.exam()
    workflow, other = await platform.workflow(exam), await platform.workflow(exam)
    task = await platform.acquisition(workflow)
    moved = await put(platform, task, workflow_id=other["id"])
    assert moved["workflow_id"] == other["id"]
    await put(platform, task, 400, workflow_id=UNKNOWN)
    await put(platform, task, 400, workflow_id=None)
    await platform.make(f"{EXAM}/result?task_id={task['id']}", None, headers=platform.service)
    await put(platform, task, 409, workflow_id=workflow["id"])


async def test_what_is_read_moves_within_its_exam_only(platform):
    exam = await platform.exam(is_template=True)
    here, there = await platform.workflow(exam), await platform.workflow(exam)
    elsewhere = await platform.workflow(await platform.exam(is_template=True))
    scan = await platform.acquisition(here)
    job = await platform.job(here, input_task_ids=[scan["id"]])
    for workflow_id, expect in ((elsewhere["id"], 409), (None, 409), (there["id"], 200)):
        body = {**scan, "workflow_id": workflow_id}
        put = await platform.call("PUT", f"{EXAM}/task/{scan['id']}", json=body, expect=expect)
        if expect == 409:
            assert put.json()["tasks"] == [job["id"]]
    below = (await platform.call("GET", f"{EXAM}/task/all/{there['id']}")).json()
    assert [task["id"] for task in below] == [scan["id"]]


async def test_a_workflow_is_edited_and_does_not_move_once_started(platform):
    task = await platform.scan()
    url = f"{EXAM}/workflow/{task['workflow_id']}"
    workflow = (await platform.call("GET", url)).json()
    other = await platform.exam()
    edit = {**workflow, "status": "UPDATED", "name": "Other"}
    after = await platform.call("PUT", url, json=edit, expect=200)
    assert (after.json()["name"], after.headers["ETag"]) == ("Other", '"2"')
    for wrong, code in (
        ({"status": "NEW"}, 403),
        ({"is_template": True}, 400),
        ({"exam_id": UNKNOWN}, 400),
        ({"exam_id": None}, 400),
        ({"name": " "}, 422),
    ):
        await platform.call("PUT", url, json={**edit, **wrong}, expect=code)
    await platform.call("PUT", url, json={**edit, "exam_id": other["id"]}, expect=200)
    await platform.claim(task)
    moved = {**edit, "exam_id": workflow["exam_id"]}
    await platform.call("PUT", url, json=moved, expect=409)
    listed = (await platform.call("GET", f"{EXAM}/workflow/all/{other['id']}")).json()
    assert [item["status"] for item in listed] == ["INPROGRESS"]
    assert (await platform.call("GET", f"{EXAM}/workflow/templates/all")).json() == []
    assert (await platform.call("GET", f"{EXAM}/task/templates/all")).json() == []


@pytest.mark.parametrize("path", ["task/new", "workflow/new", "new"])
async def test_a_body_that_is_no_json_is_422(platform, path):
    headers = {**platform.medical, "Content-Type": "application/json"}
    await platform.call("POST", f"{EXAM}/{path}", content=b"{", headers=headers, expect=422)


async def test_places_never_run_out(platform):
    workflow = await platform.workflow(await platform.exam())
    last = 1_000_000
    made = [await platform.acquisition(workflow, name="first", position=last)]
    made.append(await platform.acquisition(workflow, name="after it"))
    made.append(await platform.acquisition(workflow, name="third", position=last))
    made.append(await platform.acquisition(workflow, name="before all", position=0))
    made.append(await platform.acquisition(workflow, name="fifth", position=last))
    url = f"{EXAM}/task/all/{workflow['id']}"
    names = ["before all", "first", "after it", "third", "fifth"]
    tasks = (await platform.call("GET", url)).json()
    assert [task["name"] for task in tasks] == names
    assert [task["position"] for task in tasks] == [0, 1, 2, 3, last]
    for task in tasks:  # what was read can be sent back
        await platform.call("PUT", f"{EXAM}/task/{task['id']}", json=task, expect=200)
    assert [task["name"] for task in (await platform.call("GET", url)).json()] == names
