"""When a study is complete: nothing closes while one of its series arrives."""

from datetime import UTC, datetime, timedelta

import pytest

from scanhub_libraries.models import RuleOptions
from workflow_manager.cases.rules import (
    CaseState,
    CaseTimes,
    CaseWish,
    Sending,
    StudySoFar,
    judge_sending,
    judge_study,
)

OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TIMES = CaseTimes(complete_s=900, force_s=5400, keep_s=1)
LONG_AFTER = 6000


def judged(after_s, *, arriving=0, received=("T1",), last_s=0, **changes):
    options = {k: v for k, v in changes.items() if k.startswith("study_")}
    others = {k: v for k, v in changes.items() if k not in options}
    study = StudySoFar(
        rule=RuleOptions(**options),
        opened_at=OPENED,
        last_received_at=OPENED + timedelta(seconds=last_s),
        arriving=arriving,
        descriptions=received,
        **others,
    )
    return judge_study(study, OPENED + timedelta(seconds=after_s), TIMES)


T1_AND_T2 = {
    "study_trigger_condition": "received_series",
    "study_trigger_series": "'t1' and 't2'",
}
CONDITIONS = [
    {},
    T1_AND_T2,
    *({**T1_AND_T2, "study_force_completion_action": a} for a in ("discard", "proceed", "ignore")),
    {"wish": CaseWish.COMPLETE, "wished_by": "user:ada"},
    {"wish": CaseWish.DISCARD, "wished_by": "user:ada"},
]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("received", [(), ("T1",), ("T1", "T2")])
@pytest.mark.parametrize("after_s", [0, 901, 5401, 10**7])
def test_no_study_is_closed_while_one_of_its_series_arrives(condition, received, after_s):
    verdict = judged(after_s, arriving=1, received=received, **condition)
    assert verdict.state is CaseState.RECEIVING
    assert "1 series of the study still arrives." in verdict.reason


def test_without_a_condition_a_study_waits_for_the_quiet_time_after_its_last_image():
    waiting = judged(800, last_s=100)
    assert waiting.state is CaseState.WAITING
    assert waiting.waits_until == OPENED + timedelta(seconds=1000)
    assert judged(1000, last_s=100).state is CaseState.COMPLETE


def test_an_old_study_that_waits_for_a_quiet_time_is_never_forced():
    """It is not discarded because it has taken long (mercure did that after 90 minutes)."""
    assert judged(LONG_AFTER, last_s=LONG_AFTER - 1).state is CaseState.WAITING
    assert judged(LONG_AFTER, last_s=0).state is CaseState.COMPLETE


def test_a_study_is_complete_when_what_was_asked_for_is_there():
    assert judged(0, received=("T1 tse", "ax T2"), **T1_AND_T2).state is CaseState.COMPLETE
    assert judged(899, received=("T1 tse",), **T1_AND_T2).state is CaseState.WAITING
    assert judged(5399, received=("T1 tse",), **T1_AND_T2).state is CaseState.WAITING


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("discard", CaseState.WAITING, CaseState.DISCARDED),
        ("proceed", CaseState.WAITING, CaseState.COMPLETE),
        ("ignore", CaseState.WAITING, CaseState.WAITING),
    ],
)
def test_what_does_not_come_is_not_waited_for_forever(action, before, after):
    options = {**T1_AND_T2, "study_force_completion_action": action}
    early, late = judged(5399, **options), judged(5400, **options)
    assert (early.state, late.state) == (before, after)
    forced_at = None if action == "ignore" else OPENED + timedelta(seconds=5400)
    assert early.waits_until == forced_at
    assert early.reason.startswith("Series that the rule asks for have not come")


def test_an_empty_condition_is_the_quiet_time():
    options = {**T1_AND_T2, "study_trigger_series": ""}
    assert judged(899, **options).state is CaseState.WAITING
    assert judged(900, **options).state is CaseState.COMPLETE


@pytest.mark.parametrize(("wish", "state"), [("complete", "complete"), ("discard", "discarded")])
def test_what_a_person_asks_for_is_done_when_nothing_arrives(wish, state):
    verdict = judged(0, wish=CaseWish(wish), wished_by="user:ada", **T1_AND_T2)
    assert verdict.state.value == state
    assert "by user:ada" in verdict.reason


def sending(target, ended, sent, error=None):
    return Sending(target, ended=ended, sent=sent, error=error)


def test_a_case_is_where_its_dispatches_are():
    assert judge_sending([]).state is CaseState.DONE
    sent, under_way = sending("A", True, True), sending("B", False, False)
    failed = sending("C", True, False, "C is away")
    assert judge_sending([sent, under_way, failed]).state is CaseState.DISPATCHING
    assert judge_sending([sent, under_way]).reason == "1 of 2 sent, to A, B."
    assert judge_sending([sent]).state is CaseState.DONE
    verdict = judge_sending([sent, failed])
    assert (verdict.state, verdict.reason) == (CaseState.FAILED, "1 of 2 not sent. C: C is away")
