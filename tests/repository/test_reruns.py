"""In CI a failed test is run once more, and that is told."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]
HERE = Path(__file__).parents[1]
TESTS = '''
from pathlib import Path
import asyncio, pytest

def begins(name):
    """Fail the first time; the second time it is another story."""
    seen = Path(__file__).with_name(name)
    first = not seen.exists()
    seen.open("a").write("x")
    assert not first, f"the first of {name}"

@pytest.fixture(scope="module")
def shared():
    Path(__file__).with_name("shared").open("a").write("x")
    yield "shared"

@pytest.fixture(scope="module")
def broken_once():
    begins("module fixture")

@pytest.fixture
async def late():
    yield
    begins("teardown")

def test_before(shared): ...
async def test_first(shared, tmp_path):
    print("printed by the first")
    begins("call")
def test_after(shared): assert shared == "shared"
def test_always(shared): assert False, "as ever"
def test_in_its_setup(broken_once): ...
def test_beside_it(broken_once): ...
async def test_in_its_teardown(late): ...
@pytest.mark.timeout(1)
async def test_that_hangs():
    try:
        begins("deadline")
    except AssertionError:
        await asyncio.sleep(60)
@pytest.mark.timeout(1)
async def test_that_hangs_twice(): await asyncio.sleep(60)
@pytest.mark.xfail
def test_expected(): assert False
def test_last(): begins("last")
'''


def test_a_failed_test_is_run_once_more_and_its_first_failure_is_told(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "reruns", "--rerun-failed", "-ra",
               "-p", "no:schemathesis", "-n", "2", "--dist", "loadfile", "."]  # fmt: skip
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r" 2 failed, 8 passed, 1 xfailed, 7 rerun in ", last), done.stdout
    assert sorted(re.findall(r"^FAILED test_it.py::(\w+)", done.stdout, re.MULTILINE)) == [
        "test_always", "test_that_hangs_twice",
    ]  # fmt: skip
    assert sorted(re.findall(r"^RERUN test_it.py::(\w+)", done.stdout, re.MULTILINE)) == [
        "test_always", "test_first", "test_in_its_setup", "test_in_its_teardown", "test_last",
        "test_that_hangs", "test_that_hangs_twice",
    ]  # fmt: skip
    for text in ("the first of call", "printed by the first", "the first of module fixture",
                 "the first of teardown", "the first of last", "as ever"):  # fmt: skip
        assert text in done.stdout
    # A rerun leaves what tests share alone, unless that is what failed.
    assert (tmp_path / "shared").read_text() == "x"
    assert (tmp_path / "module fixture").read_text() == "xx"
