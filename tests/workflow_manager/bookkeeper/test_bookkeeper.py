"""mercure's programs report here and ask here, as they do with mercure's bookkeeper."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from bookkeeping import BOOK, KEY, SERIES, Mercure, program_of, task_json
from workflow_service import WORKFLOW

from scanhub_libraries.database import create_engine, create_sessions, reading, transaction
from workflow_manager.bookkeeper import forms, repository
from workflow_manager.bookkeeper import service as bookkeeper
from workflow_manager.bookkeeper.models import MercureTask
from workflow_manager.bookkeeper.rules import (
    NOT_KEPT,
    in_utc,
    status_of_test,
    text_of,
    without_secrets,
)


@pytest.fixture
async def book(serving):
    async with serving(bookkeeper_key=KEY) as service, program_of(service) as client:
        mercure = Mercure(client)
        mercure.service = service
        yield mercure


async def test_without_a_key_it_is_off_and_says_so(service):
    async with program_of(service) as client:
        for answer in (
            await client.get(f"{BOOK}/test"),
            await client.post(f"{BOOK}/mercure-event", data={"event": "BOOT"}),
            await client.get(f"{BOOK}/query/series"),
        ):
            assert answer.status_code == 501
            assert "SCANHUB_WORKFLOW_BOOKKEEPER_KEY" in answer.json()["detail"]


async def test_only_who_shows_the_key_reports_and_a_login_reads(book, headers_of):
    assert (await book.client.get(f"{BOOK}/test")).json() == {"ok": ""}
    user = headers_of()
    for headers, report, read in (
        ({}, 401, 401),
        ({"Authorization": "Token something-else"}, 401, 401),
        ({"Authorization": "Basic eDp5"}, 401, 401),
        (user, 403, 200),
    ):
        async with program_of(book.service, headers) as client:
            answer = await client.post(f"{BOOK}/mercure-event", data={"event": "BOOT"})
            assert answer.status_code == report
            if headers is not user and headers:
                assert answer.json()["error"] == answer.json()["detail"]
            assert (await client.get(f"{BOOK}/query/series")).status_code == read
    assert KEY not in (await book.client.get(f"{WORKFLOW}/journal")).text
    assert (await book.client.get(f"{WORKFLOW}/journal")).status_code == 401


async def test_events_are_kept_and_the_journal_tells_of_them_without_their_text(book):
    await book.report(
        "mercure-event",
        data={"sender": "router.main", "event": "PROCESSING", "severity": 2, "description": "Ada"},
    )
    await book.report(
        "webgui-event",
        data={"sender": "webgui", "event": "RULE_EDIT", "user": "eve", "description": "head"},
    )
    await book.report(
        "task-event",
        data={
            "sender": "dispatcher.main",
            "event": "DISPATCH_COMPLETE",
            "task_id": "t1",
            "file_count": 3,
            "target": "archive",
            "info": "Ada Lovelace",
            "timestamp": "12.5",
            "time": "2026-01-02T03:04:05.678",
        },
    )
    journal = await book.service.get("/journal")
    assert [e["type"] for e in journal] == ["mercure.reported"] * 3
    assert journal[0]["data"] == {"name": "PROCESSING", "sender": "router.main", "severity": 2}
    assert journal[1]["data"] == {"name": "RULE_EDIT", "sender": "webgui", "user": "eve"}
    assert journal[2]["subject"] == "t1"
    assert journal[2]["data"]["name"] == "DISPATCH_COMPLETE"
    assert "Ada" not in json.dumps(journal)
    (event,) = await book.ask("task-events", task_id="t1")
    assert (event["info"], event["file_count"]) == ("Ada Lovelace", 3)
    assert event["client_timestamp"] == 12.5
    assert event["local_time"] == "2026-01-02 03:04:05"


async def test_series_and_files_are_kept_once(book):
    for name in ("T2", "something else"):
        await book.report(
            "register-series",
            data={
                "SeriesInstanceUID": SERIES,
                "StudyInstanceUID": "1.2",
                "SeriesDescription": name,
                "Modality": "MR",
                "SenderAET": "not kept",
            },
        )
    (series,) = await book.ask("series")
    assert (series["tag_seriesdescription"], series["modality"]) == ("T2", "MR")
    assert await book.ask("series", series_uid="9.9") == []
    for number in range(5):
        await book.report(
            "register-dicom",
            data={"filename": f"{number}.dcm", "file_uid": f"1.{number}", "series_uid": SERIES},
        )
    first = await book.ask("dicom-files", series_uid=SERIES, limit=3)
    rest = await book.ask("dicom-files", series_uid=SERIES, limit=3, after=first[-1]["id"])
    assert [f["filename"] for f in first + rest] == [f"{n}.dcm" for n in range(5)]


async def test_a_task_is_known_by_whatever_was_told_of_it_first(book):
    await book.report("update-task", json=task_json("child", acc="A1", mrn="P1"))
    await book.report("register-task", json={"id": "child", "series_uid": "", "parent_id": "top"})
    await book.report("task-event", data={"task_id": "child", "event": "PROCESS_BEGIN"})
    await book.report("register-task", json={"id": "top", "series_uid": SERIES})
    await book.report("update-task", json={"id": "top", "tags": {"PatientName": "Ada"}})
    await book.report("task-event", data={"task_id": "top", "event": "REGISTER"})
    assert [task["id"] for task in await book.ask("tasks")] == ["top"]
    events = await book.ask("task-events", task_id="top")
    assert [(e["task_id"], e["event"]) for e in events] == [
        ("child", "PROCESS_BEGIN"),
        ("top", "REGISTER"),
    ]
    info = await book.ask("get_task_info", task_id="top")
    assert info["sample_tags_received"] == {"PatientName": "Ada"}
    assert info["task child"]["info"]["acc"] == "A1"
    assert "secret" not in json.dumps(info)
    assert info["task child"]["process"][0]["module_config"]["environment"] == NOT_KEPT


async def test_logs_and_outputs_are_those_of_the_family(book):
    await book.report("register-task", json={"id": "child", "parent_id": "top"})
    await book.report(
        "processor-logs",
        data={"sender": "p", "task_id": "child", "module_name": "denoise", "logs": "24 images\n"},
    )
    await book.report(
        "store-processor-output",
        json={
            "task_id": "child",
            "task_acc": "A1",
            "task_mrn": "P1",
            "module": "denoise",
            "index": 1,
            "settings": {"environment": "secret", "strength": 2},
            "output": {"snr": 12},
        },
    )
    (log,) = await book.ask("task_process_logs", task_id="top")
    assert log["logs"] == "24 images\n"
    (output,) = await book.ask("task_process_results", task_id="top")
    assert (output["index"], output["output"]) == (1, {"snr": 12})
    assert output["settings"] == {"environment": NOT_KEPT, "strength": 2}


async def test_a_self_test_begins_and_ends(book):
    begin = {"id": "t", "type": "route", "rule_type": "series", "task_id": ""}
    await book.report("test-begin", json=begin)
    assert (await book.ask("tests"))[0]["status"] == "begin"
    await book.report("test-end", json={"id": "t", "status": "success"})
    (test,) = await book.ask("tests")
    assert (test["status"], test["type"]) == ("success", "route")
    assert test["time_end"] is not None
    await book.report("test-begin", json=begin)
    assert (await book.ask("tests"))[0]["time_end"] is None


async def test_the_archive_is_searched_ordered_and_paged(book):
    for number, (acc, mrn, name) in enumerate(
        (("A100", "P1", "LOVELACE^ADA"), ("A200", "P2", "HOPPER"), ("%", "P3", "NOETHER"))
    ):
        document = task_json(f"t{number}", acc=acc, mrn=mrn, patient_name=name)
        document["info"]["uid_type"] = "study" if number == 1 else "series"
        await book.report("update-task", json=document)

    async def found(**asked):
        page = await book.ask("find_task", **asked)
        assert page["recordsTotal"] == 3
        return [row["ACC"] for row in page["data"]], page["recordsFiltered"]

    assert await found(**{"search[value]": "a1"}) == (["A100"], 1)
    assert await found(**{"search[value]": "00"}) == ([], 0)
    assert await found(**{"search[value]": "lace"}) == (["A100"], 1)
    assert await found(**{"search[value]": "%"}) == (["%"], 1)
    assert (await found(**{"search[value]": "hea"}))[1] == 3
    assert await found(study_filter="true") == (["A200"], 1)
    by_mrn = {"order[0][column]": 1, "order[0][dir]": "asc"}
    assert await found(**by_mrn, length=2) == (["A100", "A200"], 3)
    assert await found(**by_mrn, start=2, length=2) == (["%"], 3)
    page = await book.ask("find_task", draw=7)
    assert page["draw"] == 7
    assert {row["Scope"] for row in page["data"]} == {"STUDY", "SERIES"}


async def test_tasks_are_paged_newest_first(book):
    for number in range(5):
        await book.report("register-task", json={"id": f"t{number}"})
    first = await book.ask("tasks", limit=3)
    rest = await book.ask("tasks", limit=3, before=first[-1]["id"])
    assert [task["id"] for task in first + rest] == ["t4", "t3", "t2", "t1", "t0"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("mercure-event", {"data": {"event": "BOOT", "severity": "high"}}, "severity"),
        ("mercure-event", {"data": {"event": "BOOT", "severity": 9}}, "severity"),
        ("mercure-event", {"data": {"event": "a b"}}, "event"),
        ("register-dicom", {"data": {"file_uid": "1"}}, "series_uid"),
        ("register-dicom", {"data": {"file_uid": "1" * 65, "series_uid": "1"}}, "file_uid"),
        ("register-series", {"data": {"Modality": "MR"}}, "SeriesInstanceUID"),
        ("task-event", {"data": {"event": "COPY"}}, "task_id"),
        ("task-event", {"data": {"task_id": "1", "time": "soon"}}, "time"),
        ("task-event", {"data": {"task_id": "1", "file_count": "-1"}}, "file_count"),
        ("processor-logs", {"data": {"task_id": "1", "logs": "a\x00b"}}, "logs"),
        ("register-task", {"json": {"series_uid": "1"}}, "id"),
        ("register-task", {"json": []}, "body"),
        ("update-task", {"json": {"id": "1", "x": "\x00"}}, "body"),
        ("update-task", {"json": {"tags": {}}}, "id"),
        ("store-processor-output", {"json": {"task_id": "1", "output": ["\x00"]}}, "output"),
        ("store-processor-output", {"json": {"task_id": "1", "index": -1}}, "index"),
        ("test-end", {"json": {"status": "x"}}, "id"),
    ],
)
async def test_wrong_input_is_refused_by_the_name_of_its_field(book, path, body, field):
    answer = await book.report(path, status=422, **body)
    assert field in answer["error"]
    assert answer["error"] == answer["detail"]


async def test_a_body_without_end_is_refused(book):
    large = "x" * (forms.LARGEST_BODY + 1)
    await book.report("processor-logs", status=413, data={"task_id": "1", "logs": large})


@pytest.fixture
async def sessions(copied_postgresql):
    engine = create_engine(copied_postgresql("workflow_manager"))
    yield create_sessions(engine)
    await engine.dispose()


async def test_two_reports_of_one_task_at_the_same_moment_are_one_task(sessions):
    async def report(number):
        async with transaction(sessions) as session:
            wanted = forms.RegisterTaskIn(id="t", parent_id=f"p{number}")
            await bookkeeper.add_task(session, wanted)
            document = task_json("t", acc=f"A{number}")
            await bookkeeper.update_task(session, forms.UpdateTaskIn(**document))

    await asyncio.gather(*(report(number) for number in range(8)))
    async with reading(sessions) as session:
        task = await session.get_one(MercureTask, "t")
        assert task.parent_id == task.accession_number.replace("A", "p")
        rows, total, meant = await repository.search_tasks(
            session, text="a", study_only=False, order=0, descending=True, start=0, length=5
        )
        assert (list(rows), total, meant) == ([], 0, 0)  # it has a parent
        assert await repository.list_tasks(session, before=None, limit=5) == []


NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def test_a_self_test_without_an_end_has_failed_after_ten_minutes():
    assert status_of_test("begin", NOW - timedelta(minutes=9), None, NOW) == "begin"
    assert status_of_test("begin", NOW - timedelta(minutes=11), None, NOW) == "failed"
    assert status_of_test("success", NOW - timedelta(minutes=11), NOW, NOW) == "success"


def test_a_time_without_a_zone_is_utc():
    assert in_utc(datetime(2026, 1, 2, 12, 0), NOW) == NOW  # noqa: DTZ001 - as mercure sends it
    assert in_utc(NOW.astimezone(), NOW) == NOW
    assert in_utc(None, NOW) == NOW


def test_what_mercure_calls_missing_is_empty_and_rules_are_their_names():
    assert text_of({"acc": "MISSING"}, "acc", 9) == ""
    assert text_of({"rules": {"a": True, "b": True}}, "rules", 99) == "a, b"
    assert text_of({}, "acc", 9) == ""


def test_no_environment_of_a_module_is_kept_however_deep():
    document = {"a": [{"module_config": {"environment": "x", "docker_tag": "y"}}]}
    expected = {"a": [{"module_config": {"environment": NOT_KEPT, "docker_tag": "y"}}]}
    assert without_secrets(document) == expected
