"""How the files for plots come to be."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

import pytest
from folders import open_files

from exam_manager.lake_sweep import LakeSweep
from exam_manager.sequences.plot.plotter import Plotter
from scanhub_libraries.errors import NotFoundError, UnprocessableError
from scanhub_libraries.lake import LocalLake

KEY, SOURCE = "sequences/a.plot.bin", "sequences/a.seq"


@pytest.fixture
async def lake(tmp_path, small):
    lake = LocalLake(tmp_path / "lake")
    await lake.put(SOURCE, small.encode())
    return lake


def names(lake):
    return sorted(path.name for path in lake.folder("sequences").iterdir())


async def test_a_file_that_many_ask_for_is_made_once(lake):
    plotter = Plotter(lake, 60, patience_seconds=60)
    tasks = {plotter.make(KEY, SOURCE) for _ in range(5)}
    assert len(tasks) == 1
    opened = await asyncio.gather(*(plotter.open(KEY, SOURCE) for _ in range(5)))
    assert {about["num_blocks"] for _arrays, about in opened} == {2}
    assert names(lake) == ["a.plot.bin", "a.seq"]


async def test_who_gives_up_waiting_does_not_end_the_work_of_others(lake):
    plotter = Plotter(lake, 60, patience_seconds=60)
    first = asyncio.create_task(plotter.open(KEY, SOURCE))
    second = asyncio.create_task(plotter.open(KEY, SOURCE))
    while not plotter.busy:
        await asyncio.sleep(0)
    first.cancel()
    _arrays, about = await second
    assert about["num_blocks"] == 2


async def test_a_service_that_ends_leaves_no_half_file(lake):
    plotter = Plotter(lake, 60, patience_seconds=60)
    task = plotter.make(KEY, SOURCE)
    while names(lake) == ["a.seq"] and not task.done():
        await asyncio.sleep(0.001)
    await plotter.stop()
    assert task.done()
    assert not plotter.busy
    assert names(lake) in (["a.seq"], ["a.plot.bin", "a.seq"])


async def test_a_plot_that_is_cancelled_while_its_file_is_opened_waits_and_closes_it(lake):
    slow = lake.path(SOURCE)
    slow.unlink()
    os.mkfifo(slow)  # opening it takes until there is a writer
    plotter = Plotter(lake, 60, patience_seconds=60)
    plotter.make(KEY, SOURCE)
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(plotter.stop())
    await asyncio.sleep(0.05)
    waited = not stopping.done()
    writer = os.open(slow, os.O_WRONLY)
    await stopping
    assert waited
    assert open_in(lake) == [str(slow)]  # ours
    os.close(writer)


def open_in(lake):
    return [target for target in open_files() if target.startswith(str(lake.root))]


async def test_a_file_that_takes_too_long_is_given_up(lake):
    plotter = Plotter(lake, 0.001, patience_seconds=60)
    with pytest.raises(UnprocessableError, match="within"):
        await plotter.open(KEY, SOURCE)
    assert names(lake) == ["a.seq"]
    with pytest.raises(UnprocessableError, match="within"):  # and is not begun again
        await asyncio.wait_for(plotter.open(KEY, SOURCE), 60)
    assert not plotter.busy
    await plotter.forget(KEY)
    with pytest.raises(UnprocessableError, match="within"):
        await plotter.open(KEY, SOURCE)


async def test_without_a_sequence_there_is_nothing_to_plot(lake):
    with pytest.raises(NotFoundError):
        await Plotter(lake, 60, patience_seconds=60).open(KEY, "sequences/absent.seq")
    assert names(lake) == ["a.seq"]


PROGRAM = """
import asyncio, pathlib, sys
from exam_manager.sequences.plot.plotter import Plotter
from scanhub_libraries.lake import LocalLake

async def main():
    await Plotter(LocalLake(pathlib.Path(sys.argv[1])), 60).make(sys.argv[2], sys.argv[3])

asyncio.run(main())
"""


async def test_what_a_crash_leaves_of_a_plot_is_swept(platform, upload):
    made = await upload(platform)
    await platform.app.state.plotter.stop()
    key, source = (f"sequences/{made['_id']}{suffix}" for suffix in (".plot.bin", ".seq"))
    await platform.lake.delete(key)
    program = (sys.executable, "-c", PROGRAM, str(platform.lake.root), key, source)
    process = await asyncio.create_subprocess_exec(*program)
    while not any(name.endswith(".part") for name in names(platform.lake)):
        await asyncio.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    left = [path for path in platform.lake.folder("sequences").iterdir() if path.suffix == ".part"]
    for path in left:
        os.utime(path, (1e9, 1e9))
    grace = timedelta(hours=1)
    await LakeSweep(platform.app.state.sessions, platform.lake, grace=grace).sweep()
    assert [name for name in names(platform.lake) if name.endswith(".part")] == []
    assert platform.lake.exists(source)
