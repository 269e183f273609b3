"""Each endpoint of mercure's bookkeeper: method, path, body, header, answer, and who is refused."""

import httpx
import pytest
from workflow_service import WORKFLOW

BOOK = f"{WORKFLOW}/bookkeeper"
KEY = "a-key-of-the-installation"
TOKEN = {"Authorization": f"Token {KEY}"}
SERIES, STUDY, TASK = "1.2.3.4", "1.2.3", "2f9d6a0e-9c0c-11ef-8f3e-0242ac120002"
# fmt: off
COLUMNS = [
    "PatientName", "PatientID", "AccessionNumber", "SeriesNumber", "StudyID",
    "PatientBirthDate", "PatientSex", "AcquisitionDate", "AcquisitionTime", "Modality",
    "BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName", "CodeValue",
    "CodeMeaning", "SequenceName", "ScanningSequence", "SequenceVariant", "SliceThickness",
    "ContrastBolusAgent", "ReferringPhysicianName", "Manufacturer", "ManufacturerModelName",
    "MagneticFieldStrength", "DeviceSerialNumber", "SoftwareVersions", "StationName",
]
# fmt: on
FORM, JSON = "data", "json"
TASK_JSON = {
    "id": TASK,
    "info": {
        "action": "route",
        "uid": SERIES,
        "uid_type": "series",
        "triggered_rules": {"head": True},
        "applied_rule": "",
        "patient_name": "LOVELACE^ADA",
        "mrn": "P1",
        "acc": "A100",
        "sender_address": "MISSING",
        "fail_stage": None,
    },
    "dispatch": {"target_name": ["archive"], "status": {"archive": {"state": "waiting"}}},
    "process": [{"module_name": "denoise", "module_config": {"docker_tag": "x:1"}}],
    "study": {},
    "nomad_info": None,
}
REPORTS = {
    "mercure-event": (
        FORM,
        {"sender": "router.main", "event": "BOOT", "severity": 0, "description": "up"},
    ),
    "webgui-event": (
        FORM,
        {"sender": "webgui.main", "event": "LOGIN", "user": "ada", "description": ""},
    ),
    "register-dicom": (
        FORM,
        {"filename": f"{SERIES}#1.dcm", "file_uid": "1.2.3.4.5", "series_uid": SERIES},
    ),
    "register-series": (
        FORM,
        {
            "SeriesInstanceUID": SERIES,
            "StudyInstanceUID": STUDY,
            **{name: f"<{name}>" for name in COLUMNS},
            "SenderAET": "SCANNER",
            "SoftwareVersionsOfSomethingElse": "not kept",
        },
    ),
    "register-task": (JSON, {"id": TASK, "series_uid": SERIES, "parent_id": None}),
    "update-task": (JSON, TASK_JSON),
    "task-event": (
        FORM,
        {
            "sender": "dispatcher.main",
            "event": "DISPATCH_COMPLETE",
            "task_id": TASK,
            "file_count": 24,
            "target": "archive",
            "info": "",
            "timestamp": 81234.5,
            "time": "2026-01-02 03:04:05.678901",  # str() of a datetime, as mercure sends it
        },
    ),
    "processor-logs": (
        FORM,
        {
            "sender": "processor.main",
            "task_id": TASK,
            "module_name": "denoise",
            "time": "2026-01-02 03:04:05.678901",
            "logs": "2026-01-02T03:04:05 24 images\n",
        },
    ),
    "store-processor-output": (
        JSON,
        {
            "task_id": TASK,
            "task_acc": "A100",
            "task_mrn": "P1",
            "module": "denoise",
            "index": 0,
            "settings": {"strength": 2},
            "output": {"snr": 12},
        },
    ),
    "test-begin": (JSON, {"id": "t1", "type": "route", "rule_type": "series", "task_id": TASK}),
    "test-end": (JSON, {"id": "t1", "status": "success"}),
}
ARCHIVE = {
    "draw": "3",
    "start": "0",
    "length": "10",
    "search[value]": "A1",
    "order[0][column]": "3",
    "order[0][dir]": "desc",
    "study_filter": "false",
    "columns[0][data]": "ACC",  # DataTables sends more than is looked at
}
QUESTIONS = {
    "series": ({}, {"id", "time", "series_uid", "description", "modality"}),
    "tasks": ({}, {"id", "time", "series_uid"}),
    "tests": ({}, {"id", "type", "rule_type", "time_begin", "time_end", "status", "task_id"}),
    "task-events": (
        {"task_id": TASK},
        {"id", "task_id", "time", "sender", "event", "file_count", "target", "info", "local_time"}
        | {"client_timestamp"},
    ),
    "dicom-files": ({"series_uid": SERIES}, {"id", "time", "filename", "file_uid", "series_uid"}),
    "task_process_logs": ({"task_id": TASK}, {"id", "task_id", "module_name", "logs", "time"}),
    "task_process_results": (
        {"task_id": TASK},
        {"id", "time", "task_id", "task_acc", "task_mrn", "module", "index", "settings", "output"},
    ),
    "find_task": (ARCHIVE, {"draw", "recordsTotal", "recordsFiltered", "data"}),
    "get_task_info": ({"task_id": TASK}, {"information", f"task {TASK}"}),
}
EVENTS = {
    "mercure-event": "UNKNOWN BOOT SHUTDOWN SHUTDOWN_REQUEST CONFIG_UPDATE PROCESSING",
    "webgui-event": """UNKNOWN LOGIN LOGIN_FAIL LOGOUT USER_CREATE USER_DELETE USER_EDIT RULE_CREATE
        RULE_DELETE RULE_EDIT TARGET_CREATE TARGET_DELETE TARGET_EDIT SERVICE_CONTROL
        CONFIG_EDIT""",
    "task-event": """UNKNOWN REGISTER PROCESS_BEGIN PROCESS_COMPLETE DISCARD DISPATCH_BEGIN
        DISPATCH_COMPLETE CLEAN ERROR SUSPEND COMPLETE ASSIGN NOTIFICATION DELEGATE MOVE COPY REMOVE
        PROCESS_MODULE_BEGIN PROCESS_MODULE_COMPLETE PROCESS_RESTART""",
}


@pytest.fixture
async def book(serving):
    """A service that takes reports, and a program without any header."""
    async with serving(bookkeeper_key=KEY) as service:
        transport = service.user._transport
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def test_every_report_is_taken_and_every_question_has_mercures_members(book):
    for path, (kind, body) in REPORTS.items():
        answer = await book.post(f"{BOOK}/{path}", headers=TOKEN, **{kind: body})
        assert (answer.status_code, answer.json()) == (200, {"ok": ""}), path
    for path, (params, members) in QUESTIONS.items():
        answer = await book.get(f"{BOOK}/query/{path}", headers=TOKEN, params=params)
        assert answer.status_code == 200, (path, answer.text)
        found = answer.json()
        row = found[0] if isinstance(found, list) else found
        assert members <= set(row), path


async def test_the_contract_is_all_there_is(book):
    """A path that appears or vanishes is meant."""
    document = (await book.get(f"{WORKFLOW}/openapi.json")).json()
    there = {
        (method, path.removeprefix(BOOK))
        for path, item in document["paths"].items()
        for method in item
        if path.startswith(f"{BOOK}/")
    }
    reports = {("post", f"/{path}") for path in REPORTS}
    assert there == {("get", "/test"), *reports, *(("get", f"/query/{p}") for p in QUESTIONS)}


async def test_whoever_shows_no_key_or_another_is_refused_in_mercures_form(book):
    refused = [{}, {"Authorization": "Token wrong"}, {"Authorization": f"Basic {KEY}"}]
    for headers in refused:
        for path, (kind, body) in REPORTS.items():
            answer = await book.post(f"{BOOK}/{path}", headers=headers, **{kind: body})
            assert answer.status_code == 401, (path, headers)
            assert answer.json()["error"] == answer.json()["detail"], (path, headers)
        for path, (params, _) in QUESTIONS.items():
            answer = await book.get(f"{BOOK}/query/{path}", headers=headers, params=params)
            assert answer.status_code == 401, (path, headers)
            assert answer.json()["error"] == answer.json()["detail"], (path, headers)
    for path, (params, _) in QUESTIONS.items():
        answer = await book.get(f"{BOOK}/query/{path}", headers=TOKEN, params=params)
        found = answer.json()
        assert found in ([], {}) or found["data"] == [], path  # nothing of it was kept


async def test_whether_it_lives_is_said_to_everybody(book):
    answer = await book.get(f"{BOOK}/test")
    assert (answer.status_code, answer.json()) == (200, {"ok": ""})


async def test_another_method_than_mercures_is_refused(book):
    for path in REPORTS:
        assert (await book.get(f"{BOOK}/{path}", headers=TOKEN)).status_code == 405, path
    for path in QUESTIONS:
        assert (await book.post(f"{BOOK}/query/{path}", headers=TOKEN)).status_code == 405, path


async def test_a_form_may_come_in_parts(book):
    """As curl -F sends it."""
    forms = {path: body for path, (kind, body) in REPORTS.items() if kind == FORM}
    for path, body in forms.items():
        parts = {name: (None, str(value)) for name, value in body.items()}
        answer = await book.post(f"{BOOK}/{path}", headers=TOKEN, files=parts)
        assert (answer.status_code, answer.json()) == (200, {"ok": ""}), path


async def test_every_event_that_mercure_has_is_kept_by_its_name(book):
    for path, names in EVENTS.items():
        for number, name in enumerate(names.split()):
            body = {"sender": "x", "event": name, "task_id": "t", "severity": number % 4}
            answer = await book.post(f"{BOOK}/{path}", headers=TOKEN, data=body)
            assert answer.status_code == 200, (path, name)
    answer = await book.get(f"{BOOK}/query/task-events", headers=TOKEN, params={"task_id": "t"})
    assert [row["event"] for row in answer.json()] == EVENTS["task-event"].split()


async def test_all_of_mercures_columns_of_a_series_are_kept(book):
    _, body = REPORTS["register-series"]
    await book.post(f"{BOOK}/register-series", headers=TOKEN, data=body)
    await book.post(f"{BOOK}/register-task", headers=TOKEN, json=REPORTS["register-task"][1])
    answer = await book.get(f"{BOOK}/query/get_task_info", headers=TOKEN, params={"task_id": TASK})
    told = set(answer.json()["information"].values())
    assert told <= {f"<{name}>" for name in COLUMNS}
    assert {"<PatientName>", "<Modality>", "<ProtocolName>", "<MagneticFieldStrength>"} <= told


@pytest.mark.parametrize("output", [[["denoise", {"snr": 12}]], [], "done", 3, True, None])
async def test_a_module_may_answer_with_any_json(book, output):
    """A chain answers with a list: each module with what it said."""
    body = {"task_id": TASK, "module": "denoise", "index": None, "settings": None, "output": output}
    answer = await book.post(f"{BOOK}/store-processor-output", headers=TOKEN, json=body)
    assert answer.status_code == 200, answer.text
    params = {"task_id": TASK}
    rows = await book.get(f"{BOOK}/query/task_process_results", headers=TOKEN, params=params)
    (row,) = rows.json()
    assert row["output"] == ({} if output is None else output)
    assert (row["settings"], row["index"]) == ({}, 0)


async def test_a_task_is_reported_again_and_the_last_word_counts(book):
    for acc in ("A1", "A2"):
        task = {**TASK_JSON, "info": {**TASK_JSON["info"], "acc": acc}}
        await book.post(f"{BOOK}/update-task", headers=TOKEN, json=task)
    page = (await book.get(f"{BOOK}/query/find_task", headers=TOKEN, params=ARCHIVE)).json()
    assert page["recordsTotal"] == 1
    page = await book.get(
        f"{BOOK}/query/find_task", headers=TOKEN, params={**ARCHIVE, "search[value]": "A2"}
    )
    (row,) = page.json()["data"]
    assert row.keys() == {"task_id", "ACC", "MRN", "Scope", "Time", "Rule"}
    assert (row["ACC"], row["MRN"], row["Rule"], row["Scope"]) == ("A2", "P1", "head", "SERIES")
