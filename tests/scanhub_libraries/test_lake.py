import asyncio
import concurrent.futures
import errno
import hashlib
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhub_libraries.errors import NotFoundError, UnprocessableError
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake import LocalLake, result_key, safe_name


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "files")


def files_below(lake):
    return [path for path in lake.root.rglob("*") if path.is_file()]


@pytest.mark.disk
async def test_a_committed_file_is_whole_and_its_checksum_is_right(lake):
    parts = [os.urandom(70_000), b"", os.urandom(5)]
    async with lake.writer("lake/a/b.mrd") as part:
        for data in parts:
            await part.write(data)
        assert files_below(lake)[0].name.endswith(".part")
        assert not lake.exists("lake/a/b.mrd")
        await part.commit()
    assert await lake.read("lake/a/b.mrd") == b"".join(parts)
    assert part.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()
    assert part.size == 70_005
    assert [path.name for path in files_below(lake)] == ["b.mrd"]


async def test_a_writer_that_is_cancelled_at_any_moment_leaves_nothing_half_done(lake):
    for moment in range(100):
        writing = asyncio.create_task(lake.put(f"lake/a/{moment}.mrd", bytes(1 << 18)))
        await asyncio.sleep(moment * 2e-5)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        assert [path for path in files_below(lake) if path.name.endswith(".part")] == []
    assert all(path.stat().st_size == 1 << 18 for path in files_below(lake))


async def test_an_upload_that_breaks_leaves_nothing(lake):
    with pytest.raises(ConnectionError):
        async with lake.writer("lake/a/b.mrd") as part:
            await part.write(b"half")
            raise ConnectionError
    assert files_below(lake) == []


async def test_a_broken_second_upload_leaves_the_first_one(lake):
    await lake.put("lake/a.mrd", b"first")
    with pytest.raises(ConnectionError):
        async with lake.writer("lake/a.mrd") as part:
            await part.write(b"second")
            raise ConnectionError
    assert await lake.read("lake/a.mrd") == b"first"


@pytest.mark.parametrize(
    "key", ["", "..", "../x", "a/../../x", "/etc/passwd", "a/\x00", "a/b/../c"]
)
def test_a_key_that_leaves_the_lake_is_not_found(lake, key):
    with pytest.raises(NotFoundError):
        lake.path(key)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a\x00b",
        "a\nb",
        ".hidden",
        "-rf",
        "x.part",
        "a" * 201,
        "end.",
        "end ",
    ],
)
def test_such_a_file_name_is_refused(name):
    with pytest.raises(UnprocessableError, match="cannot be a file name"):
        safe_name(name)


@given(st.text(max_size=300))
def test_whatever_passes_as_a_file_name_stays_in_its_folder(name):
    identifiers = new_id(), new_id(), new_id()
    try:
        key = result_key(*identifiers, name)
    except UnprocessableError:
        return
    assert os.path.normpath(key) == key
    assert key.split("/")[:-1] == ["lake", *map(str, identifiers)]


async def test_a_listing_has_every_file_below_a_folder_with_its_size_and_age(lake):
    await lake.put("lake/a/b/1.dcm", b"one")
    await lake.put("lake/a/2.dcm", b"three")
    await lake.put("other/3.dcm", b"")
    old = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    os.utime(lake.path("lake/a/2.dcm"), (old.timestamp(), old.timestamp()))
    async with lake.writer("lake/a/b/4.dcm") as part:
        await part.write(b"half")
        found = await lake.list_files("lake/a")
    by_key = {file.key: file for file in found}
    assert [file.key for file in found] == sorted(by_key)
    (written,) = [file for file in found if file.is_part]
    assert (written.key.rsplit("/", 1)[0], written.size_bytes) == ("lake/a/b", 4)
    assert set(by_key) - {written.key} == {"lake/a/b/1.dcm", "lake/a/2.dcm"}
    assert by_key["lake/a/2.dcm"].modified_at == old
    assert (by_key["lake/a/b/1.dcm"].size_bytes, by_key["lake/a/b/1.dcm"].name) == (3, "1.dcm")
    assert not by_key["lake/a/b/1.dcm"].is_part
    assert await lake.list_files("lake/none") == []


async def test_a_listing_does_not_follow_a_link_out_of_the_lake(lake, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    await lake.put("lake/a/1.dcm", b"one")
    lake.path("lake/a").joinpath("link").symlink_to(tmp_path / "outside")
    found = [file.key for file in await lake.list_files("lake")]
    assert found == ["lake/a/1.dcm", "lake/a/link"]
    assert await lake.list_folders("lake/a") == []
    await lake.delete_empty("lake")
    assert (tmp_path / "outside" / "secret.txt").read_text() == "secret"


async def test_the_folders_right_below_are_listed_and_nothing_else(lake):
    await lake.put("lake/b/x/1.dcm", b"one")
    await lake.put("lake/a/2.dcm", b"two")
    await lake.put("lake/3.dcm", b"three")
    assert await lake.list_folders("lake") == ["a", "b"]
    assert await lake.list_folders("lake/none") == []
    assert await lake.list_folders("lake/3.dcm") == []


async def test_only_folders_without_a_file_are_tidied_away(lake):
    await lake.put("lake/a/b/1.dcm", b"one")
    lake.folder("lake/a/c/d")
    await lake.delete_empty("lake/a")
    assert await lake.list_folders("lake/a") == ["b"]
    await lake.delete("lake/a/b/1.dcm")
    await lake.delete_empty("lake/a")
    await lake.delete_empty("lake/a")
    assert await lake.list_folders("lake") == []


@pytest.mark.parametrize("prefix", ["", "..", "../x", "/etc"])
async def test_nothing_outside_the_lake_is_listed_or_tidied(lake, prefix):
    for call in (lake.list_files, lake.list_folders, lake.delete_empty):
        with pytest.raises(NotFoundError):
            await call(prefix)


@pytest.mark.disk
async def test_a_file_that_the_disk_could_not_write_is_not_there(lake, monkeypatch):
    def fail(_file):
        raise OSError(errno.EIO, "the disk is broken")

    part = lake.writer("lake/a/b.mrd")
    with pytest.raises(OSError, match="the disk is broken"):
        async with part:
            await part.write(b"lost")
            with monkeypatch.context() as disk:
                disk.setattr(os, "fsync", fail)
                part.begin_sync()
                await asyncio.to_thread(concurrent.futures.wait, [part._syncing])
            await part.commit()  # the disk says it only once
    assert files_below(lake) == []


@pytest.mark.disk
async def test_a_file_that_is_synced_ahead_is_whole_or_not_there(lake):
    async with lake.writer("lake/a/b.mrd") as part:
        await part.write(b"data")
        part.begin_sync()
        with pytest.raises(ValueError, match="all is written"):
            await part.write(b"more")
        await part.commit()
    assert await lake.read("lake/a/b.mrd") == b"data"
    async with lake.writer("lake/a/c.mrd") as part:
        await part.write(b"data")
        part.begin_sync()
    assert [path.name for path in files_below(lake)] == ["b.mrd"]
