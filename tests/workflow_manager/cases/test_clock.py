"""A clock that is put back, as of a machine that was years ahead until it asked for the time."""

from datetime import timedelta

from sqlmodel import select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomSeries

AHEAD = timedelta(days=2000)


async def test_a_series_that_was_received_in_years_to_come_is_complete_soon(serving, ward_of, node):
    async with serving(series_quiet_s=3600.0) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("all", target="PACS")
        await ward.receive("1.1", 1)
        async with transaction(service.wiring.sessions) as session:
            series = await session.scalar(select(DicomSeries))
            series.last_received_at = series.received_at = utc_now() + AHEAD
    async with serving(series_quiet_s=0.2) as service:
        await ward_of(service).case("done", rule="all")
    assert node.received == ["1.1.1"]


async def test_a_study_that_was_received_in_years_to_come_is_complete_soon(serving, ward_of, node):
    async with serving(series_quiet_s=0.2, study_complete_s=3600.0) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("study", target="PACS", action_trigger="study")
        await ward.receive("1.1", 1)
        await ward.case("waiting", rule="study")
        async with transaction(service.wiring.sessions) as session:
            case = await session.scalar(select(Case))
            case.last_received_at = case.opened_at = utc_now() + AHEAD
            case.waits_until = utc_now() + AHEAD
    async with serving(series_quiet_s=0.2, study_complete_s=0.5) as service:
        done = await ward_of(service).case("done", rule="study")
        assert done["opened_at"] < (utc_now() + timedelta(minutes=1)).isoformat()
    assert node.received == ["1.1.1"]
