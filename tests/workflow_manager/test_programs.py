"""Programs of the service are heard to their last word, and killed with all they started."""

import asyncio

import pytest
from workflow_service import SlowJob, until

from workflow_manager.programs.job import run_job
from workflow_manager.programs.supervised import Limits, Supervised, environment_of, run


class Said:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


@pytest.fixture
def program(tmp_path):
    """Return what writes a Python file and says where it is."""

    def write(source):
        path = tmp_path / "program.py"
        path.write_text(source)
        return str(path)

    return write


async def test_the_last_words_are_heard_however_slow_the_listener_is(program):
    heard = []

    async def slow(percent, _message):
        await asyncio.sleep(0.05)
        heard.append(percent)

    source = 'for n in range(40): print(\'{"event": "progress", "percent": %d}\' % n)\n'
    end = await run_job(
        program(source + 'print(\'{"event": "result", "files": []}\', end="")'),
        [],
        asyncio.Event(),
        slow,
    )
    assert (heard, end.failure, end.last) == (
        list(range(40)),
        None,
        {"event": "result", "files": []},
    )


async def test_what_is_no_line_of_json_is_the_log_whatever_its_length(program):
    source = (
        "import sys\nprint('a library')\nprint('[1]')\nsys.stderr.write('beside\\n')\n"
        "sys.stderr.flush()\nprint('x' * 3_000_000)\nprint('{\"event\": \"result\"}')\n"
    )
    log = Said()
    end = await run_job(program(source), [], asyncio.Event(), log=log)
    assert end.failure is None
    assert {b"a library", b"[1]", b"beside"} <= set(log.data.splitlines())
    assert b"x" * 3_000_000 + b"\n" in log.data


async def test_a_program_whose_time_is_over_is_killed(program):
    source = 'import time\nprint(\'{"event": "result"}\', flush=True)\ntime.sleep(600)\n'
    end = await run_job(program(source), [], asyncio.Event(), limits=Limits(timeout_s=0.5))
    assert (end.timed_out, end.canceled) == (True, False)
    assert "longer than it may" in end.failure


async def test_a_program_that_is_stopped_is_killed_with_all_that_it_started(program):
    started: list[int] = []
    cancel = asyncio.Event()

    async def stop(_percent, message):
        started.append(int(message))
        cancel.set()

    source = """
import json, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(json.dumps({"event": "progress", "percent": 1, "message": str(child.pid)}), flush=True)
time.sleep(600)
"""
    end = await run_job(program(source), [], cancel, stop)
    assert (end.canceled, end.timed_out) == (True, False)
    await until(lambda: not SlowJob.alive(started[0]))


async def test_what_a_listener_raises_ends_the_program(program):
    async def broken(*_):
        raise RuntimeError("the database is away")

    source = 'import time\nprint(\'{"event": "progress", "percent": 1}\', flush=True)\n'
    with pytest.raises(RuntimeError, match="database"):
        await run_job(program(source + "time.sleep(600)"), [], asyncio.Event(), broken)


async def test_a_program_gets_its_own_variables_and_none_that_may_be_secret(program, monkeypatch):
    monkeypatch.setenv("SCANHUB_WORKFLOW_SECRETS_KEY", "secret")
    said = Said()
    source = "import os\nprint(sorted(os.environ))\nprint(os.environ['MINE'])\n"
    work = Supervised(program(source), variables={"MINE": "value"})
    end = await run(work, asyncio.Event(), said)
    assert (end.exit_code, b"value" in said.data, b"SCANHUB_" in said.data) == (0, True, False)
    assert "SCANHUB_WORKFLOW_SECRETS_KEY" not in environment_of({})


async def test_a_program_that_is_asked_to_stop_has_some_time_for_it(program, tmp_path):
    stop, started, cancel = tmp_path / "stop", asyncio.Event(), asyncio.Event()

    async def hear(_chunk):
        cancel.set()

    async def ask():
        started.set()
        stop.touch()

    source = f"""
import pathlib, time
print("started", flush=True)
while not pathlib.Path({str(stop)!r}).exists():
    time.sleep(0.01)
raise SystemExit(7)
"""
    end = await run(
        Supervised(program(source)), cancel, Said(), hear, ask_to_stop=ask, grace_s=60.0
    )
    assert (end.canceled, end.exit_code, started.is_set()) == (True, 7, True)
