"""Who may run now: asked and taken in one step."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from workflow_manager.engine.places import Places, QueueSettings


@pytest.fixture
def places():
    return Places({"two": QueueSettings(at_once=2), "each": QueueSettings(at_once_per_partition=1)})


def test_of_many_that_ask_at_once_as_many_get_a_place_as_there_are(places):
    together = threading.Barrier(8)

    def ask(number):
        together.wait(30)
        return places.keep("two", "x", f"work:{number}")

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(8))) == 2


def test_a_place_that_was_kept_is_entered_though_all_are_taken(places):
    assert places.keep("each", "x", "a")
    assert not places.keep("each", "x", "b")
    assert places.keep("each", "y", "c")
    assert places.enter("each", "x", "a")
    assert not places.keep("each", "x", "b")
    places.leave("each", "x")
    assert places.keep("each", "x", "b")


def test_who_is_started_twice_keeps_one_place_and_lets_none_go_that_is_in_use(places):
    assert places.keep("two", None, "a")
    assert not places.keep("two", None, "a")
    assert places.enter("two", None, "a")
    places.let_go("two", None, "a")  # the second start finds that it runs
    assert places.keep("two", None, "b")
    assert not places.keep("two", None, "c")
    places.let_go("two", None, "b")
    assert places.keep("two", None, "c")


def test_nobody_enters_a_process_that_stops(places):
    assert places.keep("two", None, "a")
    places.stop()
    assert not places.enter("two", None, "a")
    assert not places.keep("two", None, "b")
    assert not places.enter("two", None, "c")
    places.wait_until_empty(0)
