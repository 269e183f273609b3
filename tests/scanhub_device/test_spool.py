"""The folder of the queue by itself: every state that a crash can leave."""

import hashlib
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from scanhub_device import SpoolError
from scanhub_device._spool import RunningScan, Source, Spool
from scanhub_device.messages import FileTransfer

MANY = 1 << 30


def header(size_bytes: int, sha256: str) -> FileTransfer:
    return FileTransfer(
        task_id="t",
        user_access_token="secret",
        filename="raw.mrd",
        size_bytes=size_bytes,
        content_type="x",
        sha256=sha256,
    )


@pytest.fixture
def spool(tmp_path: Path) -> Any:
    spool = Spool(tmp_path / "queue", MANY)
    yield spool
    spool.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "signal"
    path.write_bytes(b"k-space")
    return path


def put(spool: Spool, path: Path, **options: Any) -> Any:
    return spool.put(Source(path, header, **options), threading.Event())


def test_a_file_is_kept_as_it_was_with_its_checksum(spool: Spool, source: Path) -> None:
    entry = put(spool, source)
    source.write_bytes(b"written over by the next scan")
    assert spool.data(entry).read_bytes() == b"k-space"
    assert entry.header.sha256 == hashlib.sha256(b"k-space").hexdigest()
    assert spool.recover() == [entry]
    spool.remove(entry)
    assert spool.recover() == []


def test_a_file_that_is_handed_over_is_moved(spool: Spool, source: Path) -> None:
    inode = source.stat().st_ino
    entry = put(spool, source, hand_over=True)
    assert not source.exists()
    assert spool.data(entry).stat().st_ino == inode


def test_nobody_else_can_read_the_tokens(spool: Spool, source: Path, tmp_path: Path) -> None:
    put(spool, source)
    spool.scan_began(RunningScan(task_id="t", access_token="secret"))
    for path in (tmp_path / "queue").rglob("*.json"):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("hand_over", [True, False])
def test_a_file_that_was_whole_when_it_crashed_is_found(
    spool: Spool, source: Path, tmp_path: Path, *, hand_over: bool
) -> None:
    entry = put(spool, source, hand_over=hand_over)
    (tmp_path / "queue/pending" / entry.id).rename(tmp_path / "queue/coming" / entry.id)
    assert spool.recover() == [entry]
    assert spool.data(entry).read_bytes() == b"k-space"


@pytest.mark.parametrize("damage", ["no entry", "no data", "torn entry", "torn data"])
def test_what_was_not_whole_when_it_crashed_is_cleared(
    spool: Spool, source: Path, tmp_path: Path, damage: str
) -> None:
    entry = put(spool, source)
    place = (tmp_path / "queue/pending" / entry.id).rename(tmp_path / "queue/coming" / entry.id)
    what, name = damage.split()
    path = place / {"entry": "entry.json", "data": "data"}[name]
    if what == "no":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-2])
    assert spool.recover() == []
    assert list((tmp_path / "queue/coming").iterdir()) == []
    assert source.exists()


def test_a_full_queue_takes_no_more_and_what_is_set_aside_counts(
    tmp_path: Path, source: Path
) -> None:
    spool = Spool(tmp_path / "queue", 15)
    entry = put(spool, source)
    put(spool, source)
    with pytest.raises(SpoolError, match="full"):
        put(spool, source)
    spool.set_aside(entry, "refused")
    with pytest.raises(SpoolError, match="full"):
        put(spool, source)
    shutil.rmtree(tmp_path / "queue/aside" / entry.id)
    assert put(spool, source) is not None
    spool.close()


def test_what_is_set_aside_has_its_reason_and_can_be_tried_again(
    spool: Spool, source: Path
) -> None:
    entry = put(spool, source)
    place = spool.set_aside(entry, "the token has expired")
    assert place.read_bytes() == b"k-space"
    assert spool.problem(entry) == "the token has expired"
    assert (spool.entries("aside"), spool.entries("pending")) == ([entry], [])
    spool.retry(entry)
    assert spool.recover() == [entry]


def test_a_put_that_is_cancelled_leaves_nothing(spool: Spool, source: Path, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    assert spool.put(Source(source, header, hand_over=True), cancelled) is None
    assert source.exists()
    assert list((tmp_path / "queue/coming").iterdir()) == []


def test_a_queue_belongs_to_one_program(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="another program"):
        Spool(tmp_path / "queue", MANY)
    spool.close()
    Spool(tmp_path / "queue", MANY).close()
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="cannot be used"):
        Spool(tmp_path / "file" / "queue", MANY)
