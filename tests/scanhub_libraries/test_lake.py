import hashlib
import os

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
