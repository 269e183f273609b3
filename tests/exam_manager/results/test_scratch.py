"""Files that are being made lie below the data folder, and nothing of them stays."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from folders import open_files

from exam_manager.results.nifti import NiftiConverter
from exam_manager.results.scratch import Scratch
from scanhub_libraries.threads import to_the_end

PROGRAM = """
import sys, time
from pathlib import Path
from exam_manager.results.scratch import Scratch
home = Scratch(Path(sys.argv[1])).home()
(home / "image.dcm").write_bytes(b"of a patient")
print(home.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def neighbour(tmp_path):
    """Another process that works with the same data: returns it and the name of its folder."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "scratch")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process, process.stdout.readline().decode().strip()
        finally:
            process.kill()


def test_what_a_killed_process_left_is_cleared_and_no_other(tmp_path, neighbour):
    process, name = neighbour
    scratch = Scratch(tmp_path / "scratch")
    assert (scratch.home().parent / name / "image.dcm").exists()
    assert scratch.clear() == 0
    process.kill()
    process.wait()
    assert scratch.clear() == 1
    assert {path.stem for path in scratch.root.iterdir()} == {scratch.home().name}
    scratch.close()
    assert list(scratch.root.iterdir()) == []
    assert scratch.home().is_dir()
    scratch.close()


def test_a_lock_alone_or_a_folder_alone_is_nobodys(tmp_path):
    scratch = Scratch(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "two.lock").touch()
    (tmp_path / "three.lock").symlink_to("/etc/hostname")
    assert scratch.clear() == 2
    assert [path.name for path in tmp_path.iterdir()] == ["three.lock"]
    assert Scratch(tmp_path / "none").clear() == 0


async def test_a_start_clears_what_a_killed_server_left(start, migrated_url, tmp_path, neighbour):
    process, name = neighbour
    folder = tmp_path / "lake-root" / "scratch" / name
    folder.parent.mkdir(parents=True)
    (tmp_path / "scratch" / name).rename(folder)
    process.kill()
    process.wait()
    async with start(migrated_url, migrate=False) as platform:
        assert not folder.exists()
        assert platform.app.state.scratch.home().parent == folder.parent
    assert list(folder.parent.iterdir()) == []


async def test_what_is_cancelled_is_tidied_up_after_the_thread_has_ended(tmp_path):
    began, goes_on, given = asyncio.Event(), asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def work():
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result(20)
        return "made"

    task = asyncio.create_task(to_the_end(work, discard=given.append))
    await began.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert given == ["made"]


@pytest.mark.parametrize("steps", range(12))
async def test_a_conversion_that_is_cancelled_anywhere_leaves_nothing(tmp_path, steps):
    program, scratch = tmp_path / "converter", Scratch(tmp_path / "scratch")
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o755)
    (tmp_path / "a.dcm").write_bytes(b"x")
    convert = NiftiConverter(scratch, program=program)
    before = len(open_files())
    task = asyncio.create_task(convert({"a.dcm": tmp_path / "a.dcm"}))
    for _ in range(steps):
        await asyncio.sleep(0 if steps < 6 else 0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    home = scratch.home()
    assert list(home.iterdir()) == []
    scratch.close()
    async with asyncio.timeout(10):
        while len(open_files()) > before:
            await asyncio.sleep(0.01)
    assert list(Path(tmp_path / "scratch").iterdir()) == []
