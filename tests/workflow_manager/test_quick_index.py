"""The quick way into the index writes what the general one writes, and leaves it the rest."""

import shutil
import sqlite3

import pytest
import sqlalchemy as sa
from images import SERIES
from test_dicom_index import arrival, put, rows

from scanhub_libraries.database import create_engine, create_sessions, sqlite_url, writer_for_thread
from workflow_manager.dicom.image import header_of, image_of
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.quick_index import enter_usual
from workflow_manager.dicom.quick_statements import STATEMENTS


@pytest.fixture
def database(tmp_path, empty_file):
    return shutil.copyfile(empty_file("workflow_manager"), tmp_path / "index.sqlite")


@pytest.fixture
async def writer(database):
    engine = create_engine(sqlite_url(database))
    sessions = create_sessions(engine)
    writer = writer_for_thread(sessions)
    yield sessions, writer
    writer.close()
    await engine.dispose()


def quickly(writer, *arrivals, place=len):
    with writer.transaction() as connection:
        return enter_usual(connection, STATEMENTS, [image_of(a.header) for a in arrivals], place)


def as_dict(row):
    skipped = {"received_at", "series_id"}
    return {
        c.key: getattr(row, c.key) for c in sa.inspect(type(row)).columns if c.key not in skipped
    }


async def test_a_row_is_that_of_the_general_way(writer):
    sessions, direct = writer
    tags = {"Rows": 16, "NumberOfFrames": 3, "ImageType": ["A", "B"], "SliceLocation": 1.5}
    await put(sessions, arrival(1, **tags), arrival(2, **tags))
    (other,) = [row for row in await rows(sessions, DicomInstance) if row.instance_number == 2]
    async with sessions.begin() as session:
        await session.execute(sa.delete(DicomInstance).where(DicomInstance.instance_number == 2))
    assert quickly(direct, arrival(2, **tags)) == {0}
    (row,) = [row for row in await rows(sessions, DicomInstance) if row.instance_number == 2]
    assert as_dict(row) == as_dict(other)
    (series,) = await rows(sessions, DicomSeries)
    assert row.series_id == series.id
    assert series.number_of_series_related_instances == 3
    assert row.received_at == series.last_received_at
    assert row.received_at.tzinfo is not None


async def test_what_is_not_usual_is_handed_back_untouched(writer):
    sessions, direct = writer
    await put(sessions, arrival(1))
    placed = []
    entered = quickly(
        direct,
        arrival(2),
        arrival(1, content="other"),
        arrival(3, series=f"{SERIES}.9"),
        arrival(4, PatientID="P-2"),
        arrival(5, PatientName="Smith^John"),
        arrival(6, PatientName="DOE^Jane^^"),
        arrival(2, content="again"),
        place=placed.extend,
    )
    assert entered == {0, 5}
    assert placed == [0, 5]
    found = {row.instance_number for row in await rows(sessions, DicomInstance)}
    assert found == {1, 2, 6}


async def test_a_late_image_opens_its_series_again(writer):
    sessions, direct = writer
    await put(sessions, arrival(1))
    async with sessions.begin() as session:
        await session.execute(sa.update(DicomSeries).values(complete=True, closed_at=sa.func.now()))
    quickly(direct, arrival(2))
    (series,) = await rows(sessions, DicomSeries)
    assert (series.complete, series.closed_at) == (False, None)


async def test_a_file_that_gets_no_place_leaves_no_row(writer):
    sessions, direct = writer
    await put(sessions, arrival(1))

    def full(_entered):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        quickly(direct, arrival(2), place=full)
    assert len(await rows(sessions, DicomInstance)) == 1
    assert quickly(direct, arrival(2)) == {0}  # the turn was given back


async def test_a_database_that_fails_gives_the_turn_back(writer):
    sessions, direct = writer
    with pytest.raises(sqlite3.OperationalError), direct.transaction() as connection:
        connection.execute("SELECT * FROM nothing")
    await put(sessions, arrival(1))


def test_an_image_is_its_header():
    header = arrival(1, Rows=3, PatientName="A^B").header
    assert header_of(image_of(header)) == header
