"""What the OpenAPI document says is what is answered: Schemathesis over every operation."""

import asyncio
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.models import UserRole

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES = 6
FIRST_USER = {
    "username": "root",
    "first_name": "R",
    "last_name": "T",
    "role": "admin",
    "access_token": "Quartz-lantern-58-otter",
    "token_type": "password",
}


async def things(platform: Any) -> dict[str, str]:
    """Make what a path can name, so that some requests find it."""
    path = "/api/v1/userlogin/createfirstuser"
    await platform.call("POST", path, json=FIRST_USER, expect=201)
    exam = await platform.exam(is_template=True)
    workflow = await platform.workflow(exam)
    task = await platform.acquisition(workflow)
    patient = await platform.patient()
    scan = await platform.scan()
    claim = await platform.claim(scan)
    blank = await platform.call(
        "POST",
        f"/api/v1/exam/result?task_id={scan['id']}",
        headers={"Authorization": f"Bearer {claim['task_token']}"},
        expect=201,
    )
    return {
        "exam_id": exam["id"],
        "workflow_id": workflow["id"],
        "task_id": task["id"],
        "patient_id": patient["id"],
        "result_id": blank.json()["id"],
    }


def send(runner: asyncio.Runner, platform: Any, case: Case) -> Any:
    """Send a request as Schemathesis would, to the application in this process."""
    kwargs = case.as_transport_kwargs(base_url="http://test")
    kwargs = {
        name: kwargs.get(name) for name in ("method", "url", "params", "json", "data", "files")
    }
    kwargs["headers"] = case.headers or {}
    prepared = requests.Request(**kwargs).prepare()
    headers = {**prepared.headers, **platform.headers_of(UserRole.ADMIN, "root")}
    request = platform.http.build_request(
        prepared.method, prepared.url, headers=headers, content=prepared.body
    )
    return runner.run(platform.http.send(request))


def examine(
    runner: asyncio.Runner, platform: Any, known: dict[str, str], operation: Any
) -> Callable[[], None]:
    """Return a test of one operation."""
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(modes), exists=st.booleans())
    def test(case: Case, exists: bool) -> None:
        if exists:
            for name in set(case.path_parameters or {}) & set(known):
                case.path_parameters[name] = known[name]
        answer = send(runner, platform, case)
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
        case.validate_response(answer, checks=CHECKS)

    return test


def why(error: BaseException) -> str:
    """Return the reasons of a failure, in short."""
    found = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "; ".join(f"{type(one).__name__} {getattr(one, 'message', one)}"[:700] for one in found)


@pytest.mark.timeout(180)
def test_answers_are_as_documented(start, empty_database, tmp_path):
    path = tmp_path / "exam.sqlite"
    shutil.copyfile(empty_database, path)
    with asyncio.Runner() as runner:
        opened = start(sqlite_url(path), migrate=False)
        platform = runner.run(opened.__aenter__())
        known = runner.run(things(platform))
        schema = schemathesis.openapi.from_dict(platform.app.openapi())
        failures = {}
        try:
            for found in schema.get_all_operations():
                operation = found.ok()
                if operation.label in LEFT_OUT:
                    continue
                try:
                    examine(runner, platform, known, operation)()
                except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the others go on
                    failures[operation.label] = why(error)
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert not failures, "\n".join(f"{row}: {why}" for row, why in failures.items())


LEFT_OUT: set[str] = set()
