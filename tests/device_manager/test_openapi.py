"""Every endpoint of device-manager takes odd requests, and answers as its document says."""

from typing import Any

import httpx
import pytest
from contract.conformity import failures_of, told
from contract.crawl import Crawler, Ids, Json
from effort import tries

EXAMPLES = tries(in_ci=12, here=1)


@pytest.fixture
async def ids(lab) -> Ids:
    """A scanner that is not connected, and a task that is planned on it."""
    device = await lab.create_device()
    task = await lab.create_task(device["device_id"])
    return {"device_id": device["device_id"], "task_id": task["id"], "id": task["id"]}


@pytest.fixture
def crawler(lab, ids) -> Crawler:
    def place(_row: str, example: Json) -> tuple[Json, Ids]:
        return {name: ids.get(name, value) for name, value in example.items()}, ids

    async def request(row: str, path: str, **options: Any) -> httpx.Response:
        return await lab.http.request(row.split(" ", maxsplit=1)[0], path, **options)

    return Crawler(lab.app.openapi(), request, place)


async def test_odd_values_in_every_field_are_no_server_error(crawler):
    assert await crawler.odd_fields() > 200


async def test_bodies_that_are_none_are_no_server_error(crawler):
    assert await crawler.bodies_that_are_none() > 50


async def test_odd_queries_and_paths_are_no_server_error(crawler):
    assert await crawler.odd_queries_and_paths() > 100


@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_answers_are_as_documented(lab, ids):
    document = lab.app.openapi()
    failures = await failures_of(document, lab.http, {}, ids, examples=EXAMPLES)
    assert not failures, told(failures)
