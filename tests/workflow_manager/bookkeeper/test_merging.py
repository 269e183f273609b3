"""Rows of reports and rows of this installation are one list: in order, each once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st

from scanhub_libraries.events import EventType
from workflow_manager.bookkeeper.merging import (
    OWN,
    before_own,
    before_reported,
    first_of_number,
    milliseconds_of,
    milliseconds_of_id,
    newest,
    number_of,
)
from workflow_manager.bookkeeper.translation import WORDS, task_events
from workflow_manager.journal.models import JournalEvent

START = datetime(2026, 1, 2, tzinfo=UTC)


def uuid7(milliseconds, random=0):
    return UUID(int=milliseconds << 80 | 0x7 << 76 | random << 64 | 0b10 << 62)


def test_a_number_of_ours_stands_in_the_order_of_ids_and_json_can_hold_it():
    now = milliseconds_of(START)
    ids = [uuid7(now, 0), uuid7(now, 2), uuid7(now, 0xFFF), uuid7(now + 1, 0)]
    numbers = [number_of(one) for one in ids]
    assert numbers == sorted(set(numbers))
    assert all(OWN < number < 2**53 for number in numbers)
    before_own(first_of_number(2**63 - 1))
    for number, one in zip(numbers, ids, strict=True):
        assert first_of_number(number) <= one
        assert number_of(first_of_number(number)) == number


times = st.lists(st.integers(0, 8), max_size=8)


@settings(max_examples=tries(in_ci=300, here=30))
@given(times, times, st.integers(1, 4))
def test_pages_have_every_row_once_in_order(own, reported, limit):
    base = milliseconds_of(START)
    ours = sorted((uuid7(base + ms, n) for n, ms in enumerate(own)), reverse=True)
    theirs = sorted(
        ((START + timedelta(milliseconds=ms), n) for n, ms in enumerate(reported)), reverse=True
    )

    def page(before):
        mine, other = ours, theirs
        if before is not None:
            mine = [one for one in ours if one < before.own]
            tie = -1 if before.tie is None else before.tie
            other = [one for one in theirs if one < (before.time, tie)]
        return newest(
            [(milliseconds_of_id(one), one) for one in mine],
            [(milliseconds_of(one[0]), one) for one in other],
            limit,
        )

    seen, before = [], None
    while rows := page(before):
        seen += rows
        last = rows[-1]
        before = before_own(last) if isinstance(last, UUID) else before_reported(*last)
    assert len(seen) == len(ours) + len(theirs)
    assert set(seen) == {*ours, *theirs}


def entry(sequence, event_type, subject="run", **data):
    return JournalEvent(
        sequence=sequence,
        id=uuid7(sequence),
        type=event_type,
        source="workflow-manager",
        subject=subject,
        time=START,
        data=data,
    )


def test_a_module_is_complete_when_the_next_one_begins_or_the_run_ends_well():
    entries = [
        entry(1, EventType.PROCESSING_QUEUED, number=1),
        entry(2, EventType.PROCESSING_STARTED),
        entry(3, EventType.PROCESSING_STEP, module="a"),
        entry(4, EventType.PROCESSING_STEP, module="b"),
        entry(5, EventType.PROCESSING_FAILED, reason="no licence"),
        entry(6, EventType.PROCESSING_QUEUED, number=2),
        entry(7, EventType.PROCESSING_STEP, module="b"),
        entry(8, EventType.PROCESSING_FINISHED),
    ]
    told = list(task_events("t", entries, 3))
    assert [(one.event, one.info) for one in told] == [
        ("PROCESS_BEGIN", ""),
        ("PROCESS_MODULE_BEGIN", "a"),
        ("PROCESS_MODULE_COMPLETE", "a"),
        ("PROCESS_MODULE_BEGIN", "b"),
        ("ERROR", "no licence"),
        ("PROCESS_RESTART", ""),
        ("PROCESS_MODULE_BEGIN", "b"),
        ("PROCESS_MODULE_COMPLETE", "b"),
        ("PROCESS_COMPLETE", ""),
    ]
    ids = [one.id for one in told]
    assert ids == sorted(set(ids))


def test_only_names_of_mercures_are_told():
    known = {
        "REGISTER", "PROCESS_BEGIN", "PROCESS_COMPLETE", "DISCARD", "DISPATCH_BEGIN",
        "DISPATCH_COMPLETE", "CLEAN", "ERROR", "SUSPEND", "COMPLETE", "ASSIGN", "NOTIFICATION",
        "DELEGATE", "MOVE", "COPY", "REMOVE", "PROCESS_MODULE_BEGIN", "PROCESS_MODULE_COMPLETE",
        "PROCESS_RESTART",
    }  # fmt: skip
    assert {name for _, name in WORDS.values()} <= known
