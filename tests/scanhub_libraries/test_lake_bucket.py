"""Results in a bucket: whole or not there, copies that make room, and a service that is away."""

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bucket_service import Way, bucket_services, new_bucket, until
from nursery import start_program

from scanhub_libraries.bucket import Bucket, BucketError
from scanhub_libraries.bucket_copies import Copies
from scanhub_libraries.errors import NotFoundError, UnavailableError
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_bucket import BucketLake, open_lake

RAW = "lake/w/t/r/raw data (1)+@=,.mrd"
SCRIPT = Path(__file__).parent / "keep_in_bucket.py"


@pytest.fixture(scope="module")
def endpoint():
    with bucket_services() as address:
        yield address


@pytest.fixture
def service(endpoint):
    return new_bucket(endpoint, f"b-{new_id().hex}")


@pytest.fixture
def one(service, tmp_path):
    return open_lake(tmp_path / "one", service.options)


@pytest.fixture
def other(service, tmp_path):
    """The lake of another machine."""
    return BucketLake(tmp_path / "other", service.options)


def local_files(lake):
    return sorted(
        path.relative_to(lake.root).as_posix() for path in lake.root.rglob("*") if path.is_file()
    )


async def test_what_one_machine_writes_another_one_reads(one, other, service):
    async with one.writer(RAW) as part:
        await part.write(b"raw ", b"data")
        part.begin_sync()
        assert (service.stored(), other.exists(RAW)) == ([], False)
        await part.commit()
    assert service.stored() == [f"hospital/{RAW}"]
    assert other.exists(RAW)
    assert other.path(RAW).read_bytes() == b"raw data"
    assert await other.read(RAW) == b"raw data"
    assert local_files(one) == local_files(other) == [f"copies/{RAW}"]
    (listed,) = await other.list_files("lake/w")
    assert (listed.key, listed.size_bytes, listed.is_part) == (RAW, 8, False)
    assert abs((listed.modified_at - datetime.now(UTC)).total_seconds()) < 600
    assert await other.list_folders("lake/w") == ["t"]
    await other.delete(RAW)
    assert (service.stored(), one.exists(RAW), local_files(other)) == ([], False, [])
    with pytest.raises(NotFoundError):
        one.path(RAW)


async def test_a_writer_that_gives_up_leaves_nothing(one, service):
    with pytest.raises(ConnectionError):
        async with one.writer(RAW) as part:
            await part.write(b"half")
            raise ConnectionError
    assert (service.stored(), local_files(one)) == ([], [])


async def test_all_but_results_stays_in_the_folder(one, service):
    await one.put("sequences/a.seq", b"[VERSION]")
    assert one.path("sequences/a.seq").read_bytes() == b"[VERSION]"
    assert (service.stored(), local_files(one)) == ([], ["sequences/a.seq"])


async def test_a_file_that_comes_in_pieces_is_stored_when_it_is_whole(one, other, service):
    file = one.unfinished("upload")
    await file.open()
    await file.append([b"raw "])
    assert service.stored() == []
    await file.append([b"data"], whole=8)
    await file.publish(RAW)
    assert other.path(RAW).read_bytes() == b"raw data"
    assert await file.measure() == 8, "until somebody has noted that it is stored"
    await file.discard()
    assert local_files(one) == [f"copies/{RAW}"]


async def test_a_folder_is_stored_also_by_a_second_try(one, other, service):
    folder = one.root / "lake/w/t/r"
    folder.mkdir(parents=True)
    for name in ("1.dcm", "2.dcm"):
        (folder / name).write_bytes(name.encode())
    await one.publish("lake/w/t/r")
    await one.publish("lake/w/t/r")
    assert [path.name for path in sorted(other.path("lake/w/t/r").iterdir())] == ["1.dcm", "2.dcm"]
    assert not folder.exists()
    await other.delete_tree("lake/w/t")
    assert (service.stored(), local_files(other)) == ([], [])


async def test_what_was_there_before_the_bucket_is_found(one, tmp_path):
    (one.root / "lake/w").mkdir(parents=True)
    (one.root / "lake/w/old.mrd").write_bytes(b"old")
    assert one.exists("lake/w/old.mrd")
    assert one.path("lake/w/old.mrd").read_bytes() == b"old"
    assert [file.key for file in await one.list_files("lake")] == ["lake/w/old.mrd"]


async def test_a_copy_that_was_removed_is_fetched_again(one, service):
    await one.put(RAW, b"raw data")
    path = one.path(RAW)
    path.unlink()
    one.at_hand(path)
    assert path.read_bytes() == b"raw data"
    folder = one.path("lake/w/t/r")
    path.unlink()
    one.at_hand(folder)
    assert path.exists()


async def test_another_object_under_the_same_key_is_not_taken_for_the_old_one(one, other, service):
    await one.put(RAW, b"first")
    assert other.path(RAW).read_bytes() == b"first"
    await one.put(RAW, b"second")
    assert other.path(RAW).read_bytes() == b"second"


async def test_an_object_that_changed_in_the_bucket_is_no_file(one, other, service):
    await one.put(RAW, b"raw data")
    service.client.put_object(
        Bucket=service.options.name,
        Key=f"hospital/{RAW}",
        Body=b"raw dat?",
        Metadata={"sha256": "0" * 64},
    )
    with pytest.raises(UnavailableError, match="damaged"):
        other.path(RAW)
    assert local_files(other) == []


async def test_copies_that_nobody_uses_make_room(service, tmp_path):
    copies = Copies(tmp_path, Bucket(service.options), limit_bytes=25)
    now = time.time()
    for hours, name in ((1, "used"), (7, "older"), (8, "oldest")):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (now - hours * 3600, now))
    (tmp_path / "unused").touch()
    os.utime(tmp_path / "unused", (now - 8 * 86400, now))
    copies.trim(now)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["older", "used"]


@pytest.mark.long
async def test_half_an_object_is_never_seen_when_its_writer_is_killed(service, other, tmp_path):
    way = Way(service.options.endpoint)
    way.left = 8 << 20
    try:
        name, folder = service.options.name, str(tmp_path / "killed")
        process = await start_program(SCRIPT, way.endpoint, name, folder)
        await until(lambda: service.parts_under_way() and way.left < 0)
        process.kill()
        await process.wait()
    finally:
        way.close()
    assert (service.stored(), other.exists("lake/w/t/r/raw.mrd")) == ([], False)
    again = open_lake(tmp_path / "killed", service.options)
    assert [path.endswith(".part") for path in local_files(again)] == [True]
    await again.delete_parts("lake", time.time() + 60)
    assert local_files(again) == []
    await again.put("lake/w/t/r/raw.mrd", b"whole")
    assert other.path("lake/w/t/r/raw.mrd").read_bytes() == b"whole"


@pytest.fixture
def away(service, tmp_path, monkeypatch):
    """A lake whose bucket nobody answers for."""
    monkeypatch.setattr("scanhub_libraries.bucket._RETRIES", 0)
    way = Way(service.options.endpoint)
    way.close()
    options = service.options.model_copy(update={"endpoint": way.endpoint})
    return BucketLake(tmp_path / "away", options)


async def test_a_service_that_is_away_is_an_error_that_says_so(away):
    with pytest.raises(UnavailableError, match="nobody answers for the bucket"):
        away.exists(RAW)
    with pytest.raises(UnavailableError, match="nobody answers"):
        await asyncio.to_thread(away.path, RAW)
    with pytest.raises(BucketError, match="nobody answers"):
        await away.put(RAW, b"raw data")
    assert local_files(away) == []
    file = away.unfinished("upload")
    await file.open()
    await file.append([b"raw"], whole=3)
    with pytest.raises(BucketError):
        await file.publish(RAW)
    assert await file.measure() == 3, "what came is kept"
    await file.close()


async def test_a_wrong_login_and_a_wrong_name_are_told(service):
    nowhere = service.options.model_copy(update={"name": "nowhere"})
    with pytest.raises(BucketError, match="there is no such bucket"):
        Bucket(nowhere).probe()
    Bucket(service.options).probe()
    assert service.stored() == []
