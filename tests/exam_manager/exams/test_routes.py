import asyncio

import pytest
import sqlalchemy as sa

from scanhub_libraries.ids import new_id

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"


class Statements:
    """Counts the statements that an application sends to its database."""

    def __init__(self, app):
        self._engine = app.state.sessions.kw["bind"].sync_engine
        self.seen = []

    def _note(self, _connection, _cursor, statement, *_rest):
        if not statement.startswith(("BEGIN", "PRAGMA")) and "revocation" not in statement:
            self.seen.append(statement)

    def __enter__(self):
        sa.event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_):
        sa.event.remove(self._engine, "before_cursor_execute", self._note)


async def template(platform, workflows=2, scans=2):
    """A template exam; every workflow has scans and a job that reads them and the last one's."""
    exam = await platform.exam(is_template=True, name="Template")
    before = []
    for number in range(workflows):
        workflow = await platform.workflow(exam, name=f"W{number}")
        tasks = [await platform.acquisition(workflow, name=f"S{n}") for n in range(scans)]
        inputs = [task["id"] for task in tasks] + before
        job = await platform.job(workflow, name="R", input_task_ids=inputs)
        before = [job["id"]]
    return exam


async def test_a_copied_exam_is_a_tree_of_its_own(either):
    source = await template(either)
    patient = await either.patient()
    body = {"patient_id": patient["id"], "name": "Ada's head", "status": "FINISHED"}
    url = f"{EXAM}/?template_id={source['id']}"
    with Statements(either.app) as statements:
        made = await either.make(url, body)
    assert len(statements.seen) <= 20
    read = (await either.call("GET", f"{EXAM}/{made['id']}", expect=200)).json()
    assert read == made
    assert made["status"] == "NEW"
    assert made["study_instance_uid"].startswith("2.25.")
    assert [workflow["name"] for workflow in made["workflows"]] == ["W0", "W1"]
    ids = set()
    for workflow in made["workflows"]:
        assert [task["name"] for task in workflow["tasks"]] == ["S0", "S1", "R"]
        for task in workflow["tasks"]:
            ids.add(task["id"])
            assert (task["status"], task["progress"], task["is_template"]) == ("NEW", 0, False)
    for workflow in made["workflows"]:
        assert set(workflow["tasks"][-1]["input_task_ids"]) <= ids
    across = made["workflows"][1]["tasks"][-1]["input_task_ids"]
    assert made["workflows"][0]["tasks"][-1]["id"] in across
    again = await either.make(url, body)
    assert again["study_instance_uid"] != made["study_instance_uid"]


async def test_an_exam_is_read_in_four_statements(either):
    source = await template(either, workflows=5, scans=9)
    with Statements(either.app) as statements:
        tree = (await either.call("GET", f"{EXAM}/{source['id']}", expect=200)).json()
    assert len(statements.seen) <= 4
    assert sum(len(workflow["tasks"]) for workflow in tree["workflows"]) == 50
    with Statements(either.app) as statements:
        found = (await either.call("GET", f"{EXAM}/templates/all", expect=200)).json()
    assert len(statements.seen) <= 4
    assert [exam["id"] for exam in found] == [source["id"]]


async def test_a_copied_workflow_is_complete(platform):
    source = await template(platform, workflows=1)
    workflow = source_workflow = (await tree(platform, source))["workflows"][0]
    exam = await platform.exam()
    params = f"exam_id={exam['id']}&new_workflow_is_template=false"
    made = await platform.make(f"{EXAM}/workflow?template_id={workflow['id']}&{params}", None)
    assert [task["name"] for task in made["tasks"]] == ["S0", "S1", "R"]
    assert made["tasks"][2]["input_task_ids"] == [task["id"] for task in made["tasks"][:2]]
    assert (await tree(platform, exam))["workflows"] == [made]
    mismatch = params.replace("false", "true")
    for query, code in (
        (f"template_id={UNKNOWN}&{params}", 404),
        (f"template_id={made['id']}&{params}", 400),
        (f"template_id={source_workflow['id']}&{mismatch}", 400),
        (f"template_id={source_workflow['id']}&{params.replace(exam['id'], UNKNOWN)}", 400),
    ):
        await platform.call("POST", f"{EXAM}/workflow?{query}", expect=code)


async def tree(platform, exam):
    return (await platform.call("GET", f"{EXAM}/{exam['id']}", expect=200)).json()


async def test_a_copy_that_would_lose_an_input_is_refused_and_leaves_nothing(platform):
    source = await tree(platform, await template(platform, workflows=2))
    outside = source["workflows"][0]["tasks"][-1]["id"]
    exam = await platform.exam()
    params = f"exam_id={exam['id']}&new_workflow_is_template=false"
    url = f"{EXAM}/workflow?template_id={source['workflows'][1]['id']}&{params}"
    refused = await platform.call("POST", url, expect=400)
    assert outside in refused.json()["detail"]
    assert (await tree(platform, exam))["workflows"] == []


async def test_a_copied_task_starts_anew_at_the_end(platform):
    source = await platform.acquisition(is_template=True, name="S", description="d")
    workflow = await platform.workflow(await platform.exam())
    await platform.acquisition(workflow)
    params = f"workflow_id={workflow['id']}&new_task_is_template=false"
    made = await platform.make(f"{EXAM}/task?template_id={source['id']}&{params}", None)
    assert (made["description"], made["position"], made["status"]) == ("d", 1, "NEW")
    for query, code in (
        (f"template_id={UNKNOWN}&{params}", 404),
        (f"template_id={made['id']}&{params}", 400),
        (f"template_id={source['id']}&{params.replace('false', 'true')}", 400),
        (f"template_id={source['id']}&{params.replace(workflow['id'], UNKNOWN)}", 400),
    ):
        await platform.call("POST", f"{EXAM}/task?{query}", expect=code)
    whole = await tree(platform, await template(platform, workflows=1))
    job = whole["workflows"][0]["tasks"][-1]
    url = f"{EXAM}/task?template_id={job['id']}&{params}"
    refused = await platform.call("POST", url, expect=400)
    assert refused.json()["task_id"] == job["input_task_ids"][0]


async def test_the_rules_of_the_tree(platform):
    patient = (await platform.patient())["id"]
    new = f"{EXAM}/new"
    for wrong in (
        {"name": "x"},
        {"name": "x", "patient_id": UNKNOWN},
        {"name": "x", "patient_id": patient, "status": "STARTED"},
        {"name": "x", "patient_id": patient, "is_template": True},
    ):
        await platform.call("POST", new, json=wrong, expect=400)
    await platform.call("POST", new, json={"name": "", "patient_id": patient}, expect=422)
    exam = await platform.exam(patient_id=patient)
    for wrong in (
        {"name": "x"},
        {"name": "x", "exam_id": UNKNOWN},
        {"name": "x", "exam_id": exam["id"], "is_template": True},
        {"name": "x", "exam_id": exam["id"], "status": "UPDATED"},
    ):
        await platform.call("POST", f"{EXAM}/workflow/new", json=wrong, expect=400)
    await platform.workflow(name="orphan", is_template=True)
    for wrong in ({"template_id": exam["id"]}, {"template_id": UNKNOWN}):
        body = {"name": "x", "patient_id": patient}
        await platform.call("POST", f"{EXAM}/", params=wrong, json=body, expect=400)


async def test_an_edit_of_an_exam(platform):
    exam = await platform.exam()
    url = f"{EXAM}/{exam['id']}"
    answer = await platform.call("GET", url)
    assert answer.headers["ETag"] == '"1.1"'
    edit = {**exam, "name": "Other", "status": "UPDATED"}
    stale = {**platform.medical, "If-Match": '"1"'}
    after = await platform.call("PUT", url, json=edit, headers=stale, expect=200)
    assert (after.json()["name"], after.json()["status"], after.json()["version"]) == (
        "Other",
        "UPDATED",
        2,
    )
    assert after.headers["ETag"] == '"2.2"'
    refused = await platform.call("PUT", url, json=edit, headers=stale, expect=412)
    assert refused.json()["version"] == 2
    for wrong, code in (
        ({"status": "NEW"}, 403),
        ({"is_template": True, "patient_id": None}, 400),
        ({"patient_id": UNKNOWN}, 400),
        ({"patient_id": None}, 400),
    ):
        await platform.call("PUT", url, json={**edit, **wrong}, expect=code)
    other = (await platform.patient())["id"]
    await platform.call("PUT", url, json={**edit, "patient_id": other}, expect=200)


async def test_the_patient_of_started_images_is_not_changed(platform):
    task = await platform.scan()
    claim = await platform.claim(task)
    other = (await platform.patient())["id"]
    exam = (await platform.call("GET", f"{EXAM}/{claim['exam_id']}")).json()
    assert exam["status"] == "INPROGRESS"
    url = f"{EXAM}/{exam['id']}"
    swapped = {**exam, "patient_id": other, "status": "UPDATED"}
    await platform.call("PUT", url, json=swapped, expect=409)
    kept = {**exam, "comment": "x", "status": "UPDATED"}
    after = (await platform.call("PUT", url, json=kept, expect=200)).json()
    assert after["status"] == "INPROGRESS"  # an edit undoes no work
    refused = (await platform.call("DELETE", url, expect=409)).json()
    assert refused["tasks"] == [task["id"]]


async def test_a_deleted_exam_takes_its_tree_and_files_along(either):
    task = await either.scan()
    claim = await either.claim(task)
    result_id = str(new_id())
    key = f"lake/{task['workflow_id']}/{task['id']}/{result_id}/data.mrd"
    await either.lake.put(key, b"raw")
    finish = {
        "claim_id": claim["claim_id"],
        "result_id": result_id,
        "result": {"type": "MRD", "directory": "", "files": ["data.mrd"]},
    }
    url = f"{EXAM}/task/{task['id']}"
    await either.call("POST", f"{url}/finish", json=finish, headers=either.service, expect=200)
    await either.call("DELETE", f"{EXAM}/{claim['exam_id']}", expect=204)
    for path in (claim["exam_id"], f"workflow/{task['workflow_id']}", f"task/{task['id']}"):
        await either.call("GET", f"{EXAM}/{path}", expect=404)
    await either.call("GET", f"{EXAM}/result/{result_id}", expect=404)
    assert not either.lake.exists(key)


async def test_the_worklist_shows_the_newest_first(either):
    first = await either.exam(name="A", accession_number="ACC-1")
    patient = await either.patient(last_name="Hopper")
    second = await either.exam(name="B", patient_id=patient["id"])
    await either.exam(is_template=True, name="T")
    await either.acquisition(await either.workflow(second))

    async def names(**params):
        answer = await either.call("GET", f"{EXAM}/worklist", params=params, expect=200)
        return [item["exam"]["name"] for item in answer.json()]

    assert await names() == ["B", "A"]
    assert await names(search="hopper") == ["B"]
    assert await names(search="acc-") == ["A"]
    assert await names(status="NEW", limit=1) == ["B"]
    assert await names(status="FINISHED") == []
    assert await names(date="today") == ["B", "A"]
    assert await names(date="2999-01-01") == []
    items = (await either.call("GET", f"{EXAM}/worklist")).json()
    assert items[0]["patient"]["last_name"] == "Hopper"
    assert (items[0]["exam"]["tasks_total"], items[0]["exam"]["tasks_finished"]) == (1, 0)
    assert items[1]["exam"]["id"] == first["id"]
    await either.call("GET", f"{EXAM}/worklist", params={"date": "yesterday"}, expect=422)


async def test_copies_and_deletes_at_once_leave_whole_trees(either):
    source = await template(either)
    patient = (await either.patient())["id"]
    body = {"patient_id": patient, "name": "x"}
    url = f"{EXAM}/?template_id={source['id']}"
    answers = await asyncio.gather(
        *(either.call("POST", url, json=body) for _ in range(6)),
        either.call("DELETE", f"{EXAM}/{source['id']}"),
    )
    assert all(answer.status_code in {201, 204, 400, 409} for answer in answers)
    for exam in (await either.call("GET", f"{EXAM}/all/{patient}", expect=200)).json():
        assert [len(workflow["tasks"]) for workflow in exam["workflows"]] == [3, 3]


@pytest.mark.parametrize("header", ["2", '"9"', 'W/"1"', "x"])
async def test_a_version_that_is_not_current_is_412(platform, header):
    exam = await platform.exam()
    headers = {**platform.medical, "If-Match": header}
    edit = {**exam, "status": "UPDATED"}
    await platform.call("PUT", f"{EXAM}/{exam['id']}", json=edit, headers=headers, expect=412)


async def test_a_stale_status_of_an_exam_undoes_nothing(platform):
    exam = await platform.exam()
    workflow = await platform.workflow(exam)
    task = await platform.acquisition(workflow)
    urls = (f"{EXAM}/{exam['id']}", f"{EXAM}/workflow/{workflow['id']}")
    claim = await platform.claim(task)
    read = [(await platform.call("GET", url)).json() for url in urls]
    for url, item in zip(urls, read, strict=True):
        for status in ("UPDATED", "STARTED", "FINISHED", "CANCELED", "ERROR"):
            put = await platform.call("PUT", url, json={**item, "status": status}, expect=200)
            assert put.json()["status"] == "INPROGRESS"
    body = {"claim_id": claim["claim_id"], "status": "ERROR", "reason": "no signal"}
    release = f"{EXAM}/task/{task['id']}/release"
    await platform.call("POST", release, json=body, headers=platform.service, expect=200)
    for url, item in zip(urls, read, strict=True):  # INPROGRESS, as they were read
        put = await platform.call("PUT", url, json={**item, "name": "Edited"}, expect=200)
        assert (put.json()["name"], put.json()["status"]) == ("Edited", "ERROR")
        put = await platform.call("PUT", url, json={**item, "status": "CANCELED"}, expect=200)
        assert put.json()["status"] == "CANCELED"  # nobody is at it: a person may close it


async def test_a_tree_has_room_for_what_a_file_of_protocols_takes(platform, monkeypatch):
    exam = await platform.exam(is_template=True)
    workflow = await platform.workflow(exam)
    monkeypatch.setattr("exam_manager.tasks.places.MOST_TASKS", 3)
    monkeypatch.setattr("exam_manager.workflows.service.MOST_WORKFLOWS", 2)
    tasks = [await platform.acquisition(workflow) for _ in range(3)]
    body = {**tasks[0], "position": 0}
    refused = await platform.call("POST", f"{EXAM}/task/new", json=body, expect=409)
    assert refused.json()["most"] == 3
    await platform.call("PUT", f"{EXAM}/task/{tasks[2]['id']}", json={**tasks[2], "position": 0})
    into = {"workflow_id": workflow["id"], "template_id": tasks[0]["id"]}
    copy = {**into, "new_task_is_template": "true"}
    await platform.call("POST", f"{EXAM}/task", params=copy, expect=409)
    other = await platform.workflow(exam)
    await platform.call("POST", f"{EXAM}/workflow/new", json=other, expect=409)
    moved = await platform.acquisition(other)
    away = {**moved, "workflow_id": workflow["id"]}
    await platform.call("PUT", f"{EXAM}/task/{moved['id']}", json=away, expect=409)
    order = [task["id"] for task in (tasks[2], tasks[0], tasks[1])]
    below = (await platform.call("GET", f"{EXAM}/task/all/{workflow['id']}")).json()
    assert [task["id"] for task in below] == order


async def test_data_are_no_parameter_of_a_job(platform):
    workflow = await platform.workflow(await platform.exam())
    await platform.job(workflow, parameter={"k": "x" * 60_000})
    answer = await platform.call(
        "POST",
        f"{EXAM}/task/new",
        json={**(await platform.job(workflow)), "parameter": {"k": "x" * 70_000}},
        expect=422,
    )
    assert answer.json()["errors"][0]["pointer"] == "/body/DAG/parameter"
