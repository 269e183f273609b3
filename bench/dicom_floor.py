"""What the disk allows: the files of the senders, written and synced by a bare loop.

Without a network, a protocol, a checksum or an index; the least that `synced` has to do. Beside it
the same with a copy that is written over and over and synced in the place of the file.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench.dicom_sender import EDGE

_BYTES = 2 * EDGE * EDGE + 1000
_SEGMENT = 16 * 2**20


def floor_rate(folder: Path, threads: int, count: int) -> float:
    """Return how many files of an image a bare loop creates, writes and syncs [1/s].

    Args:
        folder: Is not there yet.
        threads: As many as associations.
        count: Files of each.
    """
    folder.mkdir(parents=True)
    data = os.urandom(_BYTES)

    def write(thread: int, number: int) -> None:
        _write(folder / f"{thread}-{number}", data, sync=True)

    return _rate(write, threads, count)


def copy_rate(folder: Path, threads: int, count: int) -> float:
    """Return the same, where blocks that were written before are synced instead [1/s]."""
    folder.mkdir(parents=True)
    data = os.urandom(_BYTES)
    copies = [_segment(folder / f"{number}.copy") for number in range(threads)]

    def write(thread: int, number: int) -> None:
        _write(folder / f"{thread}-{number}", data, sync=False)
        place = number * -(-_BYTES // 4096) * 4096 % (_SEGMENT - _BYTES) // 4096 * 4096
        os.pwrite(copies[thread], data, place)
        os.fdatasync(copies[thread])

    try:
        return _rate(write, threads, count)
    finally:
        for copy in copies:
            os.close(copy)


def _segment(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    for place in range(0, _SEGMENT, 2**20):
        os.pwrite(file, bytes(2**20), place)
    os.fsync(file)
    return file


def _write(path: Path, data: bytes, *, sync: bool) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(file, data)
        if sync:
            os.fdatasync(file)
    finally:
        os.close(file)


def _rate(write: Callable[[int, int], None], threads: int, count: int) -> float:
    barrier = threading.Barrier(threads + 1)

    def work(thread: int) -> None:
        barrier.wait(60)
        for number in range(count):
            write(thread, number)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait(60)
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return threads * count / (time.perf_counter() - began)
