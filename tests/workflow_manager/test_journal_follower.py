"""Followers of the journal hear of what has happened, and not twice of the same."""

import pytest
from workflow_service import until

from scanhub_libraries.database import transaction
from scanhub_libraries.events import Event, EventType
from workflow_manager.journal.follower import JournalFollower
from workflow_manager.journal.service import append
from workflow_manager.journal.tail import JournalTail

STORED, FINISHED = EventType.RESULT_STORED, EventType.TASK_FINISHED


def event(kind, subject):
    return Event(type=kind, source="test", subject=subject, data={})


@pytest.fixture
async def tail(sessions):
    tail = JournalTail(sessions)
    await tail.start()
    yield tail
    await tail.stop()


async def written(sessions, *events):
    async with transaction(sessions) as session:
        await append(session, events)


async def test_of_events_about_the_same_a_follower_hears_the_last_one(sessions, tail):
    heard, failures = [], 0

    async def react(entry):
        nonlocal failures
        if entry.subject == "other" and not failures:
            failures += 1
            raise ConnectionError
        heard.append((entry.type, entry.subject))

    about = {"about": lambda entry: entry.subject}
    follower = JournalFollower("files", sessions, tail, (STORED, FINISHED), react, **about)
    await follower.start()
    files = [event(STORED, "scan") for _ in range(3)]
    ended = event(FINISHED, "scan")
    passed_over = event(EventType.TASK_UPDATED, "scan")
    await written(sessions, *files, event(STORED, "other"), ended, passed_over)
    await until(lambda: len(heard) == 2)
    await written(sessions, event(STORED, "scan"))
    await until(lambda: len(heard) == 3)
    assert heard == [(STORED, "other"), (FINISHED, "scan"), (STORED, "scan")]
    await follower.stop()


async def test_a_follower_that_is_told_of_no_likeness_hears_every_event(sessions, tail):
    heard = []

    async def react(entry):
        heard.append(entry.type)

    follower = JournalFollower("all", sessions, tail, (STORED, FINISHED), react)
    await follower.start()
    await written(sessions, event(STORED, "scan"), event(STORED, "scan"), event(FINISHED, "scan"))
    await until(lambda: len(heard) == 3)
    assert heard == [STORED, STORED, FINISHED]
    await follower.stop()
