"""What is not in the archive as it is, or not without a doubt, is listed until it is gone."""

import asyncio
import os
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from images import STUDY, instance
from sqlmodel import col, select
from test_dicomweb_retrieve import encoded
from workflow_service import WORKFLOW, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import (
    JSONDocument,
    UtcDateTime,
    create_engine,
    create_sessions,
    reading,
    transaction,
)
from scanhub_libraries.migrate import upgrade
from workflow_manager.cleaner.cleaning import Cleaner
from workflow_manager.dicom import files
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.leftovers import TORN
from workflow_manager.kept_aside.models import AsideKind, KeptAside
from workflow_manager.kept_aside.service import Aside, keep

SCANNER = Origin("SCANNER", sender_address="10.0.0.9")


def image(number=1, **changes):
    dataset = instance(number, series="1.1")
    for name, value in changes.items():
        setattr(dataset, name, value)
    return encoded(dataset)


async def store(service, *files):
    for data in files:
        await service.wiring.store.store_instance(data, SCANNER)


async def test_each_kind_is_listed_with_its_reason_and_counted_when_it_comes_again(service):
    second, stranger = image(1, SeriesDescription="other"), image(2, PatientID="somebody else")
    await store(service, image(1), b"no image", b"no image", second, second, stranger)
    await store(service, image(3, PatientID="somebody else"))
    rows = await service.get("/kept-aside")
    told = [(row["kind"], row["times"], row["sop_instance_uid"]) for row in rows]
    assert told == [("other-patient", 1, "1.1.2"), ("conflict", 2, "1.1.1"), ("quarantine", 2, "")]
    other, conflict, quarantine = rows
    assert {(row["source"], row["sender_address"]) for row in rows} == {("SCANNER", "10.0.0.9")}
    assert other["study_instance_uid"] == conflict["study_instance_uid"] == STUDY
    assert conflict["detail"].startswith("Another object is stored under SOP Instance UID 1.1.1")
    assert quarantine["detail"] == "The file is no DICOM file (PS3.10)."
    assert quarantine["last_received_at"] > quarantine["received_at"]
    for row, wanted in ((conflict, second), (quarantine, b"no image")):
        file = await service.user.get(f"{WORKFLOW}/kept-aside/{row['id']}/file")
        assert (file.status_code, file.content) == (200, wanted)
    for unknown in (other["id"], uuid4()):
        gone = await service.user.get(f"{WORKFLOW}/kept-aside/{unknown}/file")
        assert gone.status_code == 404


async def test_the_list_comes_in_pages_and_by_kind(service):
    for number in range(5):
        await store(service, f"no image {number}".encode())
    await store(service, image(1), image(1, SeriesDescription="other"))
    pages, before = [], ""
    while page := await service.get(f"/kept-aside?limit=2{before}"):
        pages.append(page)
        before = f"&before={page[-1]['id']}"
    assert [len(page) for page in pages] == [2, 2, 2]
    ids = [row["id"] for page in pages for row in page]
    assert ids == sorted(set(ids), reverse=True)
    kinds = {row["kind"] for row in await service.get("/kept-aside?kind=quarantine")}
    assert kinds == {"quarantine"}


async def test_listeners_that_find_the_same_at_the_same_time_count_it(sessions):
    """On both databases, in one batch and in several."""
    aside = Aside(AsideKind.QUARANTINE, "dicom/quarantine/x.dcm", "It is no image.", "SCANNER")
    another = Aside(AsideKind.QUARANTINE, "dicom/quarantine/y.dcm", "It is no image.", "SCANNER")

    async def find(*found):
        async with transaction(sessions) as session:
            await keep(session, found)

    await asyncio.gather(*(find(aside, another, aside) for _ in range(4)))
    async with reading(sessions) as session:
        rows = (await session.scalars(select(KeptAside).order_by(col(KeptAside.key)))).all()
    assert [row.times for row in rows] == [8, 4]


async def test_what_the_cleaner_removed_is_listed_no_more(serving):
    async with serving(clean_quarantine_days=3) as service:
        await store(service, b"old", b"new", image(1), image(1, SeriesDescription="other"))
        (old,) = [p for p in service.wiring.lake.root.rglob("*.dcm") if p.read_bytes() == b"old"]
        days = timedelta(days=4)
        for path in (old, old.with_suffix(".json")):
            os.utime(path, ((utc_now() - days).timestamp(),) * 2)
        async with transaction(service.wiring.sessions) as session:
            row = await session.scalar(select(KeptAside).order_by(col(KeptAside.id)).limit(1))
            row.received_at -= days
        await Cleaner(service.wiring).clean(utc_now())
        kinds = [row["kind"] for row in await service.get("/kept-aside")]
        assert kinds == ["conflict", "quarantine"]


async def recover(service, row, expected=200):
    answer = await service.user.post(f"{WORKFLOW}/kept-aside/{row['id']}/recover")
    assert answer.status_code == expected, answer.text
    return answer.json()


async def test_a_second_object_takes_its_place_when_the_first_is_gone(serving):
    async with serving(series_quiet_s=0.2, series_closed_quiet_s=0.1) as service:
        second = image(1, SeriesDescription="the right one")
        await store(service, image(1), second)
        (row,) = await service.get("/kept-aside")
        refused = await recover(service, row, 409)
        assert "Another object is in the archive under SOP Instance UID 1.1.1" in refused["detail"]
        assert await service.get("/kept-aside") == [row]

        async def decided():
            cases = await service.get("/cases")
            return bool(cases) and all(case["state"] in {"done", "discarded"} for case in cases)

        await until(decided)
        gone = await service.user.post(
            f"{WORKFLOW}/studies/{STUDY}/remove", json={"reason": "wrong_worklist_entry"}
        )
        assert gone.status_code == 200, gone.text
        found = await recover(service, row)
        assert found["sop_instance_uid"] == "1.1.1"
        file = await service.user.get(f"{WORKFLOW}/instances/1.1.1/file")
        assert file.content == second
        assert await service.get("/kept-aside") == []
        assert list((service.wiring.lake.root / "dicom" / "conflicts").iterdir()) == []
        # It is decided on as any image that comes, and the journal knows who brought it back.
        await until(lambda: numbers(service, [1, 2]))
        (event,) = await service.get("/journal?type=dicom.instance.recovered")
        assert (event["actor"], event["data"]["kind"]) == ("user:tester", "conflict")


async def numbers(service, wanted):
    return sorted(case["number"] for case in await service.get("/cases")) == wanted


async def test_what_an_older_version_could_not_read_comes_into_the_archive(service):
    """Its file is whole; so is one of which a killed service had stored the image already."""
    wiring, data = service.wiring, image(1)
    for _ in range(2):
        key = "dicom/quarantine/abc.dcm"
        await asyncio.to_thread(files.write_whole, data, wiring.lake.root / key, "odd")
        async with transaction(wiring.sessions) as session:
            await keep(session, [Aside(AsideKind.QUARANTINE, key, "odd", "SCANNER")])
        (row,) = await service.get("/kept-aside")
        await recover(service, row)
        file = await service.user.get(f"{WORKFLOW}/instances/1.1.1/file")
        assert file.content == data
        assert await service.get("/kept-aside") == []
        assert list((wiring.lake.root / "dicom" / "quarantine").iterdir()) == []
        await recover(service, row, 404)


async def test_what_cannot_be_read_or_is_torn_or_lies_nowhere_aside_stays_as_it_is(service):
    torn = Aside(AsideKind.QUARANTINE, "dicom/quarantine/torn.dcm", TORN, "SCANNER")
    path = service.wiring.lake.root / torn.key
    await asyncio.to_thread(files.write_whole, image(9)[:-8], path, TORN)
    async with transaction(service.wiring.sessions) as session:
        await keep(session, [torn])
    await store(service, b"no image", image(2), image(3, PatientID="somebody else"))
    before = await service.get("/kept-aside")
    other, unread, power = before
    assert (await recover(service, other, 404))["detail"].startswith("Nothing lies aside")
    assert "still cannot be read" in (await recover(service, unread, 422))["detail"]
    assert "send the image again" in (await recover(service, power, 409))["detail"]
    assert await service.get("/kept-aside") == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_was_kept_aside_before_there_was_a_list_is_in_it(database_url):
    await asyncio.to_thread(upgrade, "workflow_manager", database_url, "0020")
    table = sa.table(
        "journal_event",
        *(sa.column(name) for name in ("type", "source", "subject")),
        sa.column("id", sa.Uuid()),
        sa.column("time", UtcDateTime()),
        sa.column("data", JSONDocument),
    )
    places = {"study_instance_uid": "1", "series_instance_uid": "1.1", "sop_instance_uid": "1.1.1"}
    events = [
        ("quarantined", "abc", {"key": "dicom/quarantine/abc.dcm", "detail": "torn"}),
        ("conflict", "1.1.1", {"key": "dicom/conflicts/1.1.1.x.dcm", "detail": "second"}),
        ("quarantined", "abc", {"key": "dicom/quarantine/abc.dcm", "detail": "torn"}),
    ]
    rows = [(f"dicom.instance.{kind}", subject, data) for kind, subject, data in events]
    rows.append(("dicom.study.other_patient", "1", {**places, "detail": "another"}))
    engine = create_engine(database_url)
    try:
        async with engine.begin() as connection:
            for kind, subject, data in rows:
                values = {"type": kind, "subject": subject, "source": "workflow-manager"}
                values |= {"id": uuid4(), "time": utc_now(), "data": {"source": "S", **data}}
                await connection.execute(table.insert().values(**values))
        await asyncio.to_thread(upgrade, "workflow_manager", database_url)
        async with reading(create_sessions(engine)) as session:
            found = (await session.scalars(select(KeptAside).order_by(col(KeptAside.id)))).all()
        assert [(row.kind, row.times, row.detail) for row in found] == [
            (AsideKind.QUARANTINE, 2, "torn"),
            (AsideKind.CONFLICT, 1, "second"),
            (AsideKind.OTHER_PATIENT, 1, "another"),
        ]
        assert found[2].key == "dicom/1/1.1"
    finally:
        await engine.dispose()
