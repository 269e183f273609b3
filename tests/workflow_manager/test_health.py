"""The health page and the metrics tell of every part, to those who may see it."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from workflow_service import WORKFLOW

from scanhub_libraries.database import transaction
from scanhub_libraries.models import UserRole
from workflow_manager.health.rules import (
    LATE_S,
    QueueFacts,
    TargetFacts,
    disk_part,
    listener_part,
    queue_part,
    reader_part,
    target_part,
    worst,
)
from workflow_manager.targets.models import Target

KEY = "a-key-for-the-monitoring"
GIB = 2**30


async def test_every_part_is_on_the_health_page(service):
    async with transaction(service.wiring.sessions) as session:
        session.add(Target(name="PACS", document={}))
    detail = await service.get("/health/detail")
    parts = {(part["kind"], part["name"]): part for part in detail["parts"]}
    for name in ("runs", "dispatch", "notifications", "cases"):
        assert parts["queue", name]["detail"] == "Empty."
    assert parts["target", "PACS"]["state"] == "ok"
    assert parts["listener", "DICOM"]["detail"] == "There is none."
    assert parts["disk", "images"]["numbers"]["total_bytes"] > 0
    assert ("journal", "notifications") in parts


async def test_metrics_are_for_admins_and_for_who_shows_the_key(serving, headers_of):
    async with serving(metrics_key=KEY) as service:
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Token wrong"}, 401),
            ({"Authorization": f"Bearer {KEY}x"}, 401),
            (headers_of(UserRole.ENGINEER), 403),
            (headers_of(UserRole.ADMIN), 200),
            ({"Authorization": f"Bearer {KEY}"}, 200),
            ({"Authorization": f"Token {KEY}"}, 200),
        ):
            async with httpx.AsyncClient(
                transport=service.user._transport, base_url="http://test"
            ) as client:
                answer = await client.get(f"{WORKFLOW}/metrics", headers=headers)
            assert answer.status_code == status, headers
    found = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {
        "scanhub_dispatch",
        "scanhub_oldest_seconds",
        "scanhub_disk_free_bytes",
        "scanhub_journal_behind_events",
        "process_resident_memory_bytes",
    } <= found


async def test_a_key_is_no_login_anywhere_else(serving):
    async with serving(metrics_key=KEY) as service:
        answer = await service.user.get(
            f"{WORKFLOW}/journal", headers={"Authorization": f"Bearer {KEY}"}
        )
        assert answer.status_code == 401


def test_a_queue_is_late_when_its_oldest_is():
    assert queue_part("q", QueueFacts({"queued": 1}, LATE_S - 1, 1)).state == "ok"
    late = queue_part("q", QueueFacts({"queued": 1}, LATE_S + 1, 1))
    assert (late.state, late.detail) == ("warning", "1 on their way, the oldest for 3601 s.")


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (TargetFacts(enabled=False, open=3, waiting=3), "ok", "Switched off."),
        (TargetFacts(enabled=True), "ok", "Nothing to send."),
        (TargetFacts(enabled=True, open=2), "ok", "2 series on their way."),
        (TargetFacts(enabled=True, open=2, waiting=1), "warning", "1 of 2"),
        (TargetFacts(enabled=True, open=2, waiting=2), "failing", "2 of 2"),
    ],
)
def test_a_target_fails_when_nothing_gets_through(facts, state, words):
    part = target_part("PACS", facts)
    assert (part.state, words in part.detail) == (state, True)


@pytest.mark.parametrize(
    ("free", "state"), [(100, "ok"), (6, "ok"), (4, "warning"), (1.5, "warning"), (0.5, "failing")]
)
def test_a_disk_fails_when_nothing_is_received_any_more(free, state):
    part = disk_part("images", free=int(free * GIB), total=500 * GIB, least=GIB)
    assert part.state == state


def test_a_listener_that_is_wanted_listens():
    assert listener_part(None, wanted=False).state == "ok"
    assert listener_part(None, wanted=True).state == "failing"
    assert listener_part(104, wanted=True).detail == "Listens on port 104."


def test_the_worst_part_is_the_state_of_all():
    parts = [reader_part("a", 0), reader_part("b", 2000)]
    assert worst(parts) == "warning"
    assert worst([]) == "ok"
    assert worst([*parts, listener_part(None, wanted=True)]) == "failing"
