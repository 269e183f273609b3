"""How many statements a request sends to the database: no more with more rows, none for tokens."""

import re
from contextvars import ContextVar
from uuid import uuid4

import pytest
import sqlalchemy as sa

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"
_NOT_OURS = re.compile(r"^(BEGIN|PRAGMA|COMMIT|ROLLBACK|SET|SHOW)|revocation", re.IGNORECASE)
_ASKING = ContextVar("_ASKING", default=False)
"""What works in the background does not have it, whenever its turn comes."""


class Statements:
    """Counts what a request makes an application ask its database."""

    def __init__(self, app):
        self._engine = app.state.sessions.kw["bind"].sync_engine
        self.seen = []

    def _note(self, _connection, _cursor, statement, *_rest):
        if _ASKING.get() and not _NOT_OURS.search(statement):
            self.seen.append(statement)

    def __enter__(self):
        sa.event.listen(self._engine, "before_cursor_execute", self._note)
        self._asking = _ASKING.set(True)
        return self

    def __exit__(self, *_):
        _ASKING.reset(self._asking)
        sa.event.remove(self._engine, "before_cursor_execute", self._note)


async def statements_of(platform, method, path, expect=200, **options):
    with Statements(platform.app) as statements:
        await platform.call(method, path, expect=expect, **options)
    return statements.seen


@pytest.fixture
async def record(either):
    """A template of 5 workflows x 10 tasks, and two exams made from it."""
    template = await either.exam(is_template=True, name="Template")
    first = await either.workflow(template)
    for number in range(10):
        await either.acquisition(first, name=f"S{number}")
    params = {"exam_id": template["id"], "template_id": first["id"]}
    params["new_workflow_is_template"] = "true"
    for _ in range(4):
        await either.call("POST", f"{EXAM}/workflow", params=params, expect=201)
    patient = (await either.patient())["id"]
    body = {"patient_id": patient, "name": "x"}
    url = f"{EXAM}/?template_id={template['id']}"
    made = await either.make(url, body)
    task = made["workflows"][0]["tasks"][0]
    params = {"task_id": task["id"]}
    await either.call("POST", f"{EXAM}/result", params=params, headers=either.service, expect=201)
    await either.make(url, body)
    return {"template": template, "patient": patient, "exam": made, "task": task}


async def test_reads_take_few_statements(either, record):
    exam, task = record["exam"]["id"], record["task"]
    either.app.state.trees.clear()
    for path, most in (
        (f"{EXAM}/{exam}", 4),
        (f"{EXAM}/{exam}", 1),  # it is known now
        (f"{EXAM}/all/{record['patient']}", 4),  # one is known, one is not
        (f"{EXAM}/all/{record['patient']}?limit=1", 1),
        (f"{EXAM}/templates/all", 4),
        (f"{EXAM}/templates/all", 1),
        (f"{EXAM}/list", 2),
        (f"{EXAM}/list?limit=1&after={exam}", 3),
        (f"{EXAM}/worklist", 3),
        (f"{EXAM}/worklist?limit=1&after={exam}&search=ada", 4),
        (f"{EXAM}/workflow/{task['workflow_id']}", 3),
        (f"{EXAM}/workflow/all/{exam}", 3),
        (f"{EXAM}/workflow/all/{exam}?limit=2", 4),
        (f"{EXAM}/workflow/templates/all", 3),
        (f"{EXAM}/task/{task['id']}", 2),
        (f"{EXAM}/task/all/{task['workflow_id']}", 2),
        (f"{EXAM}/task/all/{task['workflow_id']}?limit=3", 3),
        (f"{EXAM}/task/templates/all", 2),
        (f"{EXAM}/result/all/{task['id']}", 1),
        (f"{PATIENT}/", 1),
        (f"{PATIENT}/{record['patient']}", 1),
    ):
        seen = await statements_of(either, "GET", path)
        assert len(seen) <= most, (path, seen)
        assert seen != [], path


async def test_a_tree_that_changed_is_read_anew_with_few_statements(either, record):
    path = f"{EXAM}/{record['exam']['id']}"
    await either.call("GET", path, expect=200)
    await either.workflow(record["exam"], name="Added")
    seen = await statements_of(either, "GET", path)
    assert len(seen) <= 4, seen
    workflows = (await either.call("GET", path, expect=200)).json()["workflows"]
    assert [workflow["name"] for workflow in workflows][-1] == "Added"


async def test_a_deep_copy_takes_few_statements(either, record):
    body = {"patient_id": record["patient"], "name": "x"}
    url = f"{EXAM}/?template_id={record['template']['id']}"
    seen = await statements_of(either, "POST", url, 201, json=body)
    assert len(seen) <= 20, seen


async def test_the_order_of_fifty_tasks_takes_no_statement_for_each(either, record):
    tasks = record["exam"]["workflows"][0]["tasks"]
    body = {"task_ids": [task["id"] for task in tasks][::-1]}
    seen = await statements_of(either, "PUT", f"{EXAM}/task/reorder", 204, json=body)
    reads = [statement for statement in seen if statement.startswith("SELECT")]
    assert len(reads) <= 6, reads


async def test_a_claim_takes_few_statements(either, record):
    """It stands between the start button and the scanner."""
    task = record["exam"]["workflows"][0]["tasks"][1]
    body = {"claim_id": str(uuid4()), "device_id": str(uuid4())}
    seen = await statements_of(
        either, "POST", f"{EXAM}/task/{task['id']}/claim", json=body, headers=either.service
    )
    writes = sorted(
        " ".join(statement.split()[:3]) for statement in seen if "SELECT" not in statement
    )
    assert writes == [
        "INSERT INTO audit_entry",
        "INSERT INTO outbox_event",
        "UPDATE exam SET",
        "UPDATE task SET",
        "UPDATE workflow SET",
    ]
    assert len(seen) - len(writes) <= 3, seen  # PostgreSQL holds the exam first
