"""Reading apart: what crashes HDF5 ends a process that is there for nothing else."""

import asyncio
import os
import signal

import pytest
from mrd_files import noise, readout, write

from exam_manager.results.mrd_reader import MRDReader
from scanhub_libraries.errors import ScanHubError

EXAM = "/api/v1/exam"
# Found by trying: with these bytes (place, value) HDF5 1.14 dies of a segmentation fault.
DEADLY = ((1889, 242), (1333, 67), (1141, 139))


async def test_a_file_at_which_hdf5_crashes_harms_nobody(platform, store, tmp_path):
    rows = [readout(noise(n, 2, 16), kspace_encode_step_1=n) for n in range(40)]
    whole = write(tmp_path / "a.mrd", rows).read_bytes()
    deadly = bytearray(whole)
    for place, value in DEADLY:
        deadly[place] = value
    _, place = await store({"good.mrd": whole, "deadly.mrd": bytes(deadly)})
    url = f"{EXAM}/mrd/{place}/kspace"
    for _ in range(3):
        refused = await platform.call("GET", f"{url}?file=deadly.mrd", expect=422)
        assert "deadly.mrd" in refused.json()["detail"]
    await platform.call("GET", f"{url}?file=good.mrd", expect=200)


async def test_a_reader_that_was_killed_is_replaced(platform, store, tmp_path):
    _, place = await store({"data.mrd": write(tmp_path / "a.mrd", [readout(noise(1, 1, 8))])})
    url = f"{EXAM}/mrd/{place}/meta"
    first = await platform.call("GET", url, expect=200)
    (worker,) = platform.app.state.mrd_reader._idle
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert (await platform.call("GET", url, expect=200)).content == first.content
    (replaced,) = platform.app.state.mrd_reader._idle
    assert replaced.pid != worker.pid


@pytest.fixture
async def halted(platform, store, tmp_path):
    """Raw data, and both processes that read them halted: each request takes for ever."""
    rows = [readout(noise(n, 2, 16), kspace_encode_step_1=n) for n in range(40)]
    _, place = await store({"data.mrd": write(tmp_path / "a.mrd", rows)})
    url, reader = f"{EXAM}/mrd/{place}", platform.app.state.mrd_reader
    while len(reader._all) < 2:
        await asyncio.gather(*(platform.call("GET", f"{url}/kspace") for _ in range(4)))
    for worker in reader._all:
        os.kill(worker.pid, signal.SIGSTOP)
    return url, reader


def go_on(reader):
    for worker in reader._all:
        os.kill(worker.pid, signal.SIGCONT)


async def test_slow_raw_data_keep_nothing_else_waiting(platform, store, halted):
    url, reader = halted
    _, place = await store({"a.dcm": b"image"}, "DICOM")
    slow = [asyncio.create_task(platform.call("GET", f"{url}/kspace")) for _ in range(40)]
    while reader._inside < 40:
        await asyncio.sleep(0.01)
    for _ in range(3):
        image = platform.call("GET", f"{EXAM}/dcm/{place}/a.dcm", expect=200)
        await asyncio.wait_for(image, 20)
    assert not any(task.done() for task in slow)
    go_on(reader)
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}


async def test_who_comes_when_too_many_wait_is_sent_away_and_told_when_to_come_back(
    platform, halted
):
    url, reader = halted
    many = [asyncio.create_task(platform.call("GET", f"{url}/kspace")) for _ in range(80)]
    while sum(task.done() for task in many) < 14:
        await asyncio.sleep(0.01)
    refused = [task.result() for task in many if task.done()]
    assert {answer.status_code for answer in refused} == {503}
    assert refused[0].headers["Retry-After"] == "2"
    assert refused[0].json()["type"] == "/problems/unavailable"
    go_on(reader)
    answers = [answer.status_code for answer in await asyncio.gather(*many)]
    assert (answers.count(200), answers.count(503)) == (66, 14)
    await platform.call("GET", f"{url}/kspace", expect=200)


async def test_a_request_that_is_given_up_gives_its_place_back(platform, halted):
    url, reader = halted
    many = [asyncio.create_task(platform.call("GET", f"{url}/kspace")) for _ in range(20)]
    while reader._inside < 20:
        await asyncio.sleep(0.01)
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)
    assert reader._inside == 0
    go_on(reader)
    await platform.call("GET", f"{url}/kspace", expect=200)


async def test_a_reader_that_is_killed_at_work_is_a_503_and_the_next_request_works(
    platform, halted
):
    url, reader = halted
    slow = asyncio.create_task(platform.call("GET", f"{url}/meta"))
    while len(reader._idle) == 2:
        await asyncio.sleep(0.01)
    idle = list(reader._idle)
    for worker in list(reader._all):
        worker.kill()
    for worker in idle:
        worker.wait()  # until then it looks alive
    answer = await slow
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    await platform.call("GET", f"{url}/meta", expect=200)


@pytest.mark.long
async def test_a_reader_that_hangs_is_ended_and_the_next_request_works(tmp_path):
    path = write(tmp_path / "b.mrd", [readout(noise(1, 1, 8))])
    reader = MRDReader(seconds=1)
    assert await reader.run(reader, path, "count") == 1
    (worker,) = reader._all
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(ScanHubError, match="takes too long") as refused:
        await reader.run(reader, path, "count")
    assert refused.value.status == 422
    assert worker.returncode == -signal.SIGKILL
    assert await reader.run(reader, path, "count") == 1
    (worker,) = reader._all
    reader.close()
    assert worker.returncode == -signal.SIGKILL
    assert reader._all == []


async def test_the_end_of_the_service_ends_its_readers_also_at_work(start, migrated_url, tmp_path):
    path = write(tmp_path / "b.mrd", [readout(noise(1, 1, 8))])
    async with start(migrated_url, migrate=False) as platform:
        reader = platform.app.state.mrd_reader
        await reader.run(reader, path, "count")
        (worker,) = reader._all
        os.kill(worker.pid, signal.SIGSTOP)
        slow = asyncio.create_task(reader.run(reader, path, "count"))
        while reader._idle:
            await asyncio.sleep(0.01)
    with pytest.raises(ScanHubError) as refused:
        await slow
    assert refused.value.status == 503
    assert worker.returncode == -signal.SIGKILL
