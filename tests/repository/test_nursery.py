"""What tests start by a fork is a process as any other."""

import asyncio
import json
import os
import signal

import pytest
from nursery import start_program

SHOW = """
import json, os, sys
told = {"arguments": sys.argv, "word": os.environ.get("WORD"), "home": "HOME" in os.environ}
print(json.dumps(told | {"leads": os.getsid(0) == os.getpid(), "name": __name__}))
print("to the log", file=sys.stderr)
sys.exit(int(sys.stdin.readline()))
"""
WAIT = "print('here', flush=True)\nimport time\ntime.sleep(600)\n"


async def test_a_program_has_arguments_environment_and_streams_of_its_own(tmp_path):
    script = tmp_path / "show.py"
    script.write_text(SHOW)
    with (tmp_path / "log").open("wb") as log:
        program = await start_program(script, "a b", "c", env={"WORD": "x"}, talks=True, log=log)
    told = json.loads(await program.stdout.readline())
    assert told == {
        "arguments": [str(script), "a b", "c"],
        "word": "x",
        "home": False,
        "leads": True,
        "name": "__main__",
    }
    assert program.returncode is None
    program.stdin.write(b"7\n")
    assert await asyncio.wait_for(program.wait(), 30) == program.returncode == 7
    assert (tmp_path / "log").read_text() == "to the log\n"


async def test_a_program_that_is_killed_says_so_and_the_next_one_runs(tmp_path):
    script = tmp_path / "wait.py"
    script.write_text(WAIT)
    programs = [await start_program(script, talks=True) for _ in range(2)]
    for program in programs:
        assert await program.stdout.readline() == b"here\n"
    os.kill(programs[0].pid, signal.SIGKILL)
    assert await asyncio.wait_for(programs[0].wait(), 30) == -signal.SIGKILL
    assert programs[1].returncode is None
    programs[1].terminate()
    assert await asyncio.wait_for(programs[1].wait(), 30) == -signal.SIGTERM


END = """
import atexit, sys, threading, time
file = open(sys.argv[2], "w")
atexit.register(file.close)
threading.Thread(target=lambda: (time.sleep(0.05), file.write("the thread ended"))).start()
exec(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("last", "code", "said"),
    [
        ("pass", 0, ""),
        ("sys.exit('no disk')", 1, "no disk\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt\n"),
    ],
)
async def test_a_program_ends_as_python_does(tmp_path, last, code, said):
    script, file = tmp_path / "end.py", tmp_path / "file"
    script.write_text(END)
    with (tmp_path / "log").open("wb") as log:
        program = await start_program(script, last, file, log=log)
    assert await asyncio.wait_for(program.wait(), 30) == code
    assert (tmp_path / "log").read_text().endswith(said)
    assert file.read_text() == "the thread ended"
