from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"


async def duplicate(platform, task, expect=201, **body):
    url = f"{EXAM}/task/{task['id']}/duplicate"
    return (await platform.call("POST", url, json=body, expect=expect)).json()


async def tasks_of(platform, workflow):
    answer = await platform.call("GET", f"{EXAM}/task/all/{workflow['id']}", expect=200)
    return answer.json()


async def test_a_task_is_planned_once_more_behind_itself_with_the_jobs_that_read_only_it(either):
    workflow = await either.workflow(await either.exam())
    scan = await either.acquisition(workflow, name="scan")
    other = await either.acquisition(workflow, name="other")
    recon = await either.job(workflow, name="recon", input_task_ids=[scan["id"]])
    await either.job(workflow, name="both", input_task_ids=[recon["id"], other["id"]])
    report = await either.job(workflow, name="report", input_task_ids=[recon["id"], scan["id"]])
    await either.claim(scan)
    copies = await duplicate(either, scan)
    assert [copy["name"] for copy in copies] == ["scan", "recon", "report"]
    assert {copy["status"] for copy in copies} == {"NEW"}
    assert copies[1]["input_task_ids"] == [copies[0]["id"]]
    assert copies[2]["input_task_ids"] == [copies[1]["id"], copies[0]["id"]]
    tree = await tasks_of(either, workflow)
    assert [task["name"] for task in tree] == [
        *("scan", "other", "recon", "both", "report"),
        *("scan", "recon", "report"),
    ]
    assert tree[4]["id"] == report["id"]
    assert copies == tree[5:]
    assert (copies[0]["repeat_of"], copies[0]["repeat_reason"]) == (None, None)


async def test_a_repeat_names_what_it_repeats_and_why(platform):
    workflow = await platform.workflow(await platform.exam())
    scan = await platform.acquisition(workflow)
    await platform.acquisition(workflow, name="next")
    (copy,) = await duplicate(platform, scan, reason=" The patient moved ", with_jobs=False)
    assert (copy["repeat_of"], copy["repeat_reason"]) == (scan["id"], "The patient moved")
    tree = await tasks_of(platform, workflow)
    assert [task["name"] for task in tree] == ["GRE", "GRE", "next"]
    (again,) = await duplicate(platform, copy, reason="  ")
    assert (again["repeat_of"], again["repeat_reason"]) == (None, None)
    await duplicate(platform, {"id": str(new_id())}, 404)
    assert "reason" in str(await duplicate(platform, scan, 422, reason="x" * 201))


async def test_a_copy_deviates_from_the_template_where_its_source_does(platform):
    template = await platform.exam(is_template=True)
    await platform.acquisition(await platform.workflow(template))
    body = {"name": "x", "patient_id": (await platform.patient())["id"]}
    exam = await platform.make(f"{EXAM}/?template_id={template['id']}", body)
    scan = exam["workflows"][0]["tasks"][0]
    edit = {**scan, "calibration": [], "status": "UPDATED"}
    url = f"{EXAM}/task/{scan['id']}"
    edited = (await platform.call("PUT", url, json=edit, expect=200)).json()
    (copy,) = await duplicate(platform, scan)
    assert copy["deviations"] == edited["deviations"] != []
    assert copy["template_id"] == scan["template_id"]


async def test_a_scan_of_a_protocol_is_added_with_its_jobs_at_the_end_of_a_workflow(either):
    template = await either.exam(is_template=True)
    part = await either.workflow(template)
    scan = await either.acquisition(part, name="T1")
    await either.job(part, name="recon", input_task_ids=[scan["id"]])
    other = await either.acquisition(part, name="T2")
    both = await either.job(part, name="both", input_task_ids=[scan["id"], other["id"]])
    workflow = await either.workflow(await either.exam())
    await either.acquisition(workflow, name="own")
    copies = await duplicate(either, scan, workflow_id=workflow["id"])
    assert [(copy["name"], copy["is_template"]) for copy in copies] == [
        ("T1", False),
        ("recon", False),
    ]
    assert copies[0]["template_id"] == scan["id"]
    assert copies[1]["input_task_ids"] == [copies[0]["id"]]
    tree = await tasks_of(either, workflow)
    assert [task["name"] for task in tree] == ["own", "T1", "recon"]
    await duplicate(either, both, 400, workflow_id=workflow["id"])
    await duplicate(either, copies[0], 400, workflow_id=part["id"])
    await duplicate(either, scan, 400, workflow_id=str(new_id()))
    assert len(await tasks_of(either, workflow)) == 3


async def test_a_released_protocol_is_not_changed_by_a_copy(platform):
    template = await platform.exam(is_template=True)
    scan = await platform.acquisition(await platform.workflow(template))
    (copy,) = await duplicate(platform, scan)
    assert copy["is_template"]
    url = f"{EXAM}/templates/{template['id']}/release"
    await platform.call("POST", url, json={"comment": "good"}, headers=platform.admin, expect=200)
    await duplicate(platform, scan, 409)
