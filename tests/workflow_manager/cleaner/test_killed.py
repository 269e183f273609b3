"""kill -9 at each step of removing: each image is in the index with its file, or on its way out."""

import signal
from pathlib import Path

import pytest
from nursery import start_program

from workflow_manager.cleaner.cleaning import Cleaner

SCRIPT = Path(__file__).parent / "cleaner_for_test.py"


async def clean_and_die(shelf, spot):
    settings = shelf.wiring.settings
    process = await start_program(SCRIPT, settings.database_url, settings.lake_root, spot)
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("comes_back", [False, True])
@pytest.mark.parametrize("spot", ["after the commit", "between the files", "after the files"])
async def test_what_was_begun_is_ended_at_the_next_start(shelf, spot, comes_back):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2, 3)
    await clean_and_die(shelf, spot)
    assert await shelf.indexed() == set()
    assert shelf.files() <= await shelf.removed_files()
    if comes_back:
        await shelf.receive("1.1", 1, 4)
    await Cleaner(shelf.wiring).round()
    assert await shelf.there() == ({"1.1"} if comes_back else set())
    assert len(await shelf.indexed()) == (2 if comes_back else 0)
    assert await shelf.removed_files() == set()
    assert len(await shelf.events("cleaner.removed")) == 1


async def test_killed_before_the_commit_nothing_was_removed(shelf):
    await shelf.add_target()
    await shelf.sent("1.1", 1, 2)
    await clean_and_die(shelf, "before the commit")
    assert await shelf.there() == {"1.1"}
    assert await shelf.removed_files() == set()
    assert await shelf.events("cleaner.removed") == []
    await Cleaner(shelf.wiring).round()
    assert await shelf.there() == {"1.1"}
