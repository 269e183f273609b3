"""How instances enter the index: many at once, counted right, and no patients merged."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from images import SERIES, STUDY

from scanhub_libraries.database import create_engine, create_sessions, reading, transaction
from scanhub_libraries.migrate import upgrade
from workflow_manager.dicom.attributes import Level
from workflow_manager.dicom.columns import columns_of, person_key, plain_date, plain_time
from workflow_manager.dicom.entries import Arrival, Origin, Outcome
from workflow_manager.dicom.index import enter
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dicom.part10 import Header

TIME = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ORIGIN = Origin(source="SCANNER", receiver_aet="SCANHUB", sender_address="10.0.0.7")
TAGS = {"PatientID": "P-1", "PatientName": "Döe^Jane", "Modality": "MR", "StudyDate": "20260102"}


def arrival(number, *, study=STUDY, series=SERIES, content="", uid=None, **tags):
    header = Header(
        study_instance_uid=study,
        series_instance_uid=series,
        sop_instance_uid=uid or f"{series}.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=hashlib.sha256(f"{number} {content}".encode()).hexdigest(),
        size=1000,
        tags={**TAGS, "InstanceNumber": number, **tags},
    )
    return Arrival(header, ORIGIN)


async def put(sessions, *arrivals):
    async with transaction(sessions) as session:
        return await enter(session, arrivals)


async def rows(sessions, table):
    async with reading(sessions) as session:
        return (await session.scalars(sa.select(table))).all()


async def test_many_instances_of_many_series_enter_in_one_batch(sessions):
    batch = await put(
        sessions,
        *(arrival(n, Rows=4, Columns=5, BitsAllocated=16) for n in range(1, 4)),
        *(arrival(n, series=f"{SERIES}.9", Modality="CT") for n in range(1, 3)),
    )
    assert [e.outcome for e in batch.entered] == [Outcome.STORED] * 5
    assert batch.entered[0].key == f"dicom/{STUDY}/{SERIES}/{SERIES}.1.dcm"
    assert [e.type for e in batch.events] == ["dicom.series.received"] * 2
    assert "Jane" not in json.dumps([e.data for e in batch.events])
    (study,) = await rows(sessions, DicomStudy)
    assert (study.patient_name, study.patient_name_key) == ("Döe^Jane", "doe^jane")
    series = {row.modality: row for row in await rows(sessions, DicomSeries)}
    counts = {m: row.number_of_series_related_instances for m, row in series.items()}
    assert counts == {"MR": 3, "CT": 2}
    assert (series["MR"].receiver_aet, series["MR"].sender_address) == ("SCANHUB", "10.0.0.7")
    instances = await rows(sessions, DicomInstance)
    assert {(i.rows, i.columns, i.bits_allocated) for i in instances} == {
        (4, 5, 16),
        (None, None, None),
    }


async def test_the_same_again_is_counted_and_other_content_is_a_conflict(sessions):
    one = arrival(1)
    batch = await put(sessions, one, one, arrival(1, content="other"), arrival(2))
    outcomes = [e.outcome for e in batch.entered]
    assert outcomes == ["stored", "duplicate", "conflict", "stored"]
    assert batch.entered[2].key.startswith("dicom/conflicts/")
    batch = await put(sessions, one, arrival(1, content="other"))
    assert [e.outcome for e in batch.entered] == ["duplicate", "conflict"]
    assert [e.type for e in batch.events] == ["dicom.instance.conflict"]
    first = next(i for i in await rows(sessions, DicomInstance) if i.instance_number == 1)
    assert (first.duplicates, first.conflicts) == (2, 2)
    (series,) = await rows(sessions, DicomSeries)
    assert series.number_of_series_related_instances == 2


async def test_an_instance_that_is_elsewhere_already_makes_no_empty_series(sessions):
    await put(sessions, arrival(1))
    moved = arrival(1, uid=f"{SERIES}.1", series=f"{SERIES}.7", study=f"{STUDY}.7", content="moved")
    batch = await put(sessions, moved)
    assert [e.outcome for e in batch.entered] == ["conflict"]
    assert [e.type for e in batch.events] == ["dicom.instance.conflict"]
    assert len(await rows(sessions, DicomSeries)) == len(await rows(sessions, DicomStudy)) == 1


async def test_another_patient_in_a_study_is_kept_and_reported_once_a_series(sessions):
    await put(sessions, arrival(1))
    other = {"PatientID": "P-2", "PatientName": "Roe^Rita"}
    first = await put(sessions, arrival(2, **other), arrival(3, **other))
    second = await put(sessions, arrival(4, **other))
    third = await put(sessions, arrival(1, series=f"{SERIES}.5", **other))
    reported = [e for b in (first, second, third) for e in b.events if "other_patient" in e.type]
    assert len(reported) == 2
    assert "Roe" not in json.dumps([e.data for e in reported])
    assert "P-2" not in json.dumps([e.data for e in reported])
    assert all(row.other_patient for row in await rows(sessions, DicomSeries))
    assert len(await rows(sessions, DicomInstance)) == 5


async def test_the_same_name_written_otherwise_is_the_same_patient(sessions):
    batch = await put(sessions, arrival(1), arrival(2, PatientName="DOE^JANE^^"))
    assert [e.type for e in batch.events] == ["dicom.series.received"]


async def test_the_same_series_uid_in_two_studies_stays_two_series(sessions):
    await put(sessions, arrival(1), arrival(2, study=f"{STUDY}.2", PatientID="P-2"))
    found = {row.study_instance_uid: row.patient_id for row in await rows(sessions, DicomSeries)}
    assert found == {STUDY: "P-1", f"{STUDY}.2": "P-2"}


async def test_writers_at_the_same_time_store_each_once(sessions):
    everything = [arrival(n, series=f"{SERIES}.{n % 3}") for n in range(30)]
    batches = [everything, everything[::-1], everything[10:] + everything[:10]]
    done = await asyncio.gather(*(put(sessions, *batch) for batch in batches))
    outcomes = [e.outcome for batch in done for e in batch.entered]
    assert (outcomes.count("stored"), outcomes.count("duplicate")) == (30, 60)
    assert [e.type for batch in done for e in batch.events] == ["dicom.series.received"] * 3
    series = await rows(sessions, DicomSeries)
    assert [row.number_of_series_related_instances for row in series] == [10, 10, 10]


async def test_values_that_no_column_can_hold_lose_no_image(sessions):
    huge = {
        "PatientID": "\U0001f9e0" * 5000,
        "PatientName": "\ufdfa" * 5000,
        "Rows": [3, 4],
        "SeriesNumber": 10**30,
        "NumberOfFrames": "many",
        "StudyDate": ["20260101", "20260102"],
    }
    batch = await put(sessions, arrival(1, **huge))
    assert [e.outcome for e in batch.entered] == ["stored"]


async def test_a_late_image_opens_its_series_again_unless_it_is_ours(sessions):
    await put(sessions, arrival(1))
    ours = arrival(1, series=f"{SERIES}.2")
    ours = replace(ours, origin=Origin(source="run", task_id=UUID(int=1)))
    await put(sessions, ours)
    async with transaction(sessions) as session:
        await session.execute(sa.update(DicomSeries).values(complete=True))
    late = replace(arrival(2, series=f"{SERIES}.2"), origin=ours.origin)
    await put(sessions, arrival(2), late)
    found = {s.series_instance_uid: s.complete for s in await rows(sessions, DicomSeries)}
    assert found == {SERIES: False, f"{SERIES}.2": True}


def test_names_are_compared_without_case_accents_and_empty_ends():
    assert person_key("MÜLLER^Zoë^^^") == "muller^zoe"
    assert person_key("Yamada^Tarou=山田^太郎=やまだ^たろう") == person_key(
        "YAMADA^tarou^=山田^太郎=やまだ^たろう="
    )
    assert person_key("Straße") == "strasse"


def test_dates_and_times_compare_as_texts():
    assert plain_date("2026.01.02") == plain_date("20260102") == "20260102"
    assert [plain_time(t) for t in ("09", "0930", "09:30:15", "093015.5")] == [
        "090000",
        "093000",
        "093015",
        "093015.5",
    ]


def test_every_level_has_its_columns():
    assert set(columns_of(Level.INSTANCE, {})) <= set(DicomInstance.model_fields)
    assert set(columns_of(Level.SERIES, {})) <= set(DicomSeries.model_fields)
    assert set(columns_of(Level.STUDY, {})) <= set(DicomStudy.model_fields)


def fill_release_3(connection):
    """A series of two images as the release before the studies stored it."""
    metadata = sa.MetaData()
    series = sa.Table("dicom_series", metadata, autoload_with=connection)
    instances = sa.Table("dicom_instance", metadata, autoload_with=connection)
    one = UUID(int=7)
    id_ = one.hex if connection.dialect.name == "sqlite" else one
    row = {"id": id_, "study_instance_uid": "1.2", "series_instance_uid": "1.2.3"}
    row |= {"modality": "MR", "series_description": "T1", "patient_id": "P-1", "source": "SCANNER"}
    row |= {"patient_name": "Döe^Jane", "study_date": "20260102", "complete": False}
    row |= {"received_at": TIME, "last_received_at": TIME}
    connection.execute(series.insert(), [row])
    tags = {**TAGS, "Rows": 16, "AccessionNumber": "A-1", "BodyPartExamined": "HEAD"}
    image = {"series_id": id_, "sop_class_uid": "1", "transfer_syntax_uid": "1", "sha256": "x"}
    image |= {"size": 1, "key": "k", "tags": tags, "duplicates": 0, "conflicts": 0}
    image |= {"received_at": TIME}
    connection.execute(
        instances.insert(), [{**image, "sop_instance_uid": f"1.2.3.{n}"} for n in (1, 2)]
    )


async def test_what_was_indexed_before_is_in_the_new_columns(database_url):
    await asyncio.to_thread(upgrade, "workflow_manager", database_url, "0003")
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(fill_release_3)
    await engine.dispose()
    await asyncio.to_thread(upgrade, "workflow_manager", database_url)
    engine = create_engine(database_url)
    sessions = create_sessions(engine)
    (study,) = await rows(sessions, DicomStudy)
    (series,) = await rows(sessions, DicomSeries)
    assert (study.patient_name_key, study.accession_number) == ("doe^jane", "A-1")
    assert (series.number_of_series_related_instances, series.body_part_examined) == (2, "HEAD")
    assert {row.rows for row in await rows(sessions, DicomInstance)} == {16}
    await engine.dispose()
