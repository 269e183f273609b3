"""The journal answers questions by what an event is about, and forgets only what it may."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from workflow_service import WORKFLOW

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import Event, EventType
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseKind, CaseState
from workflow_manager.journal import repository
from workflow_manager.journal.models import JournalOffset
from workflow_manager.journal.retention import AT_ONCE, prune
from workflow_manager.journal.service import append, exam_of

START = datetime(2026, 1, 2, tzinfo=UTC)


def event(event_type=EventType.RUN_QUEUED, subject="x", minute=0, actor=None, **data):
    time = START + timedelta(minutes=minute)
    return Event(type=event_type, source="test", subject=subject, time=time, actor=actor, data=data)


async def test_events_are_found_by_whatever_they_are_about(service):
    exam, case, other = (str(uuid4()) for _ in range(3))
    batch = [
        event(EventType.EXAM_CREATED, exam, 0, "user:ada"),
        event(EventType.RUN_QUEUED, "run", 1, exam_id=exam),
        event(EventType.CASE_OPENED, case, 2, exam_id=exam, case_id=case),
        event(EventType.NOTIFICATION_SENT, "n", 3, case_id=case),
        event(EventType.EXAM_CREATED, other, 4, "user:eve"),
    ]
    await service.deliver(*(one.model_dump(mode="json") for one in batch))

    async def found(query):
        return [batch_number(entry) for entry in await service.get(f"/journal?{query}")]

    def batch_number(entry):
        return next(n for n, one in enumerate(batch) if str(one.id) == entry["id"])

    assert await found(f"exam_id={exam}") == [0, 1, 2]
    assert await found(f"case_id={case}") == [2, 3]
    assert await found("actor=user:eve") == [4]
    assert await found("type=exam.created") == [0, 4]
    assert await found("type=exam.created&type=run.queued") == [0, 1, 4]
    assert await found("since=2026-01-02T00:01:00Z&until=2026-01-02T00:03:00Z") == [1, 2]
    last = await service.get("/journal?newest=true&limit=2")
    earlier = f"newest=true&limit=2&before={last[0]['sequence']}"
    assert [batch_number(entry) for entry in last] == [3, 4]
    assert await found(earlier) == [1, 2]


@pytest.mark.parametrize("query", ["type=nonsense", "since=yesterday", "before=0", "exam_id=1"])
async def test_a_question_that_cannot_be_understood_is_refused(service, query):
    answer = await service.user.get(f"{WORKFLOW}/journal?{query}")
    assert answer.status_code == 422


def test_what_is_no_id_is_no_exam():
    assert exam_of(event(exam_id="x")) is None
    assert exam_of(event(EventType.EXAM_CREATED, "x")) is None
    assert exam_of(event(exam_id=["x"])) is None


async def types_left(sessions):
    async with reading(sessions) as session:
        return [row.type for row in await repository.list_events(session, after=0, limit=5000)]


async def add(sessions, *rows):
    async with transaction(sessions) as session:
        session.add_all(rows)


def a_case(state, **changes):
    return Case(
        kind=CaseKind.SERIES,
        subject=str(uuid4()),
        action="route",
        study_instance_uid="1.2",
        state=state,
        last_received_at=utc_now(),
        **changes,
    )


async def write(sessions, *events):
    async with transaction(sessions) as session:
        await append(session, events)


async def test_old_events_go_and_the_journal_says_so(sessions):
    old = [event(minute=n) for n in range(AT_ONCE + 5)]
    fresh = Event(type=EventType.RUN_STARTED, source="test", subject="x")
    await write(sessions, *old, fresh)
    assert await prune(sessions, 30) == AT_ONCE + 5
    assert await types_left(sessions) == ["run.started", "journal.pruned"]
    assert await prune(sessions, 30) == 0


async def test_what_a_consumer_has_not_read_stays(sessions):
    await write(sessions, event(), event(EventType.RUN_STARTED), event(EventType.RUN_FAILED))
    async with reading(sessions) as session:
        newest = await repository.last_sequence(session)
    await add(sessions, JournalOffset(consumer="slow", sequence=newest - 1))
    assert await prune(sessions, 30) == 1
    assert await types_left(sessions) == ["run.started", "run.failed", "journal.pruned"]


async def test_the_events_of_a_case_that_failed_stay_and_those_of_one_that_is_done_go(sessions):
    failed, done = a_case(CaseState.FAILED), a_case(CaseState.DONE)
    await add(sessions, failed, done)
    await write(
        sessions,
        event(EventType.CASE_FAILED, case_id=str(failed.id)),
        event(EventType.CASE_DONE, case_id=str(done.id)),
        event(EventType.RUN_FAILED),
    )
    assert await prune(sessions, 30) == 1
    assert await types_left(sessions) == ["case.failed", "run.failed", "journal.pruned"]


async def test_what_the_order_of_rules_was_stays_as_their_versions_do(sessions):
    order = event(EventType.RULE_REORDERED, "rules", before=["a"])
    await write(sessions, event(), order, event(), event(EventType.RUN_STARTED))
    assert await prune(sessions, 30) == 2
    assert await types_left(sessions) == ["rule.reordered", "run.started", "journal.pruned"]


async def test_nothing_goes_that_is_younger_than_a_case_that_still_moves(sessions):
    await add(sessions, a_case(CaseState.WAITING, opened_at=START + timedelta(minutes=1)))
    await write(sessions, event(minute=0), event(EventType.RUN_STARTED, minute=2), event(minute=3))
    assert await prune(sessions, 30) == 1
    assert await types_left(sessions) == ["run.started", "run.queued", "journal.pruned"]
