"""How a process is, and what is wrong with a queue."""

from datetime import timedelta

import pytest

from scanhub_libraries.clock import utc_now
from workflow_manager.workers.rules import SILENT_AFTER, QueueLoad, problem_of, state_of

NOW = utc_now()
SOON = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("lives", "drains", "ago", "state"),
    [
        (True, False, timedelta(), "running"),
        (True, False, SILENT_AFTER, "running"),
        (True, False, SILENT_AFTER + SOON, "silent"),
        (True, True, SOON, "draining"),
        (True, True, SILENT_AFTER + SOON, "silent"),
        (False, False, SOON, "lost"),
        (False, True, SILENT_AFTER + SOON, "lost"),
    ],
)
def test_how_a_process_is(lives, drains, ago, state):
    assert state_of(lives=lives, drains=drains, seen_at=NOW - ago, now=NOW) == state


def load(*, open_=3, running=0, served_by=("main",), paused=False):
    return QueueLoad(open=open_, running=running, served_by=served_by, paused=paused)


def test_what_runs_does_not_wait():
    assert load(running=1).waiting == 2
    assert load(open_=0, running=1).waiting == 0  # it began after the others were counted


def test_a_queue_that_nobody_serves_needs_somebody():
    assert problem_of(load()) == ""
    assert problem_of(load(served_by=(), paused=True)) == ""
    nobody = "no process serves this queue: start a worker for it."
    assert problem_of(load(served_by=())) == f"3 wait, and {nobody}"
    assert problem_of(load(served_by=(), open_=0)) == nobody.capitalize()
