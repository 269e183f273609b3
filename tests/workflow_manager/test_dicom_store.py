"""The index: every instance in exactly one known place, nothing overwritten."""

import asyncio
import os

import pytest
from images import SERIES, STUDY, instance, write_instance

from scanhub_libraries.database import reading
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom import repository
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.dicom.rules import NotStorableError, checked_uid
from workflow_manager.dicom.service import DicomStore
from workflow_manager.journal import repository as journal

ORIGIN = Origin(source="SCANNER")


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "root")


@pytest.fixture
def store(sessions, lake):
    return DicomStore(sessions, lake)


async def rows(sessions):
    async with reading(sessions) as session:
        return await repository.list_instances(session, SERIES)


async def journal_types(sessions):
    async with reading(sessions) as session:
        return [e.type for e in await journal.list_events(session, after=0, limit=100)]


async def test_an_instance_is_stored_as_it_came_and_indexed(store, sessions, lake, tmp_path):
    path = write_instance(tmp_path, 1)
    stored = await store.store_instance(path.read_bytes(), ORIGIN)
    assert stored.outcome is Outcome.STORED
    (row,) = await rows(sessions)
    assert row.key == f"dicom/{STUDY}/{SERIES}/{SERIES}.1.dcm"
    assert lake.path(row.key).read_bytes() == path.read_bytes()
    assert (row.instance_number, row.tags["PatientID"]) == (1, "P-1")
    async with reading(sessions) as session:
        ((series, count),) = await repository.list_series(session, study_instance_uid=STUDY)
    assert (series.modality, series.series_number, count) == ("MR", 4, 1)
    assert (series.complete, series.source) == (False, "SCANNER")
    assert await journal_types(sessions) == ["dicom.series.received"]


async def test_many_files_are_stored_at_once_and_what_is_none_is_kept_aside(
    store, sessions, lake, tmp_path
):
    paths = [write_instance(tmp_path, number) for number in range(1, 19)]
    (tmp_path / "none.dcm").write_bytes(b"no DICOM")
    given = [*paths, paths[0], tmp_path / "none.dcm"]
    stored = await store.store_instances(given, ORIGIN)
    found = [one.outcome for one in stored]
    assert found == [*[Outcome.STORED] * 18, Outcome.DUPLICATE, Outcome.QUARANTINED]
    assert [one.header.sop_instance_uid for one in stored[:2]] == [f"{SERIES}.1", f"{SERIES}.2"]
    indexed = {row.key: row.duplicates for row in await rows(sessions)}
    assert sum(indexed.values()) == 1
    for number, path in enumerate(paths, 1):
        place = lake.path(f"dicom/{STUDY}/{SERIES}/{SERIES}.{number}.dcm")
        assert place.read_bytes() == path.read_bytes()
    assert not list(lake.root.rglob("*.part"))
    assert (await journal_types(sessions)).count("dicom.series.received") == 1
    assert await store.store_instances([], ORIGIN) == []


async def test_a_file_of_the_lake_is_linked_not_copied(store, sessions, lake, tmp_path):
    path = write_instance(lake.root / "lake", 1)
    await store.store_instance(path, ORIGIN)
    (row,) = await rows(sessions)
    assert lake.path(row.key).samefile(path)


async def test_storing_again_is_counted_and_nothing_more(store, sessions, lake, tmp_path):
    path = write_instance(tmp_path, 1)
    await store.store_instance(path, ORIGIN)
    again = await store.store_instance(path.read_bytes(), Origin(source="OTHER"))
    assert again.outcome is Outcome.DUPLICATE
    (row,) = await rows(sessions)
    assert row.duplicates == 1
    assert len(list(lake.root.rglob("*.dcm"))) == 1


async def test_a_file_that_vanished_is_put_back_by_whoever_stores_it_again(store, lake, tmp_path):
    path = write_instance(tmp_path, 1)
    await store.store_instance(path, ORIGIN)
    (stored,) = lake.root.rglob("*.dcm")
    stored.unlink()
    again = await store.store_instance(path, ORIGIN)
    assert again.outcome is Outcome.DUPLICATE
    assert stored.read_bytes() == path.read_bytes()


async def test_another_object_under_the_same_uid_is_kept_aside(store, sessions, lake, tmp_path):
    first = write_instance(tmp_path / "a", 1)
    second = write_instance(tmp_path / "b", 1, text="changed")
    await store.store_instance(first, ORIGIN)
    assert (await store.store_instance(second, ORIGIN)).outcome is Outcome.CONFLICT
    assert (await store.store_instance(second, ORIGIN)).outcome is Outcome.CONFLICT
    (row,) = await rows(sessions)
    assert lake.path(row.key).read_bytes() == first.read_bytes()
    (kept,) = (lake.root / "dicom" / "conflicts").iterdir()
    assert kept.read_bytes() == second.read_bytes()
    assert row.conflicts == 2
    assert "dicom.instance.conflict" in await journal_types(sessions)


async def test_bytes_that_cannot_be_parsed_are_kept_with_a_reason(store, sessions, lake):
    stored = await store.store_instance(b"this is no DICOM", ORIGIN)
    assert stored.outcome is Outcome.QUARANTINED
    assert "no DICOM file" in stored.detail
    kept = sorted((lake.root / "dicom" / "quarantine").iterdir())
    assert [path.suffix for path in kept] == [".dcm", ".json"]
    assert await journal_types(sessions) == ["dicom.instance.quarantined"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("StudyInstanceUID", "../../../etc"), ("SOPInstanceUID", "1.2/3"), ("SeriesInstanceUID", "")],
)
async def test_a_uid_that_is_none_never_becomes_a_path(store, lake, tmp_path, keyword, value):
    dataset = instance(1)
    dataset.add_new(keyword, "LO", value)  # written with a wrong VR, as a hostile sender would
    path = tmp_path / "hostile.dcm"
    dataset.save_as(path, enforce_file_format=True)
    stored = await store.store_instance(path, ORIGIN)
    assert stored.outcome is Outcome.QUARANTINED
    assert {p.parent.name for p in lake.root.rglob("*.dcm")} == {"quarantine"}


def test_uids_are_digits_and_dots_of_at_most_64_characters():
    assert checked_uid("1.2.840.0", "UID") == "1.2.840.0"
    assert checked_uid("1.02.3", "UID") == "1.02.3"
    for text in ("", None, ".", "1.", "1..2", "1.2\n", "a", "1" * 65, "..", "1.2/../3"):
        with pytest.raises(NotStorableError):
            checked_uid(text, "UID")


async def test_many_at_once_store_each_once(store, sessions, lake, tmp_path):
    paths = [write_instance(tmp_path, n) for n in range(1, 6)]
    stored = await asyncio.gather(
        *(store.store_instance(path.read_bytes(), ORIGIN) for path in paths * 3)
    )
    outcomes = [s.outcome for s in stored]
    assert outcomes.count(Outcome.STORED) == 5
    assert outcomes.count(Outcome.DUPLICATE) == 10
    assert len(await rows(sessions)) == 5
    assert not list(lake.root.rglob("*.part"))


async def test_different_objects_under_one_uid_at_once_leave_one_in_place(
    store, sessions, lake, tmp_path
):
    paths = [write_instance(tmp_path / str(n), 1, text=f"version {n}") for n in range(4)]
    stored = await asyncio.gather(*(store.store_instance(path, ORIGIN) for path in paths))
    assert sorted(s.outcome for s in stored) == ["conflict"] * 3 + ["stored"]
    (row,) = await rows(sessions)
    winner = next(p for p, s in zip(paths, stored, strict=True) if s.outcome is Outcome.STORED)
    assert lake.path(row.key).read_bytes() == winner.read_bytes()
    assert len(list((lake.root / "dicom" / "conflicts").iterdir())) == 3


async def test_a_file_whose_row_was_never_written_is_no_obstacle(store, sessions, lake, tmp_path):
    target = lake.root / "dicom" / STUDY / SERIES / f"{SERIES}.1.dcm"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"left by a crash before the answer")
    path = write_instance(tmp_path, 1)
    assert (await store.store_instance(path, ORIGIN)).outcome is Outcome.STORED
    assert target.read_bytes() == path.read_bytes()


async def test_a_full_disk_leaves_no_row(store, sessions, tmp_path, monkeypatch):
    path = write_instance(tmp_path, 1)

    def no_space(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        await store.store_instance(path.read_bytes(), ORIGIN)
    monkeypatch.undo()
    assert await rows(sessions) == []
    assert (await store.store_instance(path, ORIGIN)).outcome is Outcome.STORED


async def test_the_index_keeps_tags_that_are_json(store, sessions, tmp_path):
    dataset = instance(1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PixelSpacing = [0.5, 0.25]
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Müller^Zoë"
    path = tmp_path / "a.dcm"
    dataset.save_as(path, enforce_file_format=True)
    await store.store_instance(path, ORIGIN)
    async with reading(sessions) as session:
        row = await session.get(DicomInstance, dataset.SOPInstanceUID)
    assert row.tags["ImageType"] == ["ORIGINAL", "PRIMARY"]
    assert row.tags["PixelSpacing"] == [0.5, 0.25]
    assert row.tags["PatientName"] == "Müller^Zoë"
    assert row.tags["Rows"] == 16
