import asyncio
import selectors

import pytest
from structlog.testing import capture_logs

from scanhub_libraries.repeating import Repeating


class _NeverWaits(selectors.DefaultSelector):
    """Says that the time has passed instead of letting it pass."""

    passed = 0.0

    def select(self, timeout=None):
        self.passed += max(timeout or 0.0, 0.0)
        return super().select(0)


class LoopOfHours(asyncio.SelectorEventLoop):
    """A loop whose clock goes from timer to timer: an hour takes a moment."""

    def __init__(self):
        self._never_waits = _NeverWaits()
        super().__init__(self._never_waits)

    def time(self):
        return self._never_waits.passed


class Work:
    """Writes down when its rounds are."""

    def __init__(self, *due):
        self.rounds: list[float] = []
        self._due = list(due)

    async def round(self):
        self.rounds.append(round(asyncio.get_running_loop().time(), 3))

    async def due(self):
        return self._due.pop(0) if self._due else None


@pytest.fixture
def hours():
    with asyncio.Runner(loop_factory=LoopOfHours) as runner:
        yield runner


async def over(repeating, seconds):
    repeating.start()
    await asyncio.sleep(seconds)
    await repeating.stop()


async def test_work_goes_on_after_a_failure_which_is_told_once():
    rounds: list[int] = []
    done = asyncio.Event()

    async def work():
        rounds.append(len(rounds))
        if len(rounds) in (2, 3):
            raise ValueError("not now")
        if len(rounds) == 5:
            done.set()

    with capture_logs() as told:
        repeating = Repeating("counting", work, 0.001)
        repeating.start()
        await asyncio.wait_for(done.wait(), 30)
        await repeating.stop()
    assert [entry["event"] for entry in told] == [
        "background work fails",
        "background work goes on",
    ]
    assert told[0]["work"] == "counting"
    assert told[0]["exc_info"] is True


async def test_what_was_stopped_does_no_more():
    began, ended = asyncio.Event(), []

    async def work():
        began.set()
        await asyncio.sleep(30)
        ended.append("whole")

    repeating = Repeating("waiting", work, 0.001)
    await repeating.stop()  # never begun: nothing to do
    repeating.start()
    await asyncio.wait_for(began.wait(), 30)
    await repeating.stop()
    assert ended == []


def test_with_nothing_due_it_looks_at_the_longest_pause_only(hours):
    work = Work()
    hours.run(over(Repeating("idle", work.round, 5.0, due=work.due), 3600))
    assert len(work.rounds) == 720


def test_it_sleeps_until_the_next_time_that_is_known(hours):
    work = Work(2.5, 0.25, 60.0)
    hours.run(over(Repeating("due", work.round, 5.0, due=work.due, shortest=0.1), 9))
    assert work.rounds == [0.0, 2.5, 2.75, 7.75]


def test_what_stays_overdue_is_not_tried_at_full_speed(hours):
    work = Work(*[-1.0] * 100)
    hours.run(over(Repeating("overdue", work.round, 5.0, due=work.due), 9.9))
    assert len(work.rounds) == 20


def test_a_wake_ends_the_pause_and_a_crowd_of_them_is_one_round(hours):
    work = Work()
    repeating = Repeating("woken", work.round, 5.0, shortest=0.5)

    async def crowd():
        repeating.start()
        await asyncio.sleep(3)
        for _ in range(100):
            repeating.wake()
            await asyncio.sleep(0.002)
        await asyncio.sleep(2)
        await repeating.stop()

    hours.run(crowd())
    assert work.rounds == [0.0, 3.0, 3.5]


def test_who_is_woken_during_a_round_does_one_more(hours):
    rounds = []

    async def work():
        rounds.append(len(rounds))
        if len(rounds) == 1:
            repeating.wake()

    repeating = Repeating("busy", work, 5.0)
    hours.run(over(repeating, 4))
    assert len(rounds) == 2


def test_a_failed_round_is_done_again_soon(hours):
    work = Work()

    async def fails():
        await work.round()
        raise ValueError("not now")

    hours.run(over(Repeating("failing", fails, 60.0), 3.5))
    assert work.rounds == [0.0, 1.0, 2.0, 3.0]
