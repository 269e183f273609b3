"""Lists of exams, workflows and tasks: filters, pages, and the worklist of a day."""

from datetime import UTC, datetime

import pytest

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"
NOW = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)


@pytest.fixture
async def clinic(start, migrated_url):
    """The application on both databases, late in the evening of the 10th of March (UTC)."""
    async with start(migrated_url, migrate=False, clock=lambda: NOW) as running:
        yield running


async def listed(platform, path, expect=200, **params):
    return await platform.call("GET", f"{EXAM}/{path}", params=params, expect=expect)


def link_of(answer):
    link = answer.headers.get("Link")
    if link is None:
        return None
    assert link.endswith('>; rel="next"')
    return link[1 : link.index(">")]


async def pages_of(platform, path, **params):
    """All items of a list, page by page as the Link header says."""
    found, url, most = [], f"{EXAM}/{path}", params.get("limit", 1000)
    while url:
        answer = await platform.call("GET", url, params=params, expect=200)
        assert len(answer.json()) <= most
        found += answer.json()
        url, params = link_of(answer), None
    return found


def names(items):
    return [item.get("exam", item)["name"] for item in items]


async def planned(platform, **days):
    patient = (await platform.patient(last_name="Hopper", patient_id="H-77"))["id"]
    return {
        name: await platform.exam(name=name, patient_id=patient, scheduled_on=day)
        for name, day in days.items()
    }


DAYS = {
    "past": "2026-03-01",
    "today": "2026-03-10",
    "unplanned": None,  # made today
    "tomorrow": "2026-03-11",
    "later": "2026-04-01",
}


async def test_the_worklist_begins_with_today(clinic):
    await planned(clinic, **DAYS)
    await clinic.exam(is_template=True, name="Template")
    whole = names((await listed(clinic, "worklist")).json())
    assert whole == ["unplanned", "today", "past", "tomorrow", "later"]
    for limit in (1, 2, 3, 5):
        assert names(await pages_of(clinic, "worklist", limit=limit)) == whole


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"date": "today"}, ["unplanned", "today"]),
        ({"date": "2026-03-11"}, ["tomorrow"]),
        ({"since": "2026-03-11"}, ["tomorrow", "later"]),
        ({"until": "2026-03-09"}, ["past"]),
        ({"since": "2026-03-02", "until": "2026-03-11"}, ["unplanned", "today", "tomorrow"]),
        ({"status": "NEW", "date": "2026-03-01"}, ["past"]),
        ({"status": "FINISHED"}, []),
        ({"status": ["FINISHED", "NEW"], "date": "2026-03-01"}, ["past"]),
        ({"search": "1985-12-10 past"}, ["past"]),
        ({"search": "1985 past"}, ["past"]),
        ({"search": "1985-12 past"}, ["past"]),
        ({"search": "1985-12-11"}, []),
        ({"search": "1985-13"}, []),
        ({"search": "hopp TOM"}, ["tomorrow"]),
        ({"search": "h-7 later"}, ["later"]),
        ({"search": "nobody"}, []),
    ],
)
async def test_the_worklist_is_filtered(clinic, params, expected):
    await planned(clinic, **DAYS)
    assert names((await listed(clinic, "worklist", **params)).json()) == expected
    patients = [item["patient"] for item in (await listed(clinic, "worklist", **params)).json()]
    assert all(patient["patient_id"] == "H-77" for patient in patients)


async def test_the_worklist_tells_the_devices_of_an_exam_and_is_filtered_by_one(clinic):
    exams = await planned(clinic, today="2026-03-10", past="2026-03-01")
    workflow = await clinic.workflow(exams["past"])
    scanner, other = str(new_id()), str(new_id())
    for _ in range(2):
        await clinic.acquisition(workflow, device_id=scanner)
    await clinic.acquisition(workflow, device_id=None)
    [found] = (await listed(clinic, "worklist", device_id=scanner)).json()
    assert found["exam"]["name"] == "past"
    assert found["exam"]["device_ids"] == [scanner]
    assert (found["exam"]["tasks_total"], found["exam"]["tasks_failed"]) == (3, 0)
    assert (await listed(clinic, "worklist", device_id=other)).json() == []


async def test_exams_are_listed_without_their_trees(clinic):
    exams = await planned(clinic, **DAYS)
    stranger = await clinic.exam(name="Stranger's", accession_number="ACC-9")
    await clinic.acquisition(await clinic.workflow(exams["today"]))
    found = await pages_of(clinic, "list", limit=2)
    by_day = ["later", "tomorrow", "Stranger's", "unplanned", "today", "past"]
    assert names(found) == by_day
    assert "workflows" not in found[0]
    assert found[4]["tasks_total"] == 1
    assert (found[5]["scheduled_on"], found[3]["scheduled_on"]) == ("2026-03-01", None)
    mine = await listed(clinic, "list", patient_id=exams["past"]["patient_id"])
    assert "Stranger's" not in names(mine.json())
    assert names((await listed(clinic, "list", search="acc-")).json()) == ["Stranger's"]
    await clinic.call("DELETE", f"{EXAM}/{stranger['id']}", expect=204)
    gone = await listed(clinic, "list", 400, after=stranger["id"], limit=2)
    assert gone.json()["field"] == "after"
    await listed(clinic, "worklist", 400, after=stranger["id"])


async def test_an_edit_moves_the_day_and_who_does_not_know_of_days_keeps_it(clinic):
    exam = (await planned(clinic, past="2026-03-01"))["past"]
    url = f"{EXAM}/{exam['id']}"
    moved = {**exam, "scheduled_on": "2026-05-05", "status": "UPDATED", "name": "Knee"}
    await clinic.call("PUT", url, json=moved, expect=200)
    assert names((await listed(clinic, "list", search="knee", since="2026-05-05")).json()) == [
        "Knee"
    ]
    old_client = {name: value for name, value in moved.items() if name != "scheduled_on"}
    after = await clinic.call("PUT", url, json=old_client, expect=200)
    assert after.json()["scheduled_on"] == "2026-05-05"
    after = await clinic.call("PUT", url, json={**moved, "scheduled_on": None}, expect=200)
    assert names((await listed(clinic, "worklist", date="today")).json()) == ["Knee"]


async def test_exams_of_a_patient_are_filtered_and_paged(clinic):
    exams = await planned(clinic, **DAYS)
    path = f"all/{exams['past']['patient_id']}"
    whole = (await listed(clinic, path)).json()
    assert len(whole) == 5
    assert await pages_of(clinic, path, limit=2) == whole
    assert names((await listed(clinic, path, until="2026-03-09")).json()) == ["past"]
    assert (await listed(clinic, path, status="ERROR")).json() == []
    await listed(clinic, "all/no-uuid", 422)


async def test_templates_are_searched_and_paged(clinic):
    for name in ("Head", "Knee", "Knee left"):
        template = await clinic.exam(is_template=True, name=name, description="Übersicht")
        await clinic.workflow(template, name=name)
        await clinic.acquisition(is_template=True, name=name)
    assert len(await pages_of(clinic, "templates/all", limit=1)) == 3
    found = (await listed(clinic, "templates/all", search="KNEE über")).json()
    assert names(found) == ["Knee left", "Knee"] or set(names(found)) == {"Knee left", "Knee"}
    for level in ("workflow", "task"):
        whole = (await listed(clinic, f"{level}/templates/all")).json()
        paged = await pages_of(clinic, f"{level}/templates/all", limit=2)
        assert sorted(map(str, paged)) == sorted(map(str, whole))
        assert len(whole) == 3


async def test_workflows_and_tasks_are_paged_in_their_order(clinic):
    exam = await clinic.exam()
    workflows = [await clinic.workflow(exam, name=f"W{number}") for number in range(3)]
    tasks = [await clinic.acquisition(workflows[0], name=f"T{number}") for number in range(4)]
    body = {"task_ids": [task["id"] for task in tasks][::-1]}
    await clinic.call("PUT", f"{EXAM}/task/reorder", json=body, expect=204)
    for path, expected in (
        (f"workflow/all/{exam['id']}", ["W0", "W1", "W2"]),
        (f"task/all/{workflows[0]['id']}", ["T3", "T2", "T1", "T0"]),
    ):
        whole = (await listed(clinic, path)).json()
        assert names(whole) == expected
        assert await pages_of(clinic, path, limit=2) == whole
        await listed(clinic, path, 400, after=str(new_id()))
    for path in ("workflow/all/no-uuid", "task/all/no-uuid"):
        await listed(clinic, path, 400)
    for query in ({"limit": 0}, {"limit": 1001}, {"after": "x"}):
        await listed(clinic, f"task/all/{workflows[0]['id']}", 422, **query)
