"""Who follows the events is told that a log has grown, if it wants to be."""

import json
from uuid import uuid4

import httpx
from workflow_service import WORKFLOW, over_http

from scanhub_libraries.events import Event, EventType


async def heard(lines):
    """Return what a stream says until the first event of the journal: the logs that grew."""
    found = []
    async for line in lines:
        if line == "id: 1":
            return [json.loads(line.partition(": ")[2]) for line in found if '"size"' in line]
        found.append(line)
    raise AssertionError("it ended")


async def test_only_who_asks_for_it_is_told_that_a_log_grew_and_nothing_is_written(
    service, headers_of
):
    run, grown, tail = uuid4(), service.wiring.logs.of, service.wiring.tail
    async with (
        over_http(service.app) as url,
        httpx.AsyncClient(headers=headers_of(), timeout=30) as client,
        client.stream("GET", f"{url}{WORKFLOW}/events?logs=true") as first,
        client.stream("GET", f"{url}{WORKFLOW}/events") as second,
    ):
        asks, other = first.aiter_lines(), second.aiter_lines()
        assert [await anext(lines) for lines in (asks, other)] == ["event: hello"] * 2
        for size in (10, 12):  # what comes in a crowd is told once
            grown(run)(size)
            grown(run, 2)(size)
        while tail.mentions.count < 2:
            await tail.wait(0, 30.0, heard=1)
        event = Event(type=EventType.TASK_UPDATED, source="test", subject="x", data={})
        await service.deliver(event.model_dump(mode="json"))
        assert await heard(asks) == [
            {"run_id": str(run), "step": None, "size": 12},
            {"run_id": str(run), "step": 2, "size": 12},
        ]
        assert await heard(other) == []
