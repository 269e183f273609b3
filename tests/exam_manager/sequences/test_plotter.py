"""How the files for plots come to be."""

import asyncio

import pytest

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
    plotter = Plotter(lake, 60)
    tasks = {plotter.make(KEY, SOURCE) for _ in range(5)}
    assert len(tasks) == 1
    opened = await asyncio.gather(*(plotter.open(KEY, SOURCE) for _ in range(5)))
    assert {about["num_blocks"] for _arrays, about in opened} == {2}
    assert names(lake) == ["a.plot.bin", "a.seq"]


async def test_who_gives_up_waiting_does_not_end_the_work_of_others(lake):
    plotter = Plotter(lake, 60)
    first = asyncio.create_task(plotter.open(KEY, SOURCE))
    second = asyncio.create_task(plotter.open(KEY, SOURCE))
    while not plotter.busy:
        await asyncio.sleep(0)
    first.cancel()
    _arrays, about = await second
    assert about["num_blocks"] == 2


async def test_a_service_that_ends_leaves_no_half_file(lake):
    plotter = Plotter(lake, 60)
    task = plotter.make(KEY, SOURCE)
    while names(lake) == ["a.seq"] and not task.done():
        await asyncio.sleep(0.001)
    await plotter.stop()
    assert task.done()
    assert not plotter.busy
    assert names(lake) in (["a.seq"], ["a.plot.bin", "a.seq"])


async def test_a_file_that_takes_too_long_is_given_up(lake):
    with pytest.raises(UnprocessableError, match="within"):
        await Plotter(lake, 0.001).open(KEY, SOURCE)
    assert names(lake) == ["a.seq"]


async def test_without_a_sequence_there_is_nothing_to_plot(lake):
    with pytest.raises(NotFoundError):
        await Plotter(lake, 60).open(KEY, "sequences/absent.seq")
    assert names(lake) == ["a.seq"]
