"""What the OpenAPI document says is what is answered: Schemathesis over every operation."""

from typing import Any

import pytest
from contract.conformity import failures_of, told
from effort import tries

from scanhub_libraries.models import UserRole

EXAMPLES = tries(in_ci=10, here=1)
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


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_answers_are_as_documented(platform):
    known = await things(platform)
    headers = platform.headers_of(UserRole.ADMIN, "root")
    document = platform.app.openapi()
    failures = await failures_of(document, platform.http, headers, known, examples=EXAMPLES)
    assert not failures, told(failures)
