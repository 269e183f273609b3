"""Clients of ScanHub read a record whole, change a field, and send the whole back."""

import pytest
from outside import SEQUENCE

EXAM, PATIENT, LOGIN = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"
CHANGES_BY_ITSELF = {"status", "version", "datetime_updated", "updated_at"}
FOV = dict.fromkeys("xyz", 1.5)
ACQUISITION = {  # as ScanHub of 2025-08 sends it: no position, no calibration
    "name": "GRE",
    "description": "",
    "task_type": "ACQUISITION",
    "destination": "",
    "status": "NEW",
    "progress": 0,
    "is_template": False,
    "acquisition_parameter": {"fov_scaling": FOV, "fov_offset": FOV, "fov_rotation": FOV},
}
DAG = {
    "name": "Recon",
    "description": "",
    "task_type": "DAG",
    "dag_type": "RECONSTRUCTION",
    "dag_id": "mrpro_direct_reconstruct_job",
    "destination": "",
    "status": "NEW",
    "progress": 0,
    "is_template": False,
}
USER = {
    "username": "tech",
    "first_name": "Tina",
    "last_name": "Tech",
    "email": "tina@clinic.example",
    "role": "medical",
    "access_token": "Quartz-lantern-58-otter",
    "token_type": "password",
}


async def upload(platform):
    files = {"seq_file": ("a.seq", SEQUENCE.encode(), "text/plain")}
    form = {"name": "GRE", "description": "d", "sequence_type": "gre", "tags": ["a", "b"]}
    answer = await platform.call("POST", f"{EXAM}/sequence", data=form, files=files, expect=201)
    return answer.json()["_id"]


@pytest.fixture
async def planned(either):
    """An exam with a scan and a job, made as ScanHub's pages make them; paths by kind."""
    exam = await either.exam(description="d", indication="i", comment="c")
    workflow = await either.workflow(exam)
    sequence = await upload(either)
    place = {"workflow_id": workflow["id"]}
    scan = {**ACQUISITION, **place, "sequence_id": sequence, "device_id": None}
    scan = await either.make(f"{EXAM}/task/new", scan)
    job = await either.make(f"{EXAM}/task/new", {**DAG, **place, "input_task_ids": [scan["id"]]})
    return {
        "exam": f"{EXAM}/{exam['id']}",
        "workflow": f"{EXAM}/workflow/{workflow['id']}",
        "scan": f"{EXAM}/task/{scan['id']}",
        "job": f"{EXAM}/task/{job['id']}",
        "patient": f"{PATIENT}/{exam['patient_id']}",
        "sequence": f"{EXAM}/sequence/{sequence}",
    }


def settled(document):
    """Return a document without what an edit changes by itself, at any depth."""
    if isinstance(document, list):
        return [settled(item) for item in document]
    if not isinstance(document, dict):
        return document
    kept = {name: value for name, value in document.items() if name not in CHANGES_BY_ITSELF}
    return {name: settled(value) for name, value in kept.items()}


async def test_what_was_read_can_be_sent_back(either, planned):
    before = {
        kind: (await either.call("GET", path, expect=200)).json() for kind, path in planned.items()
    }
    for kind, path in planned.items():
        body = {**before[kind], "status": "UPDATED"}
        await either.call("PUT", path, json=body, expect=200)
    for kind, path in planned.items():
        after = (await either.call("GET", path, expect=200)).json()
        assert settled(after) == settled(before[kind]), kind


async def test_one_field_of_the_whole_is_changed_and_nothing_else(either, planned):
    for kind, path in planned.items():
        before = (await either.call("GET", path, expect=200)).json()
        field = "last_name" if kind == "patient" else "name"
        body = {**before, "status": "UPDATED", field: "Another"}
        answer = (await either.call("PUT", path, json=body, expect=200)).json()
        after = (await either.call("GET", path, expect=200)).json()
        assert settled(after) == {**settled(before), field: "Another"}, kind
        if kind != "sequence":  # its file is not sent back
            assert answer == after, kind


async def test_an_account_can_be_sent_back_as_the_list_shows_it(either):
    first = {**USER, "username": "root", "role": "admin"}
    await either.call("POST", f"{LOGIN}/createfirstuser", json=first, expect=201)
    await either.call("POST", f"{LOGIN}/createuser", headers=either.admin, json=USER, expect=201)

    async def read():
        answer = await either.call("GET", f"{LOGIN}/getallusers", headers=either.admin, expect=200)
        return next(user for user in answer.json() if user["username"] == "tech")

    before = await read()
    assert before["access_token"] == ""
    body = {**before, "last_name": "Master", "token_type": ""}
    await either.call("PUT", f"{LOGIN}/updateuser", headers=either.admin, json=body, expect=200)
    assert settled(await read()) == {**settled(before), "last_name": "Master"}


@pytest.mark.long
async def test_a_list_without_limit_comes_whole(platform):
    made = [(await platform.patient())["id"] for _ in range(105)]
    answer = await platform.call("GET", f"{PATIENT}/", expect=200)
    assert [item["id"] for item in answer.json()] == made
    assert "Link" not in answer.headers
    exam = await platform.exam(patient_id=made[0])
    workflow = await platform.workflow(exam)
    tasks = [(await platform.acquisition(workflow))["id"] for _ in range(105)]
    answer = await platform.call("GET", f"{EXAM}/task/all/{workflow['id']}", expect=200)
    assert [item["id"] for item in answer.json()] == tasks
    assert "Link" not in answer.headers


@pytest.mark.parametrize("day", ["1985-12-10", "1985-12-10T00:00:00", "1985-12-10T00:00:00.000Z"])
async def test_a_day_is_taken_in_the_forms_that_date_pickers_send(platform, day):
    assert (await platform.patient(birth_date=day))["birth_date"] == "1985-12-10"


async def test_an_empty_sequence_is_none(platform):
    exam = await platform.exam()
    workflow = await platform.workflow(exam)
    body = {**ACQUISITION, "workflow_id": workflow["id"], "sequence_id": ""}
    made = await platform.make(f"{EXAM}/task/new", body)
    assert made["sequence_id"] is None
    assert made["calibration"] == []
    assert made["acquisition_parameter"] == ACQUISITION["acquisition_parameter"]


async def test_the_answer_to_a_copy_is_what_a_read_returns(either):
    template = await either.exam(is_template=True)
    workflow = await either.workflow(template)
    scan = await either.acquisition(workflow)
    await either.job(workflow, input_task_ids=[scan["id"]])
    patient = (await either.patient())["id"]
    body = {**template, "patient_id": patient, "is_template": False, "status": "NEW"}
    copy = await either.make(f"{EXAM}/?template_id={template['id']}", body)
    assert [task["name"] for task in copy["workflows"][0]["tasks"]] == ["GRE", "Reconstruction"]
    assert (await either.call("GET", f"{EXAM}/{copy['id']}", expect=200)).json() == copy
