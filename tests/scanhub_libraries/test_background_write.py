"""A write that goes on by itself: what it wrote is there, and who waits hears what went wrong."""

import errno
import os

import pytest

from scanhub_libraries.background_write import BackgroundWriter

PAGE = 4096


@pytest.fixture(params=["by itself", "when it is waited for"])
def writer(request):
    found = BackgroundWriter(4 * PAGE)
    if request.param != "by itself":  # as on a kernel without it
        found._has_context = False
    return found


@pytest.fixture
def file(tmp_path):
    number = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.truncate(number, 16 * PAGE)
    yield number
    os.close(number)


def test_memory_is_in_its_place_once_it_was_waited_for(writer, file):
    for number in range(1, 4):
        writer.memory[: 2 * PAGE] = bytes([number]) * (2 * PAGE)
        writer.begin(file, 2 * PAGE, 4 * number * PAGE)
        writer.wait()
        assert os.pread(file, 2 * PAGE, 4 * number * PAGE) == writer.memory[: 2 * PAGE]
    assert not any(os.pread(file, 4 * PAGE, 0))


def test_several_write_side_by_side(tmp_path, file):
    writers = [BackgroundWriter(PAGE) for _ in range(3)]
    for number, writer in enumerate(writers):
        writer.memory[:] = bytes([65 + number]) * PAGE
        writer.begin(file, PAGE, number * PAGE)
    for writer in writers:
        writer.wait()
    assert os.pread(file, 3 * PAGE, 0) == b"".join(bytes([n]) * PAGE for n in b"ABC")


def test_who_waits_hears_once_that_it_was_not_written(writer, tmp_path, file):
    read_only = os.open(tmp_path / "file", os.O_RDONLY)
    writer.begin(read_only, PAGE, 0)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        writer.wait()
    os.close(read_only)
    writer.wait()
    writer.begin(file, PAGE, 0)
    writer.wait()
