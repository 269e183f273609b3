"""Every endpoint of workflow-manager takes odd requests, and answers as its document says."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from contract.conformity import failures_of, told
from contract.crawl import Crawler, Ids, Json
from effort import POSTGRESQL_IN_CI, tries
from raw_files import Scan
from workflow_service import WORKFLOW, a_port

EXAMPLES = tries(in_ci=10, here=1)
EVENTS = f"GET {WORKFLOW}/events"
"""Never ends, so that it has tests of its own."""


async def things(service: Any, clinic: Any) -> Ids:
    """Make images of a scan and a target, so that some requests find what they name."""
    await clinic.measure(Scan((8, 8, 1), (160, 160, 160)))
    await service.deliver(await clinic.event())
    run = await service.run_in("succeeded", task_id=clinic.job)
    found = (await service.get(f"/series?exam_id={clinic.exam_id}"))[0]
    series = found["series_instance_uid"]
    instance = (await service.get(f"/series/{series}/instances"))[0]["sop_instance_uid"]
    target = {"name": "PACS", "ip": "127.0.0.1", "port": a_port()}
    target |= {"aet_target": "PEER", "aet_source": "SCANHUB", "enabled": False}
    answer = await service.user.post(f"{WORKFLOW}/targets", json=target)
    assert answer.status_code == 201, answer.text
    return {
        "task_id": str(clinic.job),
        "run_id": run["id"],
        "series_instance_uid": series,
        "sop_instance_uid": instance,
        "study": found["study_instance_uid"],
        "series": series,
        "instance": instance,
        "frames": "1",
        "frame": "1",
        "name": "PACS",
    }


@pytest.fixture
async def service(serving, migrated_url) -> AsyncIterator[Any]:
    """The service on SQLite and on PostgreSQL."""
    async with serving(database_url=migrated_url) as running:
        yield running


@pytest.fixture
async def ids(service, clinic) -> Ids:
    return await things(service, clinic)


@pytest.fixture
def crawler(service, ids) -> Crawler:
    def place(row: str, example: Json) -> tuple[Json, Ids]:
        here = {"ip": "127.0.0.1"} if "ip" in example else {}
        return {**example, **here}, ids

    async def request(row: str, path: str, **options: Any) -> httpx.Response:
        caller = service.peer if row.endswith("/journal/events") else service.user
        return await caller.request(row.split(" ", maxsplit=1)[0], path, **options)

    return Crawler(service.app.openapi(), request, place, left_out=frozenset({EVENTS}))


@pytest.mark.long
@POSTGRESQL_IN_CI
@pytest.mark.timeout(180)
async def test_odd_requests_are_no_server_error(crawler):
    assert await crawler.odd_fields() > 200
    assert await crawler.bodies_that_are_none() > 40
    assert await crawler.odd_queries_and_paths() > 200


@pytest.mark.long
@POSTGRESQL_IN_CI
@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_answers_are_as_documented(service, ids):
    known = {name: value for name, value in ids.items() if name != "name"}  # no odd target is asked
    document, but = service.app.openapi(), {EVENTS}
    failures = await failures_of(document, service.user, {}, known, examples=EXAMPLES, left_out=but)
    assert not failures, told(failures)
