"""Odd values in every field of every endpoint are refused, or stored; never a server error."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from scanhub_libraries.openapi import operations

PROBLEM = "application/problem+json"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"
DEEP: Any = "end"
for _ in range(500):
    DEEP = {"d": DEEP}
Ids = dict[str, str]
ODD: dict[str, Any] = {
    "nothing": None,
    "empty": "",
    "blank": " ",
    "NUL": "a\x00b",
    "half a character": "\ud800",
    "long": "x" * 100_000,
    "path": "../../etc/passwd",
    "header": "a\r\nX-Evil: 1",
    "huge": 10**400,
    "large": 2**63,
    "negative": -1,
    "float": 1e308,
    "truth": True,
    "list": [],
    "lists": [[]],
    "object": {},
    "NUL key": {"a\x00b": 1},
    "half a key": {"\ud800": "\ud800"},
    "deep": DEEP,
    "time": "9999-12-31T23:59:59.999999999Z",
    "date": "0000-00-00",
}
RAW: dict[str, bytes] = {
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "NaN": b'{"name": NaN, "parameter": {"a": NaN}}',
    "infinity": b'{"height": 1e999, "parameter": {"a": -Infinity}}',
    "a key twice": b'{"name": "a", "name": null}',
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "a number without end": b'{"name": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "a text": b'"text"',
    "nothing": b"null",
}
QUERIES = ["", "%00", "x" * 10_000, "-1", "1e999", "9" * 400, "%ff%fe", "%ed%a0%80", "null", "'--"]


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def json_bodies(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an example of each JSON body of an operation."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    schema = content["schema"]
    for one in schema.get("oneOf") or schema.get("anyOf") or [schema]:
        found = resolved(document, one).get("examples") or one.get("examples")
        if found:
            yield found[0]


def with_odd_fields(example: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a body for each field and each odd value, also one level down."""
    for field, value in example.items():
        for name, odd in ODD.items():
            yield f"{field}: {name}", {**example, field: odd}
        if isinstance(value, dict):
            for below, odd_below in [(key, odd) for key in value for odd in (None, "x", -1, [])]:
                changed = copy.deepcopy(example)
                changed[field][below] = odd_below
                yield f"{field}.{below}", changed
    yield "no fields", {}


def filled(path: str, value: str = UNKNOWN, known: Ids | None = None) -> str:
    """Return a path with ids in it: those that are known by their names, else `value`."""
    return re.sub(r"{(\w+)}", lambda name: (known or {}).get(name[1], value), path)


@pytest.fixture
async def ids(either) -> Ids:
    """Things that are there, so that odd values come as far as the database."""
    exam = await either.exam()
    workflow = await either.workflow(exam)
    scan = await either.acquisition(workflow)
    job = await either.job(workflow)
    return {
        "exam_id": exam["id"],
        "patient_id": exam["patient_id"],
        "workflow_id": workflow["id"],
        "task_id": scan["id"],
        "job_id": job["id"],
    }


def placed(example: dict[str, Any], ids: Ids) -> tuple[dict[str, Any], Ids]:
    """Return an example whose ids are known, and the ids that its path takes."""
    body = {name: ids.get(name, value) for name, value in example.items()}
    body.update({name: None for name in ("device_id", "sequence_id") if name in body})
    if "dag_type" in body:
        return {**body, "input_task_ids": []}, {**ids, "task_id": ids["job_id"]}
    if body.get("status") == "NEW":
        body["status"] = "UPDATED"
    return body, ids


def callers(platform: Any, row: str) -> dict[str, str]:
    headers: dict[str, str] = platform.admin
    return platform.service if row.endswith(("/report", "/release", "/finish")) else headers


async def send(platform: Any, row: str, path: str, what: str, **options: Any) -> None:
    headers = {**callers(platform, row), **options.pop("headers", {})}
    answer = await platform.call(row.split(" ", maxsplit=1)[0], path, headers=headers, **options)
    assert answer.status_code < 500 or answer.status_code == 501, (row, what, answer.text[:500])
    if answer.is_error:
        assert answer.headers["content-type"] == PROBLEM, (row, what, answer.text[:300])


def encoded(body: Any) -> dict[str, Any]:
    return {
        "content": json.dumps(body).encode(),
        "headers": {"Content-Type": "application/json"},
    }


@pytest.mark.timeout(120)
async def test_odd_values_in_every_field_are_no_server_error(either, ids):
    document, sent = either.app.openapi(), 0
    for path, method, operation in operations(document):
        row = f"{method.upper()} {path}"
        for example in json_bodies(document, operation):
            body, known = placed(example, ids)
            if method == "post":
                body.pop("status", None)
            for what, odd in with_odd_fields(body):
                await send(either, row, filled(path, known=known), what, **encoded(odd))
                sent += 1
    assert sent > 1000


async def test_bodies_that_are_none_are_no_server_error(either):
    document = either.app.openapi()
    for path, method, operation in operations(document):
        if "requestBody" not in operation:
            continue
        row = f"{method.upper()} {path}"
        for what, content in RAW.items():
            headers = {"Content-Type": "application/json"}
            await send(either, row, filled(path), what, content=content, headers=headers)
        for kind in ("text/plain", "application/xml", "multipart/form-data", "x", ""):
            headers = {"Content-Type": kind}
            await send(either, row, filled(path), kind, content=b"a=b", headers=headers)


async def test_odd_queries_and_paths_are_no_server_error(either):
    document = either.app.openapi()
    for path, method, operation in operations(document):
        row = f"{method.upper()} {path}"
        for parameter in operation.get("parameters", ()):
            for odd in QUERIES:
                if parameter["in"] == "query":
                    url = f"{filled(path)}?{parameter['name']}={odd}"
                    await send(either, row, url, parameter["name"])
                elif parameter["in"] == "header":
                    headers = {parameter["name"]: odd}
                    await send(either, row, filled(path), parameter["name"], headers=headers)
        if "{" in path:
            for odd in [*QUERIES[1:], "no-uuid", "..%2f..%2fetc%2fpasswd", "%2e%2e"]:
                await send(either, row, filled(path, odd[:2000]), odd[:20])


@pytest.mark.parametrize(
    ("field", "value"), [("height", -3), ("birth_date", "2999-01-01"), ("first_name", "a\x00")]
)
async def test_a_refusal_names_the_field(platform, field, value):
    document = platform.app.openapi()
    example = document["components"]["schemas"]["BasePatient"]["examples"][0]
    body = {**example, field: value}
    answer = await platform.call("POST", "/api/v1/patient/", json=body, expect=422)
    assert answer.json()["errors"][0]["pointer"] == f"/body/{field}"
