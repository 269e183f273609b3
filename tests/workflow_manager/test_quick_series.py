"""A new series enters quickly: what is written is what the general way writes, and its event."""

import asyncio

import pytest
import sqlalchemy as sa
from images import SERIES, STUDY, instance
from test_dicom_index import arrival, put, rows
from test_dicomweb_retrieve import encoded
from test_dicomweb_store import store
from test_node import running  # noqa: F401 - a fixture
from test_quick_index import database, writer  # noqa: F401 - fixtures

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from workflow_manager.dicom.image import image_of
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dicom.quick_series import enter_with_series
from workflow_manager.dicom.receiving import Receiving
from workflow_manager.journal.models import JournalEvent
from workflow_manager.journal.service import append, append_in_thread

pytestmark = pytest.mark.timeout(120)
TABLES = (DicomStudy, DicomSeries, DicomInstance, JournalEvent)
TAGS = {"Rows": 16, "SeriesNumber": 4, "ImageType": ["A", "B"], "StudyDescription": 'ä"\\'}
OTHER = f"{SERIES}.9"


def quickly(direct, *arrivals, place=len):
    images = [image_of(one.header) for one in arrivals]
    with direct.transaction(synced=True) as connection:
        origins = [one.origin for one in arrivals]
        entered, events = enter_with_series(connection, images, origins, place)
        append_in_thread(connection, events)
    return entered


def told(row):
    """A row without what is made up anew each time."""
    made_up = {"id", "series_id", "sequence", "time", "received_at", "last_received_at"}
    return {
        c.key: getattr(row, c.key) for c in sa.inspect(type(row)).columns if c.key not in made_up
    }


async def all_rows(sessions):
    found = {table: await rows(sessions, table) for table in TABLES}
    return {table: sorted(map(told, some), key=str) for table, some in found.items()}


async def forget_all(sessions):
    async with transaction(sessions) as session:
        for table in reversed(TABLES):
            await session.execute(sa.delete(table))


async def test_what_is_written_is_what_the_general_way_writes(writer):  # noqa: F811
    sessions, direct = writer
    several = arrival(1, **TAGS), arrival(2, **TAGS), arrival(3, series=OTHER, **TAGS)
    batch = await put(sessions, *several)
    async with transaction(sessions) as session:
        await append(session, batch.events)
    wanted = await all_rows(sessions)
    await forget_all(sessions)
    assert quickly(direct, *several) == {0, 1, 2}
    found = await all_rows(sessions)
    assert found == wanted
    assert [len(found[table]) for table in TABLES] == [1, 2, 3, 2]
    (event, _) = await rows(sessions, JournalEvent)
    (series, _) = await rows(sessions, DicomSeries)
    for time in (event.time, series.received_at, series.last_received_at):
        assert abs((utc_now() - time).total_seconds()) < 60


async def test_what_is_odd_is_handed_back_untouched(writer):  # noqa: F811
    sessions, direct = writer
    await put(sessions, arrival(1))
    before, placed = await all_rows(sessions), []
    odd = (
        arrival(2),  # of a series that is known
        arrival(1, series=OTHER, uid=f"{SERIES}.1"),
        arrival(4, series=f"{SERIES}.10", PatientID="P-2"),
        arrival(5, series=f"{SERIES}.11", PatientName="Smith^John"),
    )
    for one in odd:
        assert quickly(direct, one, place=placed.extend) == set()
    assert await all_rows(sessions) == before
    assert placed == []


async def test_of_a_uid_that_comes_again_only_the_first_one_enters(writer):  # noqa: F811
    sessions, direct = writer
    placed = []
    entered = quickly(
        direct,
        arrival(1),
        arrival(1, content="other"),
        arrival(9, series=OTHER, uid=f"{SERIES}.1"),
        arrival(2),
        place=placed.extend,
    )
    assert entered == {0, 3}
    assert placed == [0, 3]
    (series,) = await rows(sessions, DicomSeries)
    assert series.number_of_series_related_instances == 2


async def test_a_further_series_joins_the_study_that_is_there(writer):  # noqa: F811
    sessions, direct = writer
    await put(sessions, arrival(1))
    assert quickly(direct, arrival(2, series=OTHER, StudyDescription="later")) == {0}
    (study,) = await rows(sessions, DicomStudy)
    assert study.study_description == ""


async def test_a_file_without_a_place_leaves_nothing_of_its_series(writer):  # noqa: F811
    sessions, direct = writer

    def full(_entered):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        quickly(direct, arrival(1), place=full)
    assert not any((await all_rows(sessions)).values())
    assert quickly(direct, arrival(1)) == {0}


async def test_a_new_series_is_synced_and_what_follows_is_not(writer):  # noqa: F811
    _, direct = writer
    levels = []
    for synced in (True, False):
        with direct.transaction(synced=synced) as connection:
            levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])
    assert levels == [2, 1]  # FULL, NORMAL


async def test_what_is_written_before_anybody_else_came_can_be_synced(writer):  # noqa: F811
    sessions, direct = writer
    assert quickly(direct, arrival(1)) == {0}
    direct.sync()
    assert len(await rows(sessions, DicomInstance)) == 1


async def test_a_listener_has_new_series_indexed_without_the_loop(running, monkeypatch):  # noqa: F811
    async with running() as here:
        monkeypatch.delattr(Receiving, "store_from_thread")
        assert [await here.send(n) for n in (1, 2)] == [0, 0]
        (event,) = await rows(here.sessions, JournalEvent)
        (series,) = await rows(here.sessions, DicomSeries)
        assert event.subject == series.series_instance_uid
        assert series.source == event.data["source"] != ""


async def test_who_follows_the_journal_hears_of_a_series_at_once(service):
    heard = asyncio.Event()
    service.wiring.tail.wake_on(("dicom.series.received",), heard.set)
    assert (await store(service, encoded(instance(1)))).status_code == 200
    await asyncio.wait_for(heard.wait(), 60)
    events = await rows(service.wiring.sessions, JournalEvent)
    (event,) = [one for one in events if one.type == "dicom.series.received"]
    assert (event.actor, event.data["study_instance_uid"]) == ("user:tester", STUDY)
    assert event.correlation_id
