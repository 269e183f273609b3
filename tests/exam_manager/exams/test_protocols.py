import asyncio
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from exam_manager.exams.models import Exam
from scanhub_libraries.database import reading
from scanhub_libraries.models import UserRole

EXAM = "/api/v1/exam"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"


async def protocol(platform, **changes):
    """A template with two workflows, that can be released."""
    exam = await platform.exam(is_template=True, **{"name": "Schädel", **changes})
    first = await platform.workflow(exam, name="Brain")
    scans = [await platform.acquisition(first, name=f"S{n}") for n in range(3)]
    second = await platform.workflow(exam, name="After")
    await platform.job(second, name="R", input_task_ids=[scan["id"] for scan in scans])
    await platform.acquisition(await platform.workflow(exam, name="Last"), name="L")
    return exam


async def act(platform, exam, what, expect, body=None, **options):
    url = f"{EXAM}/templates/{exam['id']}/{what}"
    return (await platform.call("POST", url, json=body, expect=expect, **options)).json()


async def release(platform, exam, expect=200, **options):
    return await act(platform, exam, "release", expect, {"comment": "on phantoms"}, **options)


async def tree(platform, exam):
    return (await platform.call("GET", f"{EXAM}/{exam['id']}", expect=200)).json()


async def get(platform, path, **params):
    return (await platform.call("GET", f"{EXAM}/{path}", params=params, expect=200)).json()


async def test_a_new_template_begins_a_protocol(either):
    exam = await protocol(either)
    assert exam["protocol_id"] == exam["id"]
    assert (exam["protocol_version"], exam["released_at"]) == (1, None)
    plain = await either.exam()
    assert (plain["protocol_id"], plain["protocol_version"]) == (None, None)


async def test_a_release_tells_who_when_and_why(either):
    exam = await protocol(either)
    after = await release(either, exam)
    assert (after["released_by"], after["release_comment"]) == ("tester", "on phantoms")
    assert after["released_at"] is not None
    assert after == await tree(either, exam)
    (event,) = await either.events("protocol.released")
    assert event.data["exam_id"] == exam["id"]
    again = await release(either, exam, 409)
    assert "new version" in again["detail"]


async def test_a_release_names_every_reason_against_it(platform):
    exam = await platform.exam(is_template=True)
    assert (await release(platform, exam, 422))["reasons"] == ["There is no workflow."]
    workflow = await platform.workflow(exam, name="Brain")
    await platform.workflow(exam, name="Void")
    await platform.acquisition(workflow, name="Blank", calibration=[])
    await platform.job(workflow, name="Idle", dag_id="")
    reasons = (await release(platform, exam, 422))["reasons"]
    assert len(reasons) == 3
    for name, reason in zip(("Void", "Blank", "Idle"), reasons, strict=True):
        assert name in reason
    assert (await tree(platform, exam))["released_at"] is None


async def test_who_may_release(platform):
    exam = await protocol(platform)
    engineer = platform.headers_of(UserRole.ENGINEER)
    for what in ("release", "retire"):
        await act(platform, exam, what, 403, {}, headers=engineer)
    await release(platform, exam, headers=platform.headers_of(UserRole.SCIENTIST))
    await act(platform, exam, "retire", 200, headers=platform.admin)


async def test_a_release_of_what_was_not_read_is_412(platform):
    exam = await protocol(platform)
    stale = {**platform.medical, "If-Match": '"7"'}
    await release(platform, exam, 412, headers=stale)
    await release(platform, exam, headers={**platform.medical, "If-Match": '"1"'})


async def frozen_calls(whole):
    """Every edit of a template and of what is below it."""
    exam, workflow, last = whole["id"], whole["workflows"][0], whole["workflows"][2]
    task, order = workflow["tasks"][0], [item["id"] for item in workflow["tasks"]]
    new = {"name": "x", "is_template": True}
    acquisition = {**new, "task_type": "ACQUISITION", "workflow_id": workflow["id"]}
    copy = f"template_id={task['id']}&workflow_id={workflow['id']}&new_task_is_template=true"
    whole_copy = f"template_id={workflow['id']}&exam_id={exam}&new_workflow_is_template=true"
    updated = {"status": "UPDATED"}
    return [
        ("PUT", f"/{exam}", {**whole, **updated, "name": "Other"}),
        ("DELETE", f"/{exam}", None),
        ("POST", "/workflow/new", {**new, "exam_id": exam}),
        ("POST", f"/workflow?{whole_copy}", None),
        ("PUT", f"/workflow/{workflow['id']}", {**workflow, **updated}),
        ("PUT", f"/workflow/{last['id']}", {**last, **updated, "exam_id": None}),
        ("DELETE", f"/workflow/{whole['workflows'][1]['id']}", None),
        ("POST", "/task/new", acquisition),
        ("POST", f"/task?{copy}", None),
        ("PUT", f"/task/{task['id']}", {**task, "name": "Other"}),
        ("PUT", "/task/reorder", {"task_ids": order[::-1]}),
        ("DELETE", f"/task/{whole['workflows'][1]['tasks'][0]['id']}", None),
    ]


async def test_a_released_version_is_frozen_with_all_below_it(either):
    exam = await protocol(either)
    await release(either, exam)
    before = await tree(either, exam)
    for method, path, body in await frozen_calls(before):
        answer = await either.call(method, f"{EXAM}{path}", json=body)
        assert answer.status_code == 409, (method, path, answer.text)
        assert "released" in answer.json()["detail"]
    assert await tree(either, exam) == before


async def test_a_draft_takes_every_one_of_these_edits(platform):
    for number in range(12):
        exam = await protocol(platform)
        method, path, body = (await frozen_calls(await tree(platform, exam)))[number]
        answer = await platform.call(method, f"{EXAM}{path}", json=body)
        assert answer.status_code < 300, (method, path, answer.text)


async def test_a_workflow_does_not_leave_what_its_tasks_read(platform):
    exam = await protocol(platform)
    reader = (await tree(platform, exam))["workflows"][1]
    moved = {**reader, "status": "UPDATED", "exam_id": None}
    refused = await platform.call("PUT", f"{EXAM}/workflow/{reader['id']}", json=moved, expect=409)
    assert set(refused.json()["tasks"]) == set(reader["tasks"][0]["input_task_ids"])


async def test_nothing_moves_into_a_released_version(platform):
    exam = await protocol(platform)
    await release(platform, exam)
    workflow = (await tree(platform, exam))["workflows"][0]
    loose = await platform.workflow(is_template=True)
    moved = {**loose, "exam_id": exam["id"], "status": "UPDATED"}
    await platform.call("PUT", f"{EXAM}/workflow/{loose['id']}", json=moved, expect=409)
    task = await platform.acquisition(is_template=True)
    moved = {**task, "workflow_id": workflow["id"]}
    await platform.call("PUT", f"{EXAM}/task/{task['id']}", json=moved, expect=409)


async def test_a_revision_is_the_next_draft_with_the_whole_tree(either):
    exam = await protocol(either, patient_position="FFS")
    assert "draft" in (await act(either, exam, "revise", 409))["detail"]
    await release(either, exam)
    old = await tree(either, exam)
    draft = await act(either, exam, "revise", 201)
    assert draft == await tree(either, draft)
    assert (draft["protocol_id"], draft["protocol_version"]) == (exam["id"], 2)
    assert (draft["released_at"], draft["released_by"]) == (None, None)
    assert draft["patient_position"] == "FFS"
    for before, after in zip(old["workflows"], draft["workflows"], strict=True):
        for was, task in zip(before["tasks"], after["tasks"], strict=True):
            assert (task["template_id"], task["name"]) == (was["id"], was["name"])
    scans = [task["id"] for task in draft["workflows"][0]["tasks"]]
    assert draft["workflows"][1]["tasks"][0]["input_task_ids"] == scans
    second = await act(either, exam, "revise", 409)
    assert second["exam_id"] == draft["id"]
    versions = await get(either, f"templates/{exam['id']}/versions")
    assert [(v["protocol_version"], v["standing"]) for v in versions] == [
        (2, "draft"),
        (1, "released"),
    ]
    page = await get(either, f"templates/{exam['id']}/versions", limit=1, after=draft["id"])
    assert [v["exam_id"] for v in page] == [exam["id"]]


async def test_of_two_revisions_at_once_one_is_made(either):
    exam = await protocol(either)
    await release(either, exam)
    url = f"{EXAM}/templates/{exam['id']}/revise"
    answers = await asyncio.gather(*(either.call("POST", url) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_edit_beside_a_release_is_in_it_or_refused(either):
    for _ in range(5):
        exam = await protocol(either)
        body = {"name": "late", "is_template": True, "exam_id": exam["id"]}
        late = either.call("POST", f"{EXAM}/workflow/new", json=body)
        answer, added = await asyncio.gather(
            either.call("POST", f"{EXAM}/templates/{exam['id']}/release", json={}), late
        )
        # Released without it, or not released because the new workflow is empty.
        assert (answer.status_code, added.status_code) in {(200, 409), (422, 201)}


async def test_a_retired_version_makes_no_exams_and_can_be_read(either):
    exam = await protocol(either)
    assert "delete" in (await act(either, exam, "retire", 409))["detail"]
    await release(either, exam)
    body = {"name": "x", "patient_id": (await either.patient())["id"]}
    url = f"{EXAM}/?template_id={exam['id']}"
    await either.make(url, body)
    retired = await act(either, exam, "retire", 200)
    assert retired == await tree(either, exam)
    assert retired["retired_at"] is not None
    assert "retired" in (await either.call("POST", url, json=body, expect=409)).json()["detail"]
    assert (await act(either, exam, "revise", 201))["protocol_version"] == 2


async def test_parts_of_a_retired_version_are_not_copied_either(either):
    template = await protocol(either)
    await release(either, template)
    patients = await either.exam()
    part = (await tree(either, template))["workflows"][0]
    below = await either.workflow(patients)
    copies = (
        (f"{EXAM}/workflow", "new_workflow_is_template", {"exam_id": patients["id"]}, part["id"]),
        (f"{EXAM}/task", "new_task_is_template", {"workflow_id": below["id"]}, None),
    )
    scan = next(task["id"] for task in part["tasks"] if task["task_type"] == "ACQUISITION")
    for standing, expect in (("released", 201), ("retired", 409)):
        if standing == "retired":
            await act(either, template, "retire", 200)
        for path, flag, into, source in copies:
            params = {**into, "template_id": source or scan, flag: "false"}
            await either.call("POST", path, params=params, expect=expect)


async def test_an_exam_knows_its_template_and_whether_a_better_one_is_there(either):
    exam = await protocol(either)
    body = {"name": "x", "patient_id": (await either.patient())["id"]}

    async def make(template):
        return await either.make(f"{EXAM}/?template_id={template['id']}", body)

    first = await make(exam)
    assert (first["template_id"], first["template_version"]) == (exam["id"], 1)
    assert first["template_note"] is None
    tasks = [task["template_id"] for task in first["workflows"][0]["tasks"]]
    whole = await tree(either, exam)
    assert tasks == [task["id"] for task in whole["workflows"][0]["tasks"]]
    await release(either, exam)
    assert (await make(exam))["template_note"] is None
    draft = await act(either, exam, "revise", 201)
    assert "version 1 is released" in (await make(draft))["template_note"]
    await release(either, draft)
    assert "version 2 is released" in (await make(exam))["template_note"]
    assert (await make(draft))["template_note"] is None


async def test_only_templates_are_versions(platform):
    exam = await platform.exam()
    for what in ("release", "revise", "retire"):
        await act(platform, exam, what, 409, {})
        await act(platform, {"id": UNKNOWN}, what, 404, {})
    for path in (f"templates/{exam['id']}/versions", f"templates/{UNKNOWN}/versions"):
        await platform.call("GET", f"{EXAM}/{path}", expect=404)
    await platform.call("GET", f"{EXAM}/templates/{exam['id']}/export", expect=409)
    await platform.call("GET", f"{EXAM}/templates/{UNKNOWN}/export", expect=404)


async def test_the_library_is_searched_filtered_and_paged(either):
    head = await protocol(either, name="SCHÄDEL", description="Übersicht")
    await release(either, head)
    draft = await act(either, head, "revise", 201)
    knee = await protocol(either, name="knie")
    blank = await either.exam(is_template=True, name="Leer")

    async def names(**params):
        return [item["name"] for item in await get(either, "protocols", **params)]

    assert await names() == ["knie", "Leer", "SCHÄDEL"]
    assert await names(search="schädel") == ["SCHÄDEL"]
    assert await names(search="über sch") == ["SCHÄDEL"]
    assert await names(search="%") == []
    assert await names(released=True) == ["SCHÄDEL"]
    assert await names(released=False) == ["knie", "Leer"]
    found = {item["name"]: item for item in await get(either, "protocols")}
    assert found["SCHÄDEL"]["newest"]["exam_id"] == draft["id"]
    assert found["SCHÄDEL"]["released"]["exam_id"] == head["id"]
    assert found["SCHÄDEL"]["released"]["released_by"] == "tester"
    assert (found["knie"]["tasks"], found["knie"]["released"]) == (5, None)
    assert (found["Leer"]["tasks"], found["Leer"]["protocol_id"]) == (0, blank["id"])
    assert found["knie"]["changed"] > knee["datetime_created"]
    seen, url = [], f"{EXAM}/protocols?limit=1"
    while url:
        answer = await either.call("GET", url, expect=200)
        seen += [item["name"] for item in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert seen == ["knie", "Leer", "SCHÄDEL"]


async def test_a_copied_template_is_a_protocol_of_its_own(platform):
    exam = await protocol(platform)
    made = await platform.make(f"{EXAM}/?template_id={exam['id']}", {**exam, "name": "Mine"})
    assert (made["protocol_id"], made["protocol_version"]) == (made["id"], 1)
    assert made["template_id"] == exam["id"]
    async with reading(platform.app.state.sessions) as session:
        query = sa.select(col(Exam.search_text)).where(col(Exam.id) == UUID(made["id"]))
        assert (await session.scalar(query)).startswith("mine")
