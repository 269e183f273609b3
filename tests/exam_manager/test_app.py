"""What holds for every route: a permission, an answer to bad credentials, never a 500."""

import asyncio
import json

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from effort import POSTGRESQL_IN_CI, tries
from sqlalchemy import inspect

from exam_manager.tables import METADATA, TABLES
from scanhub_libraries.database import create_engine
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.permissions import PERMISSIONS

EXAM, PATIENT, LOGIN = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"


def routes_of(app):
    paths = app.openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


async def test_every_route_has_a_permission_and_every_permission_a_route(platform):
    routes = {f"{method} {path}" for method, path in routes_of(platform.app)}
    ours = {
        route for route in PERMISSIONS if route.split(" ")[1].startswith((EXAM, PATIENT, LOGIN))
    }
    assert routes == ours


async def test_operation_ids_are_unique(platform):
    paths = platform.app.openapi()["paths"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_without_and_with_a_wrong_token_every_route_says_401(platform):
    for method, path in routes_of(platform.app):
        if PERMISSIONS[f"{method} {path}"].public:
            continue
        url = path.replace("{", "").replace("}", "")
        for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic abc"}):
            answer = await platform.call(method, url, headers=headers, expect=401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Content-Type"] == "application/problem+json"


async def test_every_route_refuses_who_is_not_in_its_row(platform):
    task = await platform.scan()
    token = (await platform.claim(task))["task_token"]
    callers = {role: platform.headers_of(role) for role in UserRole}
    callers["service"] = platform.service
    callers["task"] = {"Authorization": f"Bearer {token}"}
    for method, path in routes_of(platform.app):
        access = PERMISSIONS[f"{method} {path}"]
        for caller, headers in callers.items():
            may = {"service": access.services, "task": access.tasks}.get(
                caller, caller in access.roles
            )
            if may or access.public:
                continue
            url = path
            for name in ("exam_id", "workflow_id", "task_id", "result_id", "patient_id"):
                url = url.replace(f"{{{name}}}", UNKNOWN)
            answer = await platform.call(
                method, url.replace("{", "").replace("}", ""), headers=headers
            )
            assert answer.status_code == 403, (caller, method, path, answer.text)


ODD_IDENTIFIERS = ("%00", UNKNOWN, "no-uuid", "..%2f..%2fetc")
ODD_BODIES = [
    None,
    {},
    [],
    {"name": 5},
    {"name": "x" * 100_000},
    {"name": "a\x00b", "is_template": True},
    {"name": "\ud800", "is_template": True},
    {"name": "x", "is_template": True, "description": "\x00"},
    {"task_type": "DAG", "name": "x", "dag_type": "RECONSTRUCTION", "dag_id": "\x00"},
    {"task_type": "NONE"},
    {"task_type": "ACQUISITION", "name": "x", "is_template": True, "position": 10**12},
    {"task_type": "ACQUISITION", "name": "x", "is_template": True, "sequence_id": "\x00"},
    {"task_ids": [UNKNOWN]},
    {"task_ids": []},
    {"claim_id": UNKNOWN, "device_id": UNKNOWN},
    {"claim_id": UNKNOWN, "progress": 101},
    {"claim_id": UNKNOWN, "status": "FINISHED"},
    {"type": "MRD", "directory": "/etc", "files": ["passwd"]},
    {"username": "x" * 300},
    {"service": "x", "secret": "ü"},
]


@pytest.mark.long
@POSTGRESQL_IN_CI
async def test_bad_input_is_never_a_500(either):
    callers = [either.admin, either.service]
    for method, path in routes_of(either.app):
        for identifier in ODD_IDENTIFIERS[: tries(in_ci=4, here=2)]:
            url = path
            while "{" in url:
                before, rest = url.split("{", 1)
                url = before + identifier + rest.split("}", 1)[1]
            for body in ODD_BODIES if method in {"POST", "PUT"} else [None]:
                for headers in callers:
                    content = None if body is None else _json(body)
                    answer = await either.call(
                        method,
                        url,
                        headers={**headers, "Content-Type": "application/json"},
                        content=content,
                    )
                    assert answer.status_code < 500, (method, url, body, answer.text)


def _json(body):
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "query",
    ["search=%00", "search=%25_\\", "limit=0", "limit=x", "after=x", "limit=5&search=ada lovelace"],
)
async def test_odd_queries_are_answered(either, query):
    for path in (f"{PATIENT}/", f"{EXAM}/worklist"):
        answer = await either.call("GET", f"{path}?{query}")
        assert answer.status_code in {200, 422}, answer.text


async def test_ids_of_unknown_things_are_404_and_malformed_ones_400(platform):
    for path in ("", "task/", "workflow/", "result/"):
        for method in ("GET", "DELETE"):
            await platform.call(method, f"{EXAM}/{path}{UNKNOWN}", expect=404)
            await platform.call(method, f"{EXAM}/{path}no-uuid", expect=400)
    await platform.call("GET", f"{PATIENT}/{UNKNOWN}", expect=404)
    await platform.call("GET", f"{PATIENT}/no-uuid", expect=422)
    await platform.call("GET", f"{EXAM}/all/no-uuid", expect=422)
    await platform.call("GET", f"{EXAM}/sequence/nothing", expect=404)
    assert (await platform.call("GET", f"{EXAM}/all/{UNKNOWN}", expect=200)).json() == []


async def test_the_service_says_when_it_is_ready(platform):
    for prefix in (EXAM, PATIENT, LOGIN):
        answer = await platform.call("GET", f"{prefix}/health/readiness", headers={}, expect=200)
        assert answer.json() == {"status": "ok"}
    platform.app.state.started = False
    await platform.call("GET", f"{EXAM}/health/readiness", headers={}, expect=503)


def compare(connection):
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _parents: (
                kind != "table" or not name.startswith("alembic_version")
            ),
        },
    )
    return compare_metadata(context, METADATA)


def foreign_keys_without_index(connection):
    inspector = inspect(connection)
    found = []
    for table in METADATA.tables:
        leading = {index["column_names"][0] for index in inspector.get_indexes(table)}
        leading |= set(inspector.get_pk_constraint(table)["constrained_columns"][:1])
        columns = [key["constrained_columns"][0] for key in inspector.get_foreign_keys(table)]
        found += [(table, column) for column in columns if column not in leading]
    return found


def checks(connection):
    inspector = inspect(connection)
    return {
        check["name"]
        for table in METADATA.tables
        for check in inspector.get_check_constraints(table)
    }


async def test_the_migrations_make_exactly_the_tables(database_url):
    await asyncio.to_thread(upgrade, "exam_manager", database_url)
    engine = create_engine(database_url)
    try:
        async with engine.connect() as connection:
            assert await connection.run_sync(compare) == []
            assert await connection.run_sync(foreign_keys_without_index) == []
            assert {"ck_task_itemstatus", "ck_task_progress", "ck_account_userrole"} <= (
                await connection.run_sync(checks)
            )
    finally:
        await engine.dispose()
    assert len(TABLES) == len(METADATA.tables)


async def test_events_reach_whoever_delivers_them(start, migrated_url):
    delivered = []

    async def deliver(events):
        delivered.extend(events)

    async with start(migrated_url, migrate=False, deliver=deliver) as running:
        patient = await running.patient()
        for _ in range(100):
            if delivered:
                break
            await asyncio.sleep(0.02)
        assert [(event.type.value, event.subject) for event in delivered] == [
            ("patient.created", patient["id"])
        ]
        assert delivered[0].actor == "user:tester"
        assert delivered[0].correlation_id
