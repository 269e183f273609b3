"""Files that come in pieces: kept, locked, and with the right sum whoever wrote them."""

import errno
import hashlib
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanhub_libraries.errors import ConflictError
from scanhub_libraries.lake import LocalLake


@pytest.mark.disk
async def test_a_file_goes_on_in_another_process_with_the_sum_of_all(tmp_path):
    first, second = (LocalLake(tmp_path).unfinished("a") for _ in range(2))
    await first.open()
    await first.append([b"one", b"two"])
    await first.close()
    assert await second.measure() == 6
    await second.open()
    await second.append([b"three"])
    assert await second.sha256() == hashlib.sha256(b"onetwothree").hexdigest()
    await second.publish("lake/x/a.bin")
    await second.discard()
    assert (tmp_path / "lake" / "x" / "a.bin").read_bytes() == b"onetwothree"
    assert await second.measure() == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.bin"]


async def test_nobody_else_writes_it_meanwhile(tmp_path):
    lake = LocalLake(tmp_path)
    one, other = lake.unfinished("a"), lake.unfinished("a")
    await one.open()
    with pytest.raises(ConflictError):
        await other.open()
    await one.close()
    await other.open()
    await other.close()


@pytest.mark.disk
async def test_publishing_again_after_a_crash_gives_the_same_file(tmp_path):
    file = LocalLake(tmp_path).unfinished("a")
    await file.open()
    await file.append([b"data"])
    for _ in range(2):
        await file.publish("lake/a.bin")
    await file.close()
    assert (tmp_path / "lake" / "a.bin").read_bytes() == b"data"
    assert await file.measure() == 4


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 300), st.none())))
async def test_whatever_is_written_cut_and_opened_again_the_sum_is_that_of_the_file(
    tmp_path_factory, steps
):
    lake, known = LocalLake(tmp_path_factory.mktemp("lake")), b""
    file = lake.unfinished("a")
    await file.open()
    for step in steps:
        if isinstance(step, bytes):
            await file.append([step])
            known += step
        elif step is None:
            await file.close()
            file = lake.unfinished("a")
            await file.open()
        else:
            await file.truncate(min(step, len(known)))
            known = known[:step]
    assert (file.size, await file.sha256()) == (len(known), hashlib.sha256(known).hexdigest())
    await file.close()


async def test_nothing_counts_of_a_file_that_the_disk_could_not_write(tmp_path, monkeypatch):
    lake = LocalLake(tmp_path)
    file = lake.unfinished("a")
    await file.open()
    await file.append([b"lost"])
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail)
        file.begin_sync()
        with pytest.raises(OSError, match="Input/output error"):
            await file.sync()
    for trying in (file.sync, lambda: file.publish("lake/a.bin")):  # the disk says it only once
        with pytest.raises(OSError, match="Input/output error"):
            await trying()
    await file.close()
    assert (file.size, await file.measure(), await lake.unfinished("a").measure()) == (0, 0, 0)
    await file.open()
    await file.append([b"data"])
    await file.publish("lake/a.bin")
    assert await file.sha256() == hashlib.sha256(b"data").hexdigest()
    await file.close()
    assert (tmp_path / "lake" / "a.bin").read_bytes() == b"data"


async def test_the_last_byte_is_synced_with_the_write_that_brings_it(tmp_path, monkeypatch):
    file = LocalLake(tmp_path).unfinished("a")
    await file.open()
    pieces = iter([b"da", b"ta"])
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail)
        await file.append([next(pieces)], whole=4)  # more is to come: nothing is synced
        with pytest.raises(OSError, match="Input/output error"):
            await file.append(pieces, whole=4)
    with pytest.raises(OSError, match="Input/output error"):
        await file.publish("lake/a.bin")  # what the disk said once counts
    await file.close()
    assert (file.size, await file.measure()) == (0, 0)
    await file.open()
    await file.append([b"data"], whole=4)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail)
        await file.publish("lake/a.bin")  # not synced a second time
    await file.close()
    assert (tmp_path / "lake" / "a.bin").read_bytes() == b"data"


def fail(_file):
    raise OSError(errno.EIO, "the disk is broken")
