"""What lists and pages ask of the database goes along an index: a million images cost no more."""

import json
import re

import pytest
import sqlalchemy as sa
from images import SERIES, STUDY
from ward import Ward
from workflow_service import WORKFLOW

from scanhub_libraries.database import create_engine
from scanhub_libraries.thread_reader import ThreadReader

WEB, BOOK = "/dicomweb", "/bookkeeper/query"
LARGE = {
    "dicom_study",
    "dicom_series",
    "dicom_instance",
    "series_decision",
    "image_case",
    "image_case_series",
    "image_case_dispatch",
    "dispatch",
    "dispatched_instance",
    "journal_event",
}
"""Tables that grow with every image or series."""
QUESTIONS = [
    f"{WEB}/studies?StudyInstanceUID={STUDY}",
    f"{WEB}/studies?PatientID=P-1",
    f"{WEB}/studies?PatientName=doe*&limit=50",
    f"{WEB}/studies?AccessionNumber=A1",
    f"{WEB}/studies?StudyDate=20260102&limit=50",
    f"{WEB}/studies?StudyDate=20260101-20260131&limit=50",
    f"{WEB}/studies?limit=50",
    f"{WEB}/studies/{STUDY}/series",
    f"{WEB}/studies/{STUDY}/series/{SERIES}/instances",
    f"{WEB}/studies/{STUDY}/series/{SERIES}/metadata",
    "/series?limit=50",
    f"/series/{SERIES}/decision",
    f"/series/{SERIES}/instances",
    "/cases?limit=50",
    "/cases?state=failed&limit=50",
    "/cases?rule=all&limit=50",
    f"/cases?series_instance_uid={SERIES}",
    f"/cases?study_instance_uid={STUDY}",
    "/cases/{case}",
    "/dispatches?limit=50",
    "/dispatches?status=failed&limit=50",
    "/dispatches?target=PACS&limit=50",
    f"/dispatches?series={SERIES}",
    "/journal?newest=true&limit=50",
    "/journal?case_id={case}&limit=50",
    "/journal?type=case.failed&newest=true&limit=50",
    "/health/detail",
    f"{BOOK}/series?limit=50",
    f"{BOOK}/tasks?limit=50",
    f"{BOOK}/task-events?task_id={{case}}",
    f"{BOOK}/dicom-files?limit=50",
    f"{BOOK}/dicom-files?series_uid={SERIES}",
    f"{BOOK}/get_task_info?task_id={{case}}",
]


@pytest.fixture
def said(monkeypatch):
    """What is read from the database, by SQLAlchemy and by the threads that read from SQLite."""
    found = {}
    read = ThreadReader._rows

    def note(_connection, _cursor, statement, parameters, *_more):
        reads = statement.lstrip().startswith(("SELECT", "WITH"))
        if reads and any(table in statement for table in LARGE):
            found[statement] = parameters

    def rows(self, statement, parameters):
        note(None, None, statement, parameters)
        return read(self, statement, parameters)

    monkeypatch.setattr(ThreadReader, "_rows", rows)
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


async def read_whole(connection, statement, parameters):
    """Return the large tables that a statement reads from one end to the other."""
    if connection.dialect.name == "sqlite":
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [table for row in plan.all() for table in _scanned(row[3], statement)]
    plan = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    found = plan.scalar_one()
    found = json.loads(found) if isinstance(found, str) else found
    return [table for table in _read_by(found[0]["Plan"]) if table in LARGE]


def _scanned(step, statement):
    scan = re.match(r"SCAN (\w+)(.*)", step)
    if scan is None or (" USING " in scan[2] and "LIMIT" in statement):
        return []  # as far as the page goes
    alias = re.search(rf"(\w+) AS {scan[1]}\b", statement)
    table = scan[1] if alias is None else alias[1]
    return [table] if table in LARGE else []


def _read_by(node):
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        yield from _read_by(below)


async def test_whatever_is_asked_of_a_large_installation_goes_along_an_index(
    serving, migrated_url, said, tmp_path
):
    async with serving(database_url=migrated_url, series_quiet_s=3600.0) as service:
        ward = Ward(service, tmp_path / "sent")
        await ward.post("/targets", {"name": "PACS", "target_type": "dummy"})
        await ward.add_rule("all")
        await ward.receive(SERIES, 1)
        await ward.post(f"/series/{SERIES}/complete")
        case = await ward.case("done", rule="all")
        engine, whole = create_engine(migrated_url), {}
        async with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # A table of one page is read whole, unless that is said to be dear.
                await connection.exec_driver_sql("SET enable_seqscan = off")
            for question in QUESTIONS:
                said.clear()
                answer = await service.user.get(WORKFLOW + question.format(case=case["id"]))
                assert answer.status_code == 200, (question, answer.text)
                for statement, parameters in list(said.items()):
                    tables = await read_whole(connection, statement, parameters)
                    if tables:
                        whole[question] = (tables, statement)
        await engine.dispose()
    assert whole == {}
