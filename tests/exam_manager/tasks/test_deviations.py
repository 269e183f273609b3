import pytest

from exam_manager.tasks.deviations import note_edit
from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"
OTHER = "0190aaaa-0000-7000-8000-00000000d002"


async def made(platform, **changes):
    """An exam of a template with a scan and a job that reads it: the template, the exam."""
    template = await platform.exam(is_template=True, name="T")
    workflow = await platform.workflow(template)
    scan = await platform.acquisition(workflow, **changes)
    parameter = {"a.b": 1, "c": [1, 2]}
    await platform.job(workflow, input_task_ids=[scan["id"]], parameter=parameter)
    body = {"name": "x", "patient_id": (await platform.patient())["id"]}
    exam = await platform.make(f"{EXAM}/?template_id={template['id']}", body)
    return template, exam


async def put(platform, task, **changes):
    body = {**task, "status": "UPDATED", **changes}
    url = f"{EXAM}/task/{task['id']}"
    return (await platform.call("PUT", url, json=body, expect=200)).json()


def told(task):
    return {item["field"]: (item["template"], item["task"]) for item in task["deviations"]}


async def test_a_task_tells_where_it_deviates_until_it_returns(either):
    _, exam = await made(either, device_id=DEVICE)
    scan, job = exam["workflows"][0]["tasks"]
    assert (scan["deviations"], job["deviations"]) == ([], [])
    placed = {"fov_offset": {"x": 1, "y": 0, "z": 0}}
    once = await put(
        either, scan, name="Mine", device_id=OTHER, calibration=[], acquisition_parameter=placed
    )
    zero, moved = {"x": 0.0, "y": 0.0, "z": 0.0}, {"x": 1.0, "y": 0.0, "z": 0.0}
    assert told(once) == {
        "name": ("GRE", "Mine"),
        "device_id": (DEVICE, OTHER),
        "calibration": (["frequency"], []),
        "acquisition_parameter.fov_offset": (zero, moved),
    }
    url = f"{EXAM}/{exam['id']}"
    read = (await either.call("GET", url, expect=200)).json()["workflows"][0]["tasks"][0]
    assert read == once
    twice = await put(either, once, name="Ours", calibration=["frequency"])
    assert set(told(twice)) == {"name", "device_id", "acquisition_parameter.fov_offset"}
    assert told(twice)["name"] == ("GRE", "Ours")
    back = await put(either, twice, name="GRE", device_id=DEVICE, acquisition_parameter=None)
    assert back["deviations"] == []


async def test_the_parameters_and_inputs_of_a_job_deviate_each_for_itself(platform):
    _, exam = await made(platform)
    scan, job = exam["workflows"][0]["tasks"]
    changed = {"parameter": {"a.b": 2, "d": True}, "input_task_ids": []}
    once = await put(platform, job, **changed, dag_id="other", destination="PACS")
    assert told(once) == {
        "parameter.a.b": (1, 2),
        "parameter.c": ([1, 2], None),
        "parameter.d": (None, True),
        "input_task_ids": ([scan["id"]], []),
        "dag_id": ("cartesian_reconstruction", "other"),
        "destination": ("", "PACS"),
    }
    back = await put(platform, job)
    assert back["deviations"] == []


async def test_tasks_without_a_template_and_templates_do_not_deviate(platform):
    scan = await platform.scan()
    assert (await put(platform, scan, name="x"))["deviations"] == []
    template, _ = await made(platform)
    url = f"{EXAM}/{template['id']}"
    task = (await platform.call("GET", url)).json()["workflows"][0]["tasks"][0]
    assert (await put(platform, task, name="x"))["deviations"] == []


async def test_copies_of_task_and_workflow_templates_deviate_too(platform):
    exam = await platform.exam()
    workflow = await platform.workflow(exam)
    source = await platform.acquisition(is_template=True)
    params = f"template_id={source['id']}&workflow_id={workflow['id']}&new_task_is_template=false"
    task = await platform.make(f"{EXAM}/task?{params}", None)
    assert task["template_id"] == source["id"]
    assert told(await put(platform, task, name="x")) == {"name": ("GRE", "x")}


async def test_the_device_that_a_start_chose_is_no_deviation(platform):
    _, exam = await made(platform)
    task = exam["workflows"][0]["tasks"][0]
    await platform.claim(task)
    url = f"{EXAM}/task/{task['id']}"
    running = (await platform.call("GET", url)).json()
    assert (running["device_id"], running["deviations"]) == (DEVICE, [])


async def test_an_exam_tells_what_was_added_and_removed(either):
    template, exam = await made(either)
    url = f"{EXAM}/{exam['id']}/deviations"
    same = (await either.call("GET", url, expect=200)).json()
    assert (same["template_exists"], same["tasks"], same["parts"]) == (True, [], [])
    workflow = exam["workflows"][0]
    await either.call("DELETE", f"{EXAM}/task/{workflow['tasks'][1]['id']}", expect=204)
    await either.acquisition(workflow, name="Extra")
    await put(either, workflow["tasks"][0], name="Mine")
    found = (await either.call("GET", url, expect=200)).json()
    assert {(part["kind"], part["name"]) for part in found["parts"]} == {
        ("removed", "Reconstruction"),
        ("added", "Extra"),
    }
    assert [(task["name"], told(task)) for task in found["tasks"]] == [
        ("Mine", {"name": ("GRE", "Mine")})
    ]
    await either.call("DELETE", f"{EXAM}/{template['id']}", expect=204)
    gone = (await either.call("GET", url, expect=200)).json()
    assert (gone["template_exists"], gone["tasks"]) == (False, found["tasks"])
    assert [part["name"] for part in gone["parts"]] == ["Extra"]
    await either.call("GET", f"{EXAM}/{new_id()}/deviations", expect=404)


@pytest.mark.parametrize(
    ("kept", "before", "after", "expected"),
    [
        (None, {"a": 1}, {"a": 2}, None),
        ({}, {"a": 1}, {"a": 1}, {}),
        ({}, {"a": 1}, {"a": 2}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 1}, {}),
        ({}, {}, {"p": 1}, {"p": None}),
        ({"p": None}, {"p": 1}, {}, {}),
        ({"p": 1}, {}, {}, {"p": 1}),
    ],
)
def test_the_first_edit_keeps_what_the_template_said(kept, before, after, expected):
    assert note_edit(kept, before, after) == expected
