"""A series or a case that cannot be moved on holds up no other, however many there are of them."""

import sqlalchemy as sa
from structlog.testing import capture_logs
from workflow_service import until

from scanhub_libraries.database import transaction
from workflow_manager.cases import keeper

QUIET = {"series_quiet_s": 0.2}
BROKEN = 3
"""More than are looked at together."""
CANNOT = "a series cannot be completed"
REFUSED = """
CREATE TRIGGER refused BEFORE INSERT ON series_decision
WHEN (SELECT series_description FROM dicom_series WHERE id = NEW.series_id) = 'broken'
BEGIN SELECT RAISE(ABORT, 'it cannot be decided'); END
"""


async def run(service, statement):
    async with transaction(service.wiring.sessions) as session:
        await session.execute(sa.text(statement))


async def test_series_that_cannot_be_completed_hold_up_none_and_health_tells(
    serving, ward_of, monkeypatch
):
    monkeypatch.setattr(keeper, "AT_ONCE", BROKEN - 1)
    async with serving(series_quiet_s=3600.0) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        await run(service, REFUSED)
        for number in range(BROKEN):
            await ward.receive(f"1.{number}", 1, description="broken")
        await ward.receive("2.1", 1)
        await run(
            service, "UPDATE dicom_series SET last_received_at = '2026-01-01 00:00:00.000000'"
        )
    with capture_logs() as told:
        await look_at(serving, ward_of)
    failed = {entry["series"] for entry in told if entry["event"] == CANNOT}
    assert failed == {f"1.{number}" for number in range(BROKEN)}
    async with serving(**QUIET) as service:  # after a restart all of them are tried again

        async def all_done():
            return len(await service.get("/cases?state=done")) == BROKEN + 1

        await until(all_done)


async def look_at(serving, ward_of):
    async with serving(**QUIET) as service:
        ward = ward_of(service)
        await ward.case("done", series_instance_uid="2.1")
        health = await service.get("/health/detail")
        (part,) = [part for part in health["parts"] if part["name"] == "series"]
        assert (part["state"], part["numbers"]["open"]) == ("warning", BROKEN)
        await run(service, "DROP TRIGGER refused")


async def test_a_study_that_cannot_be_judged_holds_up_no_other(serving, ward_of):
    gather = {"action": "notification", "target": [], "action_trigger": "study"}
    async with serving(**QUIET) as service:
        ward = ward_of(service)
        await ward.add_rule("broken", **gather)
        await ward.add_rule("whole", **gather)
        await ward.receive("1.1", 1)
        for rule in ("broken", "whole"):
            await ward.case("waiting", rule=rule)
        await run(
            service, """UPDATE image_case SET options = '{"priority": 7}' WHERE rule='broken'"""
        )
    with capture_logs() as told:
        async with serving(**QUIET, study_complete_s=0.2) as service:
            ward = ward_of(service)
            await ward.case("done", rule="whole")
            assert (await ward.case("waiting", rule="broken"))["reason"]
    assert "a case cannot be moved on" in {entry["event"] for entry in told}
