"""Copies that are synced in the place of received files, and what comes back from them."""

import asyncio
import hashlib
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
from folders import sizes_below
from images import SERIES
from raw_sender import RawSender, store
from test_node import data_set
from test_node_kill import Place, assert_all_there, lake_files
from workflow_service import a_port, until

from workflow_manager.dicom.incoming import (
    HEAD_BYTES,
    Durability,
    IncomingFolder,
    Peer,
    file_meta,
)
from workflow_manager.dicom.redo import LARGEST_BYTES, USUAL_BYTES, Redo, Room
from workflow_manager.dicom.restoring import restore
from workflow_manager.dicom.rules import instance_key
from workflow_manager.dicom.segments import (
    BLOCK_BYTES,
    HEAD,
    SEGMENT_BYTES,
    Segment,
    records,
)

STUDY = "1.2.826.0.1.3680043.8.498.1"
SYNTAX = "1.2.840.10008.1.2.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "lake" / "dicom" / "incoming" / "listener"
    found.mkdir(parents=True)
    return found


def received(incoming, number=1):
    """Return a whole file, synced."""
    meta = file_meta(MR, f"{SERIES}.{number}", SYNTAX, Peer("SCANNER", "SCANHUB", "192.0.2.1"))
    file = incoming.open(meta, SYNTAX)
    file.write(memoryview(data_set(number)))
    written = file.finish()
    file.sync()
    file.close()
    return written.path


@pytest.fixture
async def incoming(folder):
    """Files of a listener that has a segment."""
    redo = Redo(folder)
    found = IncomingFolder(folder, Durability.SYNCED, redo=redo)
    first = received(found)  # it is synced itself, and lets the segment be made
    await until(lambda: redo._segments)
    first.unlink()
    yield found
    redo.close()


def segment_of(folder):
    (found,) = folder.glob("*.redo")
    return found


def of_another_start(folder):
    """Let segments look as if the machine had been started since."""
    for path in folder.rglob("*.redo"):
        with path.open("r+b") as file:
            file.seek(HEAD.size - 36)
            file.write(b"another start")


def lake_of(folder):
    return folder.parent.parent.parent


def in_its_place(path, number):
    place = lake_of(path.parent) / instance_key(STUDY, SERIES, f"{SERIES}.{number}")
    place.parent.mkdir(parents=True, exist_ok=True)
    os.link(path, place)
    return place


async def test_what_is_received_is_in_a_segment_too(incoming, folder):
    paths = [received(incoming, number) for number in (1, 2)]
    segment = segment_of(folder)
    found = records(segment)
    assert [record.name for record in found] == [path.name for path in paths]
    for record, path in zip(found, paths, strict=True):
        content = segment.read_bytes()[record.place : record.place + record.size]
        assert content == path.read_bytes()


async def test_a_segment_is_begun_anew_when_no_file_needs_it(incoming, folder):
    paths = [received(incoming, number) for number in (1, 2)]
    paths[0].unlink()
    assert len(records(segment_of(folder))) == 2
    paths[1].unlink()
    await until(lambda: not records(segment_of(folder)))
    path = received(incoming, 3)
    assert [record.name for record in records(segment_of(folder))] == [path.name]


def copy_to(segment, name, source):
    room = Room(4 * BLOCK_BYTES)
    os.preadv(source, [room.file(9000)], 0)
    segment.seal(room.whole(9000), name, 9000)
    room.begin(segment, segment.reserve(9000), 9000)
    room.writer.wait()
    segment.settled(name)


async def test_of_an_older_filling_nothing_counts(folder):
    segment = Segment(folder / "1.redo")
    source = os.open(folder / "source", os.O_RDWR | os.O_CREAT)
    os.write(source, bytes(9000))
    for names in (["a", "b", "c"], ["d"]):
        for name in names:
            copy_to(segment, name, source)
        assert [record.name for record in records(folder / "1.redo")] == names
        segment.begin_anew()
    os.close(source)


async def test_what_follows_a_record_that_was_not_written_counts(folder):
    segment = Segment(folder / "1.redo")
    source = os.open(folder / "source", os.O_RDWR | os.O_CREAT)
    os.write(source, bytes(9000))
    assert segment.reserve(9000) == BLOCK_BYTES
    copy_to(segment, "whole", source)
    assert [record.name for record in records(folder / "1.redo")] == ["whole"]
    os.close(source)


@pytest.mark.parametrize("size", [9000, USUAL_BYTES - 1000, USUAL_BYTES + 1])
async def test_what_comes_in_pieces_is_in_file_and_copy_as_it_came(incoming, folder, size):
    data = memoryview(os.urandom(size))
    meta = file_meta(MR, SERIES, SYNTAX, Peer("SCANNER", "SCANHUB", "192.0.2.1"))
    file = incoming.open(meta, SYNTAX)
    for begin in range(0, size, 77_777):
        file.write(data[begin : begin + 77_777])
    written = file.finish()
    file.sync()
    file.close()
    assert written.path.read_bytes() == meta + data
    assert written.sha256 == hashlib.sha256(SYNTAX.encode() + data).hexdigest()
    assert written.head == data[:HEAD_BYTES]
    (record,) = records(segment_of(folder))
    copy = segment_of(folder).read_bytes()[record.place : record.place + record.size]
    assert copy == meta + data


async def test_memory_is_used_again_and_no_file_gets_what_is_of_another(incoming):
    files = [incoming.open(bytes([n]) * 10, SYNTAX) for n in range(4)]
    assert len(incoming.under_way) == 4
    for number, file in enumerate(files):
        file.write(memoryview(bytes([number]) * 5000))
    files.pop(2).discard()
    for file in files:
        path = file.finish().path
        file.sync()
        file.close()
        assert len(set(path.read_bytes())) == 1
    assert not incoming.under_way
    assert len(incoming.redo._rooms) == 4


async def test_where_the_copy_cannot_be_written_the_file_is_synced(incoming, folder, monkeypatch):
    synced, sync = [], os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (synced.append(file), sync(file)))
    monkeypatch.setattr(Segment, "open", lambda _: os.open("/dev/null", os.O_RDONLY))
    path = received(incoming, 2)
    assert synced
    assert path.read_bytes().endswith(data_set(2))
    assert records(segment_of(folder)) == []


async def test_a_large_file_is_synced_itself(incoming, folder):
    with (folder / "large").open("w+b") as file:
        file.truncate(LARGEST_BYTES + 1)
        assert incoming.redo.copy(file.fileno(), LARGEST_BYTES + 1) is None


async def test_a_full_segment_is_followed_by_another(incoming, folder):
    file = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
    os.truncate(file, LARGEST_BYTES - BLOCK_BYTES)

    def enough():
        copy = incoming.redo.copy(file, LARGEST_BYTES - BLOCK_BYTES)
        if copy is not None:
            copy.begin(str(folder / "file"))
            copy.wait()
            copy.close()
        return len(incoming.redo._segments) >= 3

    await until(enough)
    whole = [segment.path for segment in incoming.redo._segments]
    assert {path.stat().st_size for path in whole} == {SEGMENT_BYTES}
    os.close(file)


async def test_a_listener_takes_over_the_segments_of_the_one_before(incoming, folder):
    path = received(incoming, 1)
    incoming.redo.close()
    redo = Redo(folder)
    again = IncomingFolder(folder, Durability.SYNCED, redo=redo)
    try:
        second = received(again, 2)
        await until(lambda: len(redo._segments) == 2)
        assert [r.name for p in folder.glob("*.redo") for r in records(p)] == [path.name]
        for each in (path, second):
            each.unlink()
        await until(lambda: not any(records(p) for p in folder.glob("*.redo")))
    finally:
        redo.close()


async def test_a_torn_file_comes_back_under_all_its_names(incoming, folder):
    path = received(incoming)
    place, content = in_its_place(path, 1), path.read_bytes()
    for torn in (b"", content[:-9], bytes(len(content)), content + b"more"):
        path.write_bytes(torn)
        of_another_start(folder)
        assert restore(folder, lake_of(folder)) == 1
        assert place.read_bytes() == path.read_bytes() == content
    assert restore(folder, lake_of(folder)) == 0


async def test_a_file_whose_name_is_gone_comes_back_unless_it_is_in_its_place(incoming, folder):
    path = received(incoming)
    place, content = in_its_place(path, 1), path.read_bytes()
    copy = folder.parent / "copy"
    shutil.copyfile(segment_of(folder), copy)
    path.unlink()
    await until(lambda: not records(segment_of(folder)))
    shutil.copyfile(copy, segment_of(folder))
    of_another_start(folder)
    assert restore(folder, lake_of(folder)) == 0
    place.unlink()
    assert restore(folder, lake_of(folder)) == 1
    assert path.read_bytes() == content
    assert not list(folder.glob("*.part"))


async def test_a_copy_that_is_torn_is_no_image(incoming, folder):
    path = received(incoming)
    (record,) = records(segment_of(folder))
    with segment_of(folder).open("r+b") as file:
        file.seek(record.place + record.size - 9)
        file.write(bytes(9))
    path.write_bytes(b"")
    of_another_start(folder)
    assert restore(folder, lake_of(folder)) == 0
    assert path.read_bytes() == b""  # it goes to quarantine, as it is
    assert not list(folder.glob("*.part"))


async def test_while_the_machine_runs_files_are_as_they_were_left(incoming, folder):
    received(incoming).write_bytes(b"somebody's work")
    assert restore(folder, lake_of(folder)) == 0


@pytest.fixture
def place(tmp_path, empty_file):
    return Place(tmp_path, a_port(), empty_file("workflow_manager"))


def send_one(port, number):
    sender = RawSender(port)
    sender.send(store(f"{SERIES}.{number}", data_set(number)))
    answer = sender.status()
    sender.release()
    return answer


def take(place, power_cut, before):
    """Take what a power cut may take: all that was not synced when success was answered."""
    root = place.folder / "lake" / "dicom"
    names = {r.name for p in root.rglob("*.redo") for r in records(p)}
    taken = [p for p in (root / "incoming").rglob("*.dcm") if p.name in names]
    nodes = {path.stat().st_ino for path in taken}
    for path in [*taken, *(p for p in lake_files(place) if p.stat().st_ino in nodes)]:
        if power_cut == "contents":
            path.write_bytes(b"")
        else:
            path.unlink()
    if power_cut != "contents":
        for path in place.folder.glob("workflow.sqlite*"):
            path.unlink()
        shutil.copyfile(before, place.folder / "workflow.sqlite")
    of_another_start(root)
    return len(taken)


@pytest.mark.parametrize(
    "power_cut", [pytest.param("contents", marks=pytest.mark.long), "names and index"]
)
@pytest.mark.parametrize("mode", ["synced", pytest.param("directory", marks=pytest.mark.long)])
async def test_a_power_cut_takes_no_image_that_was_accepted(place, mode, power_cut):
    told = {"dicom_durability": mode}
    killed = {"spot": "before the files are synced", "calls": 2}
    process, pids = await place.start(**told, **killed)
    assert await asyncio.to_thread(send_one, place.port, 1) == (1, 0)
    incoming = place.folder / "lake" / "dicom" / "incoming"
    await until(lambda: SEGMENT_BYTES in sizes_below(incoming, "*.redo").values())
    await until(lambda: not place.left())
    before = place.folder / "before.sqlite"
    with sqlite3.connect(place.folder / "workflow.sqlite") as source, sqlite3.connect(before) as to:
        source.backup(to)
    numbers = set(range(2, 10))
    accepted = await asyncio.to_thread(place.send, numbers)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    await until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids))
    assert accepted
    assert take(place, power_cut, before) >= len(accepted)

    process, _ = await place.start(**told)
    await until(lambda: accepted | {1} <= set(place.rows()))
    assert await asyncio.to_thread(place.send, numbers - accepted) == numbers - accepted
    await until(lambda: not place.left())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert_all_there(place, numbers | {1})
    assert not list(incoming.rglob("*.redo"))
