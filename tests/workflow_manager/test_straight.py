"""A listener puts usual images into the index itself, and hands over what is not usual."""

import asyncio
import errno
import os
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest
from test_dicom_index import arrival, put, rows
from test_node import running  # noqa: F401 - a fixture
from test_quick_index import database, writer  # noqa: F401 - fixtures
from workflow_service import until

from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom.image import image_of
from workflow_manager.dicom.intake import Intake
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.dicom.quick_statements import STATEMENTS
from workflow_manager.dicom.straight import Door, StraightIndex

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def index(writer, tmp_path):  # noqa: F811
    """With the first image of a series in it, which the listener knows."""
    sessions, direct = writer
    await put(sessions, arrival(1))
    found = listener_index(direct.path, tmp_path)
    yield found, sessions
    found._writer.close()


def listener_index(database, root, door=None):  # noqa: F811
    """The index as a listener has it that knows the first series."""
    told = {"database": str(database), "root": str(root), "statements": list(STATEMENTS)}
    found = StraightIndex({**told, "door": door})
    found.learn(image_of(arrival(1).header))
    return found


def count_transactions(index):
    """Return a list that gets an entry for each transaction."""
    found, original = [], index._writer.transaction

    @contextmanager
    def transaction():
        found.append(1)
        with original() as connection:
            yield connection

    index._writer.transaction = transaction
    return found


def whole(folder, name):
    path = folder / name
    path.write_bytes(name.encode())
    return str(path)


async def test_another_image_of_a_known_series_enters_and_has_its_place(index, tmp_path):
    straightly, sessions = index
    assert straightly.enter(whole(tmp_path, "2"), image_of(arrival(2).header))
    (row,) = [row for row in await rows(sessions, DicomInstance) if row.instance_number == 2]
    assert LocalLake(tmp_path).path(row.key).read_bytes() == b"2"


@pytest.mark.parametrize(
    "other",
    [
        arrival(1, content="other"),
        arrival(3, PatientID="P-2"),
        arrival(4, series="1.2.826.0.1.3680043.8.498.9"),
    ],
    ids=["a UID that is taken", "another patient", "another series"],
)
async def test_what_is_not_usual_is_handed_over(index, tmp_path, other):
    straightly, sessions = index
    assert not straightly.enter(whole(tmp_path, "file"), image_of(other.header))
    assert len(await rows(sessions, DicomInstance)) == 1
    assert [p.name for p in tmp_path.rglob("*.dcm")] == []


async def test_a_file_that_gets_no_place_is_handed_over_and_leaves_no_row(index, tmp_path):
    straightly, sessions = index
    assert not straightly.enter(str(tmp_path / "gone"), image_of(arrival(2).header))
    assert len(await rows(sessions, DicomInstance)) == 1


def numbers_in(path):
    with closing(sqlite3.connect(path)) as other:
        return [n for (n,) in other.execute("SELECT instance_number FROM dicom_instance")]


@pytest.mark.parametrize("is_alone", [False, True])
async def test_nobody_sees_an_image_before_its_file_is_synced(index, tmp_path, is_alone):
    straightly, _ = index
    path, seen = straightly._writer.path, []
    image = image_of(arrival(2).header)
    sync = lambda: seen.append(numbers_in(path))  # noqa: E731
    assert straightly.enter(whole(tmp_path, "2"), image, sync, is_alone=is_alone)
    assert seen == [[1]]
    assert numbers_in(path) == [1, 2]


@pytest.mark.parametrize("is_alone", [False, True])
async def test_an_image_that_is_not_safe_is_in_no_index_and_in_no_place(index, tmp_path, is_alone):
    straightly, sessions = index

    def fail():
        raise OSError(errno.EIO, "The disk is broken")

    for _ in range(2):  # the turn is given back
        with pytest.raises(OSError, match="broken"):
            image = image_of(arrival(2).header)
            straightly.enter(whole(tmp_path, "2"), image, fail, is_alone=is_alone)
    assert len(await rows(sessions, DicomInstance)) == 1
    assert not list(tmp_path.rglob("*.dcm"))
    assert straightly.enter(whole(tmp_path, "3"), image_of(arrival(3).header))


async def test_several_images_enter_together_and_each_hears_of_its_own(index, tmp_path):
    """While one commits, the others wait and are taken along in one transaction by the next."""
    straightly, sessions = index
    images = [*(arrival(n) for n in range(2, 6)), arrival(1, content="other")]
    transactions, synced, committing = [], [], threading.Event()
    original = straightly._writer.transaction

    @contextmanager
    def transaction():
        transactions.append(1)
        with original() as connection:
            yield connection
            committing.set()
            deadline = time.monotonic() + 60
            while len(transactions) == 1 and len(straightly._waiting) < len(images) - 1:
                assert time.monotonic() < deadline
                time.sleep(0.005)

    def enter(number):
        if number:
            committing.wait(60)
        image = image_of(images[number].header)
        return straightly.enter(whole(tmp_path, str(number)), image, lambda: synced.append(number))

    straightly._writer.transaction = transaction
    threads = [asyncio.to_thread(enter, number) for number in range(len(images))]
    assert await asyncio.gather(*threads) == [True] * 4 + [False]
    assert len(transactions) == 2
    assert sorted(synced) == list(range(len(images)))
    assert len(await rows(sessions, DicomInstance)) == 5


async def test_listeners_go_to_one_index_in_turn_and_never_meet_there(index, tmp_path):
    """Who met another one there would wait for SQLite's lock, 2 s at most, and hand over."""
    straightly, sessions = index
    door = str(tmp_path / "door")
    both = [listener_index(straightly._writer.path, tmp_path, door) for _ in range(2)]
    transactions = [count_transactions(each) for each in both]

    def enter(listener, number):
        return listener.enter(whole(tmp_path, str(number)), image_of(arrival(number).header))

    with Door(door):
        waiting = [asyncio.to_thread(enter, both[n % 2], n) for n in range(2, 8)]
        entered = asyncio.gather(*waiting)
        await until(lambda: [len(each._waiting) for each in both] == [3, 3])
        assert len(await rows(sessions, DicomInstance)) == 1
    assert await entered == [True] * 6
    assert transactions == [[1], [1]]  # who waits at the door goes in together
    assert len(await rows(sessions, DicomInstance)) == 7
    for each in both:
        each._writer.close()


async def test_an_image_is_handed_over_where_nobody_can_take_turns(index, tmp_path):
    straightly, sessions = index
    here = listener_index(straightly._writer.path, tmp_path, str(tmp_path / "door"))
    os.close(here._door._file)
    here._door._file = 1_000_000  # nobody has that many
    assert not here.enter(whole(tmp_path, "2"), image_of(arrival(2).header))
    assert (tmp_path / "2").exists()
    assert here._waiting == []
    assert len(await rows(sessions, DicomInstance)) == 1
    here._writer.close()


async def test_an_image_waits_for_no_database_that_somebody_holds(index, tmp_path):
    straightly, _ = index
    straightly._writer._busy_seconds = 0.1
    with sqlite3.connect(straightly._writer.path, isolation_level=None) as held:
        held.execute("BEGIN IMMEDIATE")
        assert not straightly.enter(whole(tmp_path, "2"), image_of(arrival(2).header))
        held.execute("ROLLBACK")
    held.close()
    assert straightly.enter(whole(tmp_path, "3"), image_of(arrival(3).header))


async def test_the_service_is_not_asked_about_usual_images(running, monkeypatch):  # noqa: F811
    async with running() as here:
        assert await here.send(1) == 0
        for name in ("_index_usual", "_with_header"):  # whatever comes by the service's thread
            monkeypatch.delattr(Intake, name)
        assert [await here.send(n) for n in (2, 3)] == [0, 0]
        assert [row.instance_number for row in await here.rows()] == [1, 2, 3]
        await until(lambda: not here.incoming())
