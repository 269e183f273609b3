"""Images of a series that was removed come again: from whom and of whom is told by what comes."""

from dataclasses import replace

import sqlalchemy as sa
from images import SERIES, STUDY
from test_dicom_index import arrival, put, rows
from test_quick_index import database, writer  # noqa: F401 - fixtures
from test_quick_postgresql import enter as postgresql_quickly
from test_quick_postgresql import quick  # noqa: F401 - a fixture
from test_quick_series import quickly as with_series

from scanhub_libraries.database import transaction
from workflow_manager.cleaner.service import take_out
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.image import image_of
from workflow_manager.dicom.models import DicomSeries, DicomStudy
from workflow_manager.dicom.quick_index import enter_usual
from workflow_manager.dicom.quick_statements import STATEMENTS

OTHER = f"{SERIES}.9"
RIGHT = {"PatientID": "P-2", "PatientName": "Roe^Rita", "AccessionNumber": "A-2"}
OFFICE = Origin(source="OFFICE", receiver_aet="SECOND", sender_address="10.0.0.9")


def right(number, *, series=SERIES, uid=None):
    """An image with the corrected patient, from another sender."""
    return replace(arrival(number, series=series, uid=uid, **RIGHT), origin=OFFICE)


async def remove(sessions, *uids):
    async with transaction(sessions) as session:
        where = DicomSeries.series_instance_uid.in_(uids)
        for series in (await session.scalars(sa.select(DicomSeries).where(where))).all():
            await take_out(session, series, [], fate="by_hand", why="safety")


async def series_of(sessions, uid=SERIES):
    (found,) = [s for s in await rows(sessions, DicomSeries) if s.series_instance_uid == uid]
    return found


async def force(sessions, rule):
    async with transaction(sessions) as session:
        await session.execute(sa.update(DicomSeries).values(forced_rule=rule, complete=True))


async def test_a_study_that_was_removed_comes_again_with_another_patient(sessions):
    await put(sessions, arrival(1), arrival(1, series=OTHER))
    await force(sessions, "research")
    before = await series_of(sessions)
    await remove(sessions, SERIES, OTHER)
    batch = await put(sessions, right(1), right(2))
    (study,) = await rows(sessions, DicomStudy)
    assert (study.patient_id, study.patient_name, study.accession_number) == (
        "P-2",
        "Roe^Rita",
        "A-2",
    )
    series = await series_of(sessions)
    assert (series.id, series.patient_id, series.other_patient) == (before.id, "P-2", False)
    assert (series.source, series.receiver_aet, series.sender_address) == (
        "OFFICE",
        "SECOND",
        "10.0.0.9",
    )
    assert (series.forced_rule, series.complete, series.removed_at) == ("", False, None)
    assert series.number_of_series_related_instances == 2
    assert [event.type for event in batch.events] == ["dicom.series.received"]
    assert (await series_of(sessions, OTHER)).removed_at is not None


async def test_a_study_of_which_images_are_left_keeps_its_patient(sessions):
    await put(sessions, arrival(1), arrival(1, series=OTHER))
    await remove(sessions, OTHER)
    batch = await put(sessions, right(1, series=OTHER))
    (study,) = await rows(sessions, DicomStudy)
    assert study.patient_id == "P-1"
    series = await series_of(sessions, OTHER)
    assert (series.patient_id, series.other_patient, series.source) == ("P-2", True, "OFFICE")
    assert "dicom.study.other_patient" in [event.type for event in batch.events]


async def test_a_new_series_of_a_study_that_was_emptied_says_whose_it_is(sessions):
    await put(sessions, arrival(1))
    await remove(sessions, SERIES)
    await put(sessions, right(1, series=OTHER))
    (study,) = await rows(sessions, DicomStudy)
    assert (study.patient_id, (await series_of(sessions, OTHER)).other_patient) == ("P-2", False)
    batch = await put(sessions, right(1))
    assert [event.type for event in batch.events] == ["dicom.series.received"]


async def test_an_image_that_is_elsewhere_leaves_a_removed_series_removed(sessions):
    await put(sessions, arrival(1), arrival(5, series=OTHER))
    await remove(sessions, SERIES)
    batch = await put(sessions, right(5, uid=f"{OTHER}.5"))
    assert [one.outcome for one in batch.entered] == ["duplicate"]
    assert (await series_of(sessions)).removed_at is not None


async def test_the_quick_ways_leave_what_was_removed_to_the_general_one(writer):  # noqa: F811
    sessions, direct = writer
    await put(sessions, arrival(1), arrival(1, series=OTHER))
    await remove(sessions, SERIES)
    again = replace(arrival(1), origin=OFFICE)
    with direct.transaction() as connection:
        assert enter_usual(connection, STATEMENTS, [image_of(again.header)], len) == set()
    assert with_series(direct, again) == set()
    assert with_series(direct, arrival(1, series=f"{SERIES}.8")) == set()
    await put(sessions, again)
    assert (await series_of(sessions)).source == "OFFICE"
    with direct.transaction() as connection:
        assert enter_usual(connection, STATEMENTS, [image_of(arrival(2).header)], len) == {0}
    assert with_series(direct, arrival(1, series=f"{SERIES}.8")) == {0}
    assert {row.study_instance_uid for row in await rows(sessions, DicomStudy)} == {STUDY}


async def test_so_does_that_of_postgresql(quick):  # noqa: F811
    sessions, index = quick
    await remove(sessions, SERIES)
    assert await postgresql_quickly(index, arrival(1)) == set()
    await put(sessions, replace(arrival(1), origin=OFFICE))
    assert await postgresql_quickly(index, arrival(2)) == {0}
    series = await series_of(sessions)
    assert (series.source, series.number_of_series_related_instances) == ("OFFICE", 2)
