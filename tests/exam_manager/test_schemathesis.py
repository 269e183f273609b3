"""What the OpenAPI document says is what is answered: Schemathesis over every operation."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from contract.conformity import failures_of, told

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.models import UserRole

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


@pytest.mark.timeout(180)
def test_answers_are_as_documented(start, empty_database, tmp_path):
    path = tmp_path / "exam.sqlite"
    shutil.copyfile(empty_database, path)
    with asyncio.Runner() as runner:
        opened = start(sqlite_url(path), migrate=False)
        platform = runner.run(opened.__aenter__())

        def send(prepared: Any) -> Any:
            headers = {**prepared.headers, **platform.headers_of(UserRole.ADMIN, "root")}
            request = platform.http.build_request(
                prepared.method, prepared.url, headers=headers, content=prepared.body
            )
            return runner.run(platform.http.send(request))

        try:
            known = runner.run(things(platform))
            failures = failures_of(platform.app.openapi(), send, known, examples=6)
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert not failures, told(failures)
