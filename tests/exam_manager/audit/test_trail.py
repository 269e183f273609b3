import csv
import io
import json
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from exam_manager.audit import rules
from exam_manager.audit.models import AuditEntry
from exam_manager.audit.recorder import RECORDED
from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.ids import new_id

EXAM, PATIENT, LOGIN = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"


async def timeline(platform, url, **params):
    answer = await platform.call("GET", f"{url}/timeline", params=params, expect=200)
    return answer.json()


async def count(platform):
    async with reading(platform.app.state.sessions) as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(AuditEntry))


async def test_a_timeline_has_all_below_the_exam_and_outlives_it(either):
    exam = await either.exam()
    task = await either.acquisition(await either.workflow(exam))
    await either.claim(task)
    url = f"{EXAM}/task/{task['id']}/release"
    claim = (await either.call("GET", f"{EXAM}/{exam['id']}/timeline")).json()
    started = next(entry for entry in claim if entry["action"] == "exam.task.started")
    body = {"claim_id": started["changes"]["claim_id"][1], "status": "CANCELED", "reason": "x"}
    await either.call("POST", url, json=body, expect=200, headers=either.service)
    await either.call("DELETE", f"{EXAM}/{exam['id']}", expect=204)
    await either.call("DELETE", f"{PATIENT}/{exam['patient_id']}", expect=204)
    found = await timeline(either, f"{EXAM}/{exam['id']}", order="oldest")
    actions = [entry["action"] for entry in found]
    assert actions[:4] == ["exam.created", "workflow.created", "task.created", "exam.task.started"]
    assert set(actions[-3:]) == {"exam.deleted", "workflow.deleted", "task.deleted"}
    assert [entry["id"] for entry in found] == sorted(entry["id"] for entry in found)
    newest = await timeline(either, f"{EXAM}/{exam['id']}")
    assert newest == found[::-1]
    of_patient = await timeline(either, f"{PATIENT}/{exam['patient_id']}", order="oldest")
    assert [of_patient[0]["action"], of_patient[-1]["action"]] == [
        "patient.created",
        "patient.deleted",
    ]
    assert of_patient[1:-1] == found


async def test_a_timeline_of_what_never_was_is_not_found(platform):
    for url in (f"{EXAM}/{new_id()}", f"{PATIENT}/{new_id()}"):
        await platform.call("GET", f"{url}/timeline", expect=404)


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_timeline_comes_in_pages(platform, order):
    exam = await platform.exam()
    for number in range(5):
        await platform.workflow(exam, name=f"W{number}")
    whole = await timeline(platform, f"{EXAM}/{exam['id']}", order=order)
    assert len(whole) == 6
    paged, url = [], f"{EXAM}/{exam['id']}/timeline?limit=4&order={order}"
    while url is not None:
        answer = await platform.call("GET", url, expect=200)
        paged += answer.json()
        link = answer.links.get("next")
        url = link["url"] if link else None
    assert paged == whole


async def test_an_exam_that_is_given_to_another_patient_is_told_to_both(either):
    exam, other = await either.exam(), await either.patient()
    body = {"name": "Head", "patient_id": other["id"], "status": "UPDATED"}
    await either.call("PUT", f"{EXAM}/{exam['id']}", json=body, expect=200)
    moved = {"patient_id": [exam["patient_id"], other["id"]]}
    for patient in (exam["patient_id"], other["id"]):
        entry = (await timeline(either, f"{PATIENT}/{patient}"))[0]
        assert {name: entry["changes"][name] for name in moved} == moved
    entries = await timeline(either, f"{EXAM}/{exam['id']}")
    assert [entry["action"] for entry in entries] == ["exam.updated", "exam.created"]


async def test_a_request_that_is_refused_leaves_no_entry(either):
    exam = await either.exam()
    task = await either.acquisition(await either.workflow(exam))
    before = await count(either)
    for method, url, body in (
        ("PUT", f"{EXAM}/task/{task['id']}", {**task, "name": "T", "task_type": "DAG"}),
        ("DELETE", f"{PATIENT}/{exam['patient_id']}", None),
        ("POST", f"{EXAM}/task/new", {"task_type": "ACQUISITION", "name": "x", "is_template": True,
                                      "workflow_id": exam["id"], "destination": ""}),
    ):  # fmt: skip
        assert (await either.call(method, url, json=body)).is_client_error
    assert await count(either) == before


async def test_what_a_savepoint_took_back_is_not_told(either):
    sessions = either.app.state.sessions
    exam = await either.exam()
    async with transaction(sessions) as session:
        row = await session.scalar(sa.select(Exam))
        savepoint = await session.begin_nested()
        row.comment = "taken back"
        await session.flush()
        await savepoint.rollback()
        await session.refresh(row)
        row.indication = "kept"
    entry = (await timeline(either, f"{EXAM}/{exam['id']}"))[0]
    assert (entry["action"], entry["changes"]) == ("exam.updated", {"indication": [None, "kept"]})
    assert entry["actor"] == "service:exam-manager"


async def test_a_statement_that_the_trail_would_miss_is_refused(platform):
    patient = await platform.patient()
    sessions = platform.app.state.sessions
    for statement in (
        sa.update(Patient).values(weight=1.0),
        sa.update(Patient.__table__).values({"weight": 1.0}),
        sa.delete(Patient),
        sa.insert(Patient).values(id=new_id()),
    ):
        with pytest.raises(TypeError, match="audit trail"):
            async with transaction(sessions) as session:
                await session.execute(statement)
    async with transaction(sessions) as session:
        await session.execute(sa.update(Patient).values(search_text="x"))
    url = f"{PATIENT}/{patient['id']}"
    assert (await platform.call("GET", url)).json()["weight"] == patient["weight"]


async def test_the_trail_is_filtered_and_only_an_admin_reads_it(platform):
    await platform.call("GET", f"{LOGIN}/audit", expect=403)
    await platform.call("GET", f"{LOGIN}/audit.csv", expect=403)
    patient = await platform.patient()
    await platform.exam(patient_id=patient["id"])

    async def ask(**params):
        answer = await platform.call(
            "GET", f"{LOGIN}/audit", params=params, headers=platform.admin, expect=200
        )
        return [entry["action"] for entry in answer.json()]

    assert await ask() == ["exam.created", "patient.created"]
    assert await ask(subject=patient["id"]) == ["patient.created"]
    assert await ask(action="exam.created", actor="user:tester") == ["exam.created"]
    assert await ask(actor="user:other") == []
    now = datetime.fromisoformat(patient["datetime_created"])
    hour = timedelta(hours=1)
    assert await ask(**{"from": (now + hour).isoformat()}) == []
    assert await ask(to=(now - hour).isoformat()) == []
    assert len(await ask(**{"from": (now - hour).isoformat(), "to": (now + hour).isoformat()})) == 2


async def test_the_export_is_whole_and_no_cell_of_it_is_a_formula(platform):
    evil = '=HYPERLINK("http://x","y")'
    name = await platform.patient(comment=evil)
    answer = await platform.call(
        "GET", f"{LOGIN}/audit.csv", headers=platform.admin, expect=200,
        params={"order": "oldest"},
    )  # fmt: skip
    assert answer.headers["content-type"].startswith("text/csv")
    header, row, own = csv.reader(io.StringIO(answer.text))
    entry = dict(zip(header, row, strict=True))
    assert (entry["subject_id"], entry["action"]) == (name["id"], "patient.created")
    assert "audit.exported" in own  # the export is told before it begins
    assert evil in entry["changes"].replace('\\"', '"')
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


async def test_the_export_for_programs_has_one_entry_a_line_and_is_recorded(platform):
    evil = "=1+1"
    patient = await platform.patient(comment=evil)
    answer = await platform.call(
        "GET", f"{LOGIN}/audit.jsonl", headers=platform.admin, expect=200,
        params={"order": "oldest"},
    )  # fmt: skip
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    made, own = map(json.loads, answer.text.splitlines())
    assert (made["subject_id"], made["changes"]["comment"]) == (patient["id"], [None, evil])
    assert own["action"] == "audit.exported"
    await platform.call("GET", f"{LOGIN}/audit.jsonl", expect=403)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'"])
def test_a_cell_that_begins_like_a_formula_is_text(start):
    assert rules.csv_line([f'{start}1+"2"']) == f'"\'{start}1+""2"""\r\n'


def test_a_long_value_is_told_by_its_size_its_hash_and_its_beginning():
    text = "long " * 1000
    told = rules.plain(text)
    assert (told["characters"], len(told["sha256"]), told["begin"]) == (5000, 64, text[:200])
    assert rules.plain(["a.dcm"] * 5000)["items"] == 5000
    assert rules.plain({"a": 1}) == {"a": 1}


def test_no_secret_and_no_counter_is_recorded():
    for model, kind in RECORDED.items():
        recorded = [name for name in model.model_fields if rules.is_recorded(kind, name)]
        assert not {"password_hash", "version", "search_text", "revision", "id"} & set(recorded)
        assert len(recorded) > 3
        unknown = rules.UNRECORDED[kind] - set(model.model_fields)
        assert unknown <= rules.UNRECORDED["workflow"]
    assert not rules.is_recorded("user", "reset_token")


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
async def test_no_clock_runs_at_the_ends_of_the_calendar(platform, name, moment):
    for path in ("/api/v1/userlogin/audit", "/api/v1/userlogin/audit.csv"):
        options = {"params": {name: moment}, "headers": platform.admin}
        answer = await platform.call("GET", path, expect=422, **options)
        assert answer.json()["errors"][0]["pointer"].endswith(f"/query/{name}")
        options["params"] = {name: "1970-01-01T00:00:00+14:00"}
        await platform.call("GET", path, expect=200, **options)
