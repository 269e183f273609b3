"""The quick way into the index on PostgreSQL writes what the general one does, and no more."""

import asyncio

import asyncpg
import pytest
import sqlalchemy as sa
from images import SERIES
from test_dicom_index import arrival, put, rows
from test_node import data_set, running  # noqa: F401 - a fixture
from test_quick_index import as_dict
from workflow_service import until

from scanhub_libraries.database import create_engine, create_sessions
from workflow_manager.dicom.image import image_of
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.quick_postgresql import postgresql_index
from workflow_manager.dicom.receiving import Receiving

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def quick(copied_postgresql):
    """With the first image of a series in it."""
    engine = create_engine(copied_postgresql("workflow_manager"))
    sessions = create_sessions(engine)
    await put(sessions, arrival(1))
    found = postgresql_index(sessions)
    yield sessions, found
    await asyncio.to_thread(found.close)
    await engine.dispose()


async def enter(quick, *arrivals, place=len):
    images = [image_of(one.header) for one in arrivals]
    return await asyncio.to_thread(quick.enter_usual, images, place)


async def test_a_row_is_that_of_the_general_way(quick):
    sessions, index = quick
    tags = {"Rows": 16, "NumberOfFrames": 3, "ImageType": ["A", 'ä"'], "SliceLocation": 1.5}
    await put(sessions, arrival(2, **tags))
    (other,) = [row for row in await rows(sessions, DicomInstance) if row.instance_number == 2]
    async with sessions.begin() as session:
        await session.execute(sa.delete(DicomInstance).where(DicomInstance.instance_number == 2))
        await session.execute(sa.update(DicomSeries).values(complete=True))
    assert await enter(index, arrival(2, **tags)) == {0}
    (row,) = [row for row in await rows(sessions, DicomInstance) if row.instance_number == 2]
    assert as_dict(row) == as_dict(other)
    (series,) = await rows(sessions, DicomSeries)
    assert row.series_id == series.id
    assert series.number_of_series_related_instances == 3
    assert row.received_at == series.last_received_at
    assert not series.complete


async def test_of_many_only_what_is_usual_enters(quick):
    sessions, index = quick
    many = [
        arrival(2),
        arrival(1),
        arrival(3, PatientID="P-2"),
        arrival(4, series="1.2.826.0.1.3680043.8.498.9"),
        arrival(5),
        arrival(5, content="other"),
    ]
    placed = []
    assert await enter(index, *many, place=placed.extend) == {0, 4}
    assert sorted(placed) == [0, 4]
    assert {row.instance_number for row in await rows(sessions, DicomInstance)} == {1, 2, 5}
    (series,) = await rows(sessions, DicomSeries)
    assert series.number_of_series_related_instances == 3


async def test_a_file_without_a_place_leaves_no_row_and_the_next_image_enters(quick):
    sessions, index = quick

    def full(_numbers):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await enter(index, arrival(2), place=full)
    assert len(await rows(sessions, DicomInstance)) == 1
    assert await enter(index, arrival(2)) == {0}


async def test_after_a_lost_connection_comes_another(quick):
    sessions, index = quick
    assert await enter(index, arrival(2)) == {0}
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    async with sessions.begin() as session:
        await session.execute(sa.text(f"SELECT pg_terminate_backend(pid) {others}"))

    async def again():
        try:
            return await enter(index, arrival(3)) == {0}
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False

    await until(again)
    assert len(await rows(sessions, DicomInstance)) == 3


async def test_a_listener_on_postgresql_is_answered_from_the_thread(
    running,  # noqa: F811
    copied_postgresql,
    monkeypatch,
):
    async with running(database_url=copied_postgresql("workflow_manager")) as here:
        assert await here.send(1) == 0
        monkeypatch.delattr(Receiving, "store_from_thread")
        assert [await here.send(n) for n in (2, 3)] == [0, 0]
        found = await here.rows()
        assert [row.instance_number for row in found] == [1, 2, 3]
        assert here.lake.path(found[2].key).read_bytes().endswith(data_set(3))
        assert {row.sop_instance_uid for row in found} == {f"{SERIES}.{n}" for n in (1, 2, 3)}
        await until(lambda: not here.incoming())
