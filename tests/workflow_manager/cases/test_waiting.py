"""What a service does while nothing happens: it knows when it has to look, and looks seldom."""

import dataclasses
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col
from workflow_service import a_port, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, reading, transaction
from scanhub_libraries.ids import new_id
from workflow_manager.cases import keeper
from workflow_manager.cases.keeper import CaseKeeper
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch import desk as dispatch_desk
from workflow_manager.dispatch.desk import DispatchDesk
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.repository import next_attempt_at
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.retrieval.desk import RetrievalDesk

HOUR = {"series_quiet_s": 3600.0, "series_closed_quiet_s": 600.0}


class Statements:
    """Counts what is asked of a database by work that shares the rest with a running service."""

    def __init__(self, service):
        self._engine = create_engine(service.wiring.settings.database_url)
        self.wiring = dataclasses.replace(service.wiring, sessions=create_sessions(self._engine))
        self.said: list[str] = []

    async def __aenter__(self):
        sa.event.listen(self._engine.sync_engine, "before_cursor_execute", self._note)
        return self

    async def __aexit__(self, *_reason):
        await self._engine.dispose()

    def _note(self, _connection, _cursor, statement, *_more):
        self.said.append(statement)

    async def of(self, work):
        del self.said[:]
        await work()
        return len(self.said)


async def test_a_look_of_whoever_has_nothing_to_do_is_a_few_statements(serving):
    async with serving() as service, Statements(service) as statements:
        keeping = CaseKeeper(statements.wiring)
        sending, fetching = DispatchDesk(statements.wiring), RetrievalDesk(statements.wiring)
        looks = {
            keeping.complete_series: 1,
            keeping.until_a_series_is_due: 1,
            keeping.review_studies: 1,
            keeping.until_a_study_is_due: 1,
            keeping.settle_cases: 1,
            sending.look: 3,
            sending.until_due: 1,
            fetching.look: 1,
            fetching.until_offpeak: 0,
        }
        asked = {look.__qualname__: await statements.of(look) for look in looks}
        assert asked == {look.__qualname__: most for look, most in looks.items()}


async def test_the_keeper_knows_when_a_series_will_be_quiet(serving, ward_of, database_url):
    async with serving(database_url=database_url, **HOUR) as service:
        ward, keeping = ward_of(service), CaseKeeper(service.wiring)
        assert await keeping.until_a_series_is_due() is None
        await ward.receive("1.1", 1)
        await ward.receive("1.2", 1)
        assert await keeping.until_a_series_is_due() == pytest.approx(3600, abs=600)
        async with transaction(service.wiring.sessions) as session:
            ended = sa.update(DicomSeries).where(col(DicomSeries.series_instance_uid) == "1.2")
            await session.execute(ended.values(closed_at=utc_now()))
        assert await keeping.until_a_series_is_due() == pytest.approx(600, abs=300)


async def test_the_keeper_knows_when_the_time_of_a_study_comes(serving, ward_of, database_url):
    times = {"series_quiet_s": 0.2, "study_complete_s": 7200.0, "study_force_s": 9000.0}
    async with serving(database_url=database_url, **times) as service:
        ward, keeping = ward_of(service), CaseKeeper(service.wiring)
        assert await keeping.until_a_study_is_due() is None
        await ward.add_rule("tell", action="notification", target=[], action_trigger="study")
        await ward.receive("1.1", 1)
        await ward.case("waiting")
        assert await keeping.until_a_study_is_due() == pytest.approx(7200, abs=600)


async def test_the_next_attempt_is_the_first_that_is_still_to_come(serving, ward_of, database_url):
    async with serving(database_url=database_url, **HOUR) as service:
        await ward_of(service).receive("1.1", 1)
        now = utc_now()
        async with transaction(service.wiring.sessions) as session:
            series = await session.scalar(sa.select(DicomSeries))
            for seconds, status in ((-60, "waiting"), (600, "waiting"), (900, "waiting")):
                due = now + timedelta(seconds=seconds)
                session.add(dispatch_of(series, DispatchStatus(status), due))
        async with reading(service.wiring.sessions) as session:
            assert await next_attempt_at(session, now) == now + timedelta(seconds=600)
            assert await next_attempt_at(session, now + timedelta(hours=1)) is None


def dispatch_of(series, status, due):
    return Dispatch(
        id=new_id(),
        target=f"NOWHERE {due:%M}",
        series_id=series.id,
        series_instance_uid=series.series_instance_uid,
        study_instance_uid=series.study_instance_uid,
        status=status,
        next_attempt_at=due,
    )


async def test_nothing_waits_for_a_look_that_comes_now_and_then(
    serving, ward_of, node, monkeypatch
):
    for module in (keeper, dispatch_desk):
        monkeypatch.setattr(module, "_LONGEST_S", 3600.0)
    port = a_port()
    times = {"series_quiet_s": 7200.0, "series_closed_quiet_s": 0.2}
    async with serving(dicom_port=port, dispatch_backoff_s=(0.2,) * 500, **times) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_rule("send")
        await ward.add_rule("tell", action="notification", target=[], action_trigger="study")
        await ward.send(port, "1.1", 1, 2)  # closed: complete after a short time
        await ward.case("done", rule="send")
        await ward.case("waiting", rule="tell")
        node.status = 0xA700
        await ward.send(port, "1.2", 1)
        await until(lambda: node.refused > 1)  # tried again, as the times between attempts say
        node.status = 0
        await until(lambda: len(node.received) == 3)

        async def all_done():
            found = await service.get("/cases?rule=send&state=done")
            return len(found) == 2

        await until(all_done)
