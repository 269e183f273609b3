"""Odd values in every field of every endpoint are refused, or stored; never a server error."""

from typing import Any

import pytest
from contract.crawl import Crawler, Ids, Json
from effort import POSTGRESQL_IN_CI


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


@pytest.fixture
def crawler(either, ids) -> Crawler:
    def place(row: str, example: Json) -> tuple[Json, Ids]:
        """Return an example whose ids are known, and the ids that its path takes."""
        body = {name: ids.get(name, value) for name, value in example.items()}
        body.update({name: None for name in ("device_id", "sequence_id") if name in body})
        if body.get("status") == "NEW":
            body["status"] = "UPDATED"
        if row.startswith("POST "):
            body.pop("status", None)
        if "dag_type" in body:
            return {**body, "input_task_ids": []}, {**ids, "task_id": ids["job_id"]}
        return body, ids

    async def request(row: str, path: str, **options: Any) -> Any:
        narrow = row.endswith(("/report", "/release", "/finish"))
        headers = either.service if narrow else either.admin
        headers = {**headers, **options.pop("headers", {})}
        return await either.call(row.split(" ", maxsplit=1)[0], path, headers=headers, **options)

    return Crawler(either.app.openapi(), request, place)


@POSTGRESQL_IN_CI
@pytest.mark.timeout(120)
async def test_odd_values_in_every_field_are_no_server_error(crawler):
    assert await crawler.odd_fields() > 1000


@POSTGRESQL_IN_CI
async def test_bodies_that_are_none_are_no_server_error(crawler):
    assert await crawler.bodies_that_are_none() > 100


@POSTGRESQL_IN_CI
@pytest.mark.timeout(120)
async def test_odd_queries_and_paths_are_no_server_error(crawler):
    assert await crawler.odd_queries_and_paths() > 500


@pytest.mark.parametrize(
    ("field", "value"), [("height", -3), ("birth_date", "2999-01-01"), ("first_name", "a\x00")]
)
async def test_a_refusal_names_the_field(platform, field, value):
    document = platform.app.openapi()
    example = document["components"]["schemas"]["BasePatient"]["examples"][0]
    body = {**example, field: value}
    answer = await platform.call("POST", "/api/v1/patient/", json=body, expect=422)
    assert answer.json()["errors"][0]["pointer"] == f"/body/{field}"
