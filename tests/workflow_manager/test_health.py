"""The health page and the metrics tell of every part, to those who may see it."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from images import write_instance
from prometheus_client.parser import text_string_to_metric_families
from workflow_service import WORKFLOW

from scanhub_libraries.database import transaction
from scanhub_libraries.models import UserRole
from workflow_manager.dicom.entries import Outcome
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.dicom.tally import Tally
from workflow_manager.health.rules import (
    LATE_S,
    LastTest,
    QueueFacts,
    TargetFacts,
    cases_part,
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
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


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


async def test_a_target_is_told_as_soon_as_it_is_there_and_what_its_test_found(service, tmp_path):
    """Whoever adds or tests a target looks once, and sees it."""

    async def told():
        parts = (await service.get("/health/detail"))["parts"]
        return [(p["state"], p["detail"]) for p in parts if p["kind"] == "target"]

    async def asked(method, path, body=None):
        answer = await service.user.request(method, f"{WORKFLOW}{path}", json=body)
        assert answer.is_success, answer.text

    assert await told() == []
    target = {"name": "PACS", "target_type": "folder", "folder": str(tmp_path / "gone")}
    await asked("POST", "/targets", target)
    assert await told() == [("ok", "Nothing to send.")]
    await asked("POST", "/targets/PACS/test")
    ((state, detail),) = await told()
    wrong = f"UTC: There is no folder {tmp_path}/gone."
    assert (state, detail.endswith(wrong)) == ("warning", True)
    (tmp_path / "there").mkdir()
    await asked("PUT", "/targets/PACS", {**target, "folder": str(tmp_path / "there")})
    assert await told() == [("ok", "Nothing to send.")]
    await asked("POST", "/targets/PACS/test")
    ((state, detail),) = await told()
    assert (state, detail.endswith("UTC: images can be sent there.")) == ("ok", True)


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
    assert (late.state, late.detail) == ("warning", "1 on their way, the oldest for 60 min.")


def test_a_case_that_failed_is_told_of_until_somebody_decides():
    assert cases_part(QueueFacts({"done": 2})).state == "ok"
    part = cases_part(QueueFacts({"failed": 6, "done": 2}))
    assert (part.state, part.numbers["failed"]) == ("warning", 6)
    assert part.detail == "Empty. 6 failed: send again, elsewhere, or discard."


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (TargetFacts(enabled=False, open=3, waiting=3), "ok", "Switched off."),
        (TargetFacts(enabled=True), "ok", "Nothing to send."),
        (TargetFacts(enabled=True, open=2), "ok", "2 series on their way."),
        (TargetFacts(enabled=True, open=2, waiting=1), "warning", "1 of 2"),
        (TargetFacts(enabled=True, open=2, waiting=2), "failing", "2 of 2"),
        (
            TargetFacts(enabled=True, tested=LastTest(NOON, "")),
            "ok",
            "12:00 UTC: images can be sent",
        ),
        (
            TargetFacts(enabled=True, tested=LastTest(NOON, "AE title.")),
            "warning",
            "UTC: AE title.",
        ),
        (TargetFacts(enabled=False, tested=LastTest(NOON, "AE title.")), "ok", "Switched off."),
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


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (218, "4 min"), (9000, "2 h"), (200_000, "2 days")]
)
def test_the_age_of_the_oldest_is_told_as_people_do(seconds, words):
    assert (
        queue_part("q", QueueFacts({}, seconds, 1)).detail
        == f"1 on their way, the oldest for {words}."
    )


def test_a_reader_says_how_far_behind_it_is():
    details = [reader_part("a", behind).detail for behind in (0, 1, 2)]
    assert details == ["Has read all of it.", "1 event behind.", "2 events behind."]


def test_a_listener_that_is_wanted_listens():
    assert listener_part(None, wanted=False).state == "ok"
    assert listener_part(None, wanted=True).state == "failing"
    assert listener_part(104, wanted=True).detail == "Listens on port 104."


def test_the_worst_part_is_the_state_of_all():
    parts = [reader_part("a", 0), reader_part("b", 2000)]
    assert worst(parts) == "warning"
    assert worst([]) == "ok"
    assert worst([*parts, listener_part(None, wanted=True)]) == "failing"


async def test_what_was_received_is_counted_by_the_title_that_was_called(serving, tmp_path):
    async with serving(dicom_port=0, dicom_min_free_bytes=0) as service:
        files = [write_instance(tmp_path / "1", n) for n in (1, 2)]
        port = service.app.state.health._node.port
        for title, times in (("AXON", 1), ("BLUE", 2)):
            peer = Peer("127.0.0.1", port, title, "SCANNER", 5.0, 10.0)
            for _ in range(times):
                report = await asyncio.to_thread(send_series, [(str(f), f) for f in files], peer)
                assert not report.failed
        answer = await service.user.get(f"{WORKFLOW}/metrics")
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
    assert found["scanhub_dicom_received_images_total", "AXON"] == 2
    assert found["scanhub_dicom_received_images_total", "BLUE"] == 4
    assert found["scanhub_dicom_received_bytes_total", "BLUE"] > 4 * 512
    assert found["scanhub_dicom_outcomes_total", "stored"] == 2
    assert found["scanhub_dicom_outcomes_total", "duplicate"] == 4
    assert found["scanhub_dicom_outcomes_total", "quarantined"] == 0


def test_titles_without_end_are_counted_together():
    tally = Tally()
    for number in range(60):
        tally.note(f"AE{number}", Outcome.STORED, 10)
    images = next(iter(tally.measures())).values
    assert (len(images), images["others"], sum(images.values())) == (51, 10, 60)
