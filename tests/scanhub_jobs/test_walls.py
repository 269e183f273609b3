"""A program that changes files in its own folders only, as the kernel sees to it."""

import os
import subprocess
import sys

import pytest

from scanhub_jobs.walls import allow_writing

PROGRAM = """
import os, subprocess, sys, tempfile
from multiprocessing import Lock
from pathlib import Path
own, other = map(Path, sys.argv[1:])
(own / "below").mkdir()
(own / "below" / "file").write_text("mine")
(own / "below" / "file").rename(own / "moved")
os.link(own / "moved", own / "below" / "again")
(own / "below" / "again").unlink()
Path(os.devnull).write_text("nothing")
Lock()
print((other / "there").read_text())
for act in (
    lambda: (other / "new").write_text("x"),
    lambda: (other / "there").write_text("x"),
    lambda: os.truncate(other / "there", 0),
    lambda: (other / "there").unlink(),
    lambda: (other / "folder").mkdir(),
    lambda: (other / "link").symlink_to(own),
    lambda: (other / "there").rename(own / "stolen"),
    lambda: (own / "moved").rename(other / "put"),
    lambda: subprocess.run(["sh", "-c", "echo x > " + str(other / "new")], check=True),
):
    try:
        act()
    except (OSError, subprocess.CalledProcessError) as error:
        print(type(error).__name__)
    else:
        print("done")
"""


def has_walls():
    """Ask in a process of its own: nobody takes walls down."""
    child = os.fork()
    if child == 0:
        os._exit(not allow_writing([]))
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.disk  # memory can be shared by whoever has walls
@pytest.mark.skipif(not has_walls(), reason="this kernel has no Landlock")
def test_who_has_walls_changes_files_in_the_own_folders_only(tmp_path):
    own, other, program = (tmp_path / name for name in ("own", "other", "program.py"))
    own.mkdir()
    other.mkdir()
    (other / "there").write_text("as it was")
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "scanhub_jobs.supervised", str(os.getpid())]
    walls = [f"--write={own}", f"--write={tmp_path / 'not there'}"]
    with subprocess.Popen(
        [*command, *walls, str(program), str(own), str(other)],
        stdin=subprocess.PIPE,  # its end would end the program
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        said = running.stdout.read().splitlines()
        assert running.wait(60) == 0
    assert said[0] == "as it was"
    assert (len(said), "done" in said) == (10, False), said
    assert [path.name for path in other.iterdir()] == ["there"]
    assert (other / "there").read_text() == "as it was"
    assert sorted(path.name for path in own.iterdir()) == ["below", "moved"]
