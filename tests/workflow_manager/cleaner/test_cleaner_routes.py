"""The cleaner of a running service: holds, previews, and what people see afterwards."""

from datetime import timedelta

import httpx
import pytest
from images import STUDY, write_instance
from workflow_service import WORKFLOW, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import UserRole
from workflow_manager.dicom.entries import Origin

SERIES = "1.2.3"


@pytest.fixture
async def cleaned(serving, tmp_path):
    """A service that sends what it gets into a folder, and removes it after a day."""
    async with serving(series_quiet_s=0.1, clean_sent_days=1) as service:
        (tmp_path / "archive").mkdir()
        target = {
            "target_type": "folder",
            "name": "Archive",
            "folder": str(tmp_path / "archive"),
        }
        rule = {"name": "all", "rule": "True", "target": "Archive"}
        for path, body in (("/targets", target), ("/rules", rule)):
            answer = await service.user.post(f"{WORKFLOW}{path}", json=body)
            assert answer.status_code == 201, answer.text
        yield service


async def receive(service, tmp_path, *numbers, case=1):
    for number in numbers:
        path = write_instance(tmp_path / "scanner", number, series=SERIES)
        await service.wiring.store.store_instance(path, Origin("SCANNER"))

    async def done():
        cases = await service.get(f"/cases?series_instance_uid={SERIES}&state=done")
        return [c for c in cases if c["number"] == case]

    await until(done)


async def test_a_study_under_hold_stays_until_the_hold_is_lifted(cleaned, tmp_path):
    await receive(cleaned, tmp_path, 1)
    hold, later = f"{WORKFLOW}/studies/{STUDY}/hold", utc_now() + timedelta(days=2)
    for reason in ("audit", "court"):
        answer = await cleaned.user.put(hold, json={"reason": reason})
        assert answer.status_code == 200, answer.text
    (held,) = await cleaned.get("/holds")
    assert (held["study_instance_uid"], held["reason"], held["held_by"]) == (
        STUDY,
        "court",
        "user:tester",
    )
    assert await cleaned.get(f"/holds?study_instance_uid={STUDY}") == [held]
    assert await cleaned.get("/holds?study_instance_uid=1.9") == []
    await cleaned.app.state.cleaner.clean(later)
    assert len(await cleaned.get("/series")) == 1
    assert len(await cleaned.get(f"/series/{SERIES}/instances")) == 1
    assert (await cleaned.user.delete(hold)).status_code == 204
    assert (await cleaned.user.delete(hold)).status_code == 404
    assert await cleaned.get("/holds") == []
    await cleaned.app.state.cleaner.clean(later)
    assert await cleaned.get("/dicomweb/studies") == []
    events = await cleaned.get(f"/journal?subject={STUDY}")
    kinds = [
        event["type"] for event in events if "hold" in event["type"] or "held" in event["type"]
    ]
    assert kinds == ["dicom.study.held"] * 2 + ["dicom.study.hold_lifted"]
    assert "court" not in str(events)


async def test_a_hold_needs_a_study_and_a_reason(cleaned):
    for uid, body, status in (("1.9", {"reason": "x"}, 404), (STUDY, {"reason": " "}, 422)):
        answer = await cleaned.user.put(f"{WORKFLOW}/studies/{uid}/hold", json=body)
        assert answer.status_code == status, answer.text


async def test_what_was_removed_is_found_no_more_and_sent_again_when_it_comes_again(
    cleaned, tmp_path
):
    await receive(cleaned, tmp_path, 1, 2)
    found = await cleaned.get("/cleaner/preview?free_bytes=1")
    assert [one["series_instance_uid"] for one in found["series"]] == [SERIES]
    assert (await cleaned.get("/cleaner/preview"))["series"] == []  # not old enough
    await cleaned.app.state.cleaner.clean(utc_now() + timedelta(days=2))
    for path in ("/dicomweb/studies", "/dicomweb/series", "/dicomweb/instances"):
        assert await cleaned.get(path) == []
    for path in (f"/series/{SERIES}/instances", f"/dicomweb/studies/{STUDY}/metadata"):
        assert (await cleaned.user.get(f"{WORKFLOW}{path}")).status_code == 404
    for file in (tmp_path / "archive").rglob("*.dcm"):
        file.unlink()
    await receive(cleaned, tmp_path, 2, case=2)
    assert [f.name for f in (tmp_path / "archive").rglob("*.dcm")] == [f"{SERIES}.2.dcm"]
    (study,) = await cleaned.get("/dicomweb/studies")
    assert study["00201208"]["Value"] == [1]


async def test_sending_again_what_was_removed_says_why_it_cannot(cleaned, tmp_path):
    await receive(cleaned, tmp_path, 1)
    await cleaned.app.state.cleaner.clean(utc_now() + timedelta(days=2))
    (dispatch,) = await cleaned.get("/dispatches")
    answer = await cleaned.user.post(
        f"{WORKFLOW}/dispatches/{dispatch['id']}/retry", params={"again": True}
    )
    assert answer.status_code == 200, answer.text

    async def failed():
        (row,) = await cleaned.get("/dispatches")
        return row if row["status"] == "failed" else None

    assert "were removed" in (await until(failed))["error"]


async def test_who_may_not_change_anything_may_look(cleaned, headers_of):
    headers = headers_of(UserRole.ENGINEER)
    async with httpx.AsyncClient(
        transport=cleaned.user._transport, base_url="http://test", headers=headers
    ) as engineer:
        assert (await engineer.get(f"{WORKFLOW}/cleaner/preview")).status_code == 200
    async with httpx.AsyncClient(
        transport=cleaned.user._transport, base_url="http://test"
    ) as nobody:
        answer = await nobody.put(f"{WORKFLOW}/studies/{STUDY}/hold", json={"reason": "x"})
        assert answer.status_code == 401


async def test_how_long_things_stay_is_told_with_what_the_disk_asks_for(serving):
    settings = {"clean_sent_days": 1, "clean_offpeak_only": True, "clean_above_percent": 0.001}
    async with serving(**settings) as service:
        told = await service.get("/cleaner")
    retention = {name: value for name, value in told["retention"].items() if value is not None}
    assert retention == {"sent_days": 1, "offpeak_only": True, "above_percent": 0.001}
    used = told["total_bytes"] - told["free_bytes"]
    assert told["over_bytes"] == used - int(told["total_bytes"] * 0.001 / 100)
