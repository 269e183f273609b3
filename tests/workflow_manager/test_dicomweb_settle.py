"""What STOW-RS brings is synced and indexed together, and comes back after a power cut."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from images import SERIES, STUDY, instance
from test_dicomweb_retrieve import encoded
from test_dicomweb_store import FAILED, REASON, RELATED, STORED, URL, body_of, store
from test_redo import of_another_start
from workflow_service import over_http, until

from scanhub_libraries.errors import InsufficientStorageError
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.incoming import WHOLE
from workflow_manager.dicom.restoring import restore
from workflow_manager.dicom.segments import records
from workflow_manager.dicomweb.parts import PartsToDisk
from workflow_manager.dicomweb.settling import settle, take

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def desk(service):
    """The desk of a service that knows the series, with a segment for copies."""
    assert (await store(service, encoded(instance(1)))).status_code == 200
    found = service.app.state.dicomweb_desk
    await until(lambda: found.copying._redo._segments)
    await asyncio.to_thread(found.receiving.put_away.flush)
    return found


def copied(desk):
    """Names of the files in the segments of a desk."""
    return {record.name for path in desk.folder.glob("*.redo") for record in records(path)}


async def test_what_was_answered_comes_back_after_a_power_cut(service, desk, tmp_path):
    files = [encoded(instance(n)) for n in (2, 3)]
    with desk.receiving.put_away._removing:
        assert (await store(service, *files)).status_code == 200
        names = {path.name for path in desk.folder.glob(f"*{WHOLE}")}
        assert names <= copied(desk)
        assert len(names) == 2
        after = tmp_path / "lost" / "dicom" / "incoming" / "stow"
        after.mkdir(parents=True)
        for path in desk.folder.glob("*.redo"):
            (after / path.name).write_bytes(path.read_bytes())
    of_another_start(after)
    assert restore(after, tmp_path / "lost") == 2
    assert sorted(path.read_bytes() for path in after.glob(f"*{WHOLE}")) == sorted(files)
    assert {path.name for path in after.glob(f"*{WHOLE}")} == names


async def test_what_is_refused_leaves_no_copy(service, desk):
    before = copied(desk)
    answer = await store(service, encoded(instance(2)), url=f"{URL}/1.2.3")
    assert answer.json()[FAILED]["Value"][0][REASON]["Value"] == [0xA900]
    assert copied(desk) <= before


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_what_goes_the_general_way_is_little(service, dialect):
    """What is there already; and, on PostgreSQL, the first image of a new series, alone."""
    general, receiving = [], service.wiring.receiving
    if dialect == "postgresql":
        receiving.enter_with_series = lambda *_: set()
    commit = receiving._commit
    receiving._commit = lambda batch: (general.extend(batch), commit(batch))[1]
    files = [encoded(instance(n, series=f"{SERIES}{s}")) for s in (8, 9) for n in (1, 2, 3)]
    answer = await store(service, *files, files[1])
    assert answer.status_code == 200
    stored = [item["00081155"]["Value"][0] for item in answer.json()[STORED]["Value"]]
    assert stored == [f"{SERIES}{n}" for n in ("8.1", "8.2", "8.3", "9.1", "9.2", "9.3", "8.2")]
    ways = sorted(arrived.header.sop_instance_uid for arrived, _ in general)
    expected = {"sqlite": ["8.2"], "postgresql": ["8.1", "8.2", "9.1"]}
    assert ways == [f"{SERIES}{n}" for n in expected[dialect]]


async def test_the_answer_names_all_parts_in_their_order_however_many_go_together(service):
    """Some go with the first megabyte, some meanwhile, the last ones by themselves."""
    sizes = {n: 300 if n % 8 == 0 else 4 for n in range(1, 141)}
    files = [encoded(instance(n, size=size)) for n, size in sizes.items()]
    answer = await store(service, *files)
    stored = [item["00081155"]["Value"][0] for item in answer.json()[STORED]["Value"]]
    assert stored == [f"{SERIES}.{n}" for n in sizes]
    root = service.wiring.lake.root / "dicom" / STUDY / SERIES
    assert sorted(path.read_bytes() for path in root.glob("*.dcm")) == sorted(files)


async def test_an_image_is_in_the_index_before_the_rest_has_come(service):
    """The body is held until the first image is found."""
    files = [encoded(instance(n, size=1100)) for n in (1, 2, 3)]
    body = body_of(*files)

    async def found():
        answer = await service.get("/dicomweb/instances")
        return len(answer)

    async def pieces():
        middle = len(body) // 2
        for begin in range(0, middle, 1 << 18):
            yield body[begin : min(begin + (1 << 18), middle)]
        await until(found)
        yield body[middle:]

    async with over_http(service.app) as address, httpx.AsyncClient(timeout=60) as client:
        headers = {**service.user.headers, "Content-Type": RELATED}
        answer = await client.post(f"{address}{URL}", content=pieces(), headers=headers)
    assert answer.status_code == 200
    assert len(answer.json()[STORED]["Value"]) == await found() == 3


def parts_of(desk, *files):
    """Received parts of a desk, as a request leaves them."""
    parts = PartsToDisk(desk.folder, "t", boundary="xYz", media_type="", most_bytes=10**6)
    parts.feed(body_of(*files), last=True)
    return parts.taken()


def settled(desk, parts, study=None):
    """What becomes of parts, all together. Blocking."""
    return settle(desk, [take(desk, Origin("TEST"), study, part) for part in parts])


def refusing(monkeypatch, ending, names=("fdatasync", "pwritev")):
    """Let the disk refuse to sync files whose names end like this; return those that it synced."""
    synced = []

    def refuse(name):
        real = getattr(os, name)

        def sync(file, *arguments):
            path = str(Path(f"/proc/self/fd/{file}").readlink())
            if path.endswith(ending):
                raise OSError(5, "Input/output error")
            done = real(file, *arguments)
            synced.append(Path(path).name)
            return done

        monkeypatch.setattr(os, name, sync)

    for name in names:  # pwritev: how a copy is written
        refuse(name)
    return synced


async def test_where_copies_cannot_be_synced_the_files_are(desk, monkeypatch):
    parts = parts_of(desk, *(encoded(instance(n)) for n in (2, 3)))
    synced = refusing(monkeypatch, ".redo")
    found = await asyncio.to_thread(settled, desk, parts)
    assert [one.reason for one in found] == [None, None]
    assert {Path(part.written.place).name for part in parts} <= set(synced)


async def test_copies_are_synced_at_once_however_many_come_together(desk, monkeypatch):
    """The first ones are on their way; the others, of whichever request, go together."""
    parts = parts_of(desk, *(encoded(instance(n)) for n in range(2, 12)))
    synced = refusing(monkeypatch, "nothing")
    with desk.receiving.put_away._removing:
        with desk.copying._redo._lock:  # no copy gets a place
            taken = [take(desk, Origin("TEST"), None, part) for part in parts]
        found = await asyncio.to_thread(settle, desk, taken)
    assert [one.reason for one in found] == [None] * 10
    assert {Path(part.written.place).name for part in parts} <= copied(desk)
    assert len(set(synced)) == 1, "only a segment"
    assert len(synced) <= 2, "each of the two times one call that writes and syncs"


@pytest.mark.parametrize("fails", [False, True])
async def test_copies_that_lie_apart_are_synced_together(desk, monkeypatch, fails):
    """Somebody else has a place between them. Where that sync fails, the files are synced."""
    parts = parts_of(desk, *(encoded(instance(n)) for n in (2, 3, 4)))
    names = {Path(part.written.place).name for part in parts}
    redo = desk.copying._redo
    reserve = redo.reserve

    def apart(sizes):
        places = [place for size in sizes for place in reserve([size, 1])]
        for segment, _ in places[1::2]:
            redo.settle(segment)
        return places[::2]

    redo.reserve = apart
    synced = refusing(monkeypatch, ".redo" if fails else "nothing", names=("fdatasync",))
    with desk.receiving.put_away._removing:
        with redo._lock:  # two of them at least go together
            taken = [take(desk, Origin("TEST"), None, part) for part in parts]
        found = await asyncio.to_thread(settle, desk, taken)
        assert fails or names <= copied(desk)
    assert [one.reason for one in found] == [None] * 3
    assert len(names & set(synced)) >= (2 if fails else 0)
    assert fails or len(set(synced)) == 1, "only a segment"
    await asyncio.to_thread(desk.receiving.put_away.flush)
    assert not any(segment._writing for segment in redo._segments)


async def test_a_copy_that_is_quicker_than_its_file_stays(desk):
    """It is written before the file has its name, and segments are looked through meanwhile."""
    (part,) = parts_of(desk, encoded(instance(2)))
    name = Path(part.written.place).name
    promise = desk.copying.copy(part.page, name)
    await until(promise._known.is_set)
    desk.copying._redo._look()
    assert name in copied(desk)
    with desk.receiving.put_away._removing:
        part.name()
        assert await asyncio.to_thread(promise.wait)
        desk.copying._redo._look()
        assert name in copied(desk)


async def test_a_part_of_any_size_is_stored_and_copied_as_far_as_that_is_meant(service, desk):
    """Memory grows with a part, and what is larger than a copy goes to disk as it comes."""
    files = [encoded(instance(n, size=size)) for n, size in ((2, 380), (3, 900), (4, 1500))]
    with desk.receiving.put_away._removing:
        assert (await store(service, *files)).status_code == 200
        sizes = {int(name.split(".")[1]) for name in copied(desk)}
    assert {len(files[0]), len(files[1])} <= sizes
    assert len(files[2]) not in sizes
    root = service.wiring.lake.root / "dicom" / STUDY / SERIES
    assert set(files) <= {path.read_bytes() for path in root.glob("*.dcm")}


async def test_a_file_that_cannot_be_synced_fails_alone(desk, monkeypatch):
    parts = parts_of(desk, *(encoded(instance(n)) for n in (2, 3, 4)))
    refusing(monkeypatch, (".redo", Path(parts[1].written.place).name))
    found = await asyncio.to_thread(settled, desk, parts, STUDY)
    assert [one.reason for one in found] == [None, 0x0110, None]


async def test_nothing_is_taken_where_the_disk_is_full(serving):
    async with serving(dicom_min_free_bytes=2**62) as service:
        answer = await store(service, encoded(instance(1)))
        assert answer.status_code == InsufficientStorageError.status == 507
        assert not list(service.app.state.dicomweb_desk.folder.glob("*.part"))
