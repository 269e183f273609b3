"""Every case is moving, waits with a reason and a time, is done, or has failed with a button."""

from datetime import UTC, datetime, timedelta
from itertools import product

from workflow_service import WORKFLOW, a_port

from scanhub_libraries.models import RuleOptions
from workflow_manager.cases.rules import (
    ENDED,
    TRANSITIONS,
    CaseState,
    CaseTimes,
    CaseWish,
    StudySoFar,
    check_transition,
    judge_study,
)

OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TIMES = CaseTimes(complete_s=900, force_s=5400, keep_s=1)
CONDITIONS = [("timeout", ""), ("received_series", ""), ("received_series", "'t1' and 't2'")]
SITUATIONS = list(
    product(
        CONDITIONS,
        ("discard", "proceed", "ignore"),
        (0, 2),  # series that still arrive
        ((), ("T1",), ("T1", "T2")),
        (None, *CaseWish),
        (0, 899, 901, 5399, 5401, 10**7),  # age of the case [s]
        (0, 800, 6000),  # when its newest image came [s]
    )
)


def study(condition, action, *, arriving, received, wish, last_s):
    rule = RuleOptions(
        study_trigger_condition=condition[0],
        study_trigger_series=condition[1],
        study_force_completion_action=action,
    )
    return StudySoFar(
        rule=rule,
        opened_at=OPENED,
        last_received_at=OPENED + timedelta(seconds=last_s),
        arriving=arriving,
        descriptions=received,
        wish=wish,
        wished_by="user:ada" if wish else None,
    )


def test_every_wait_has_a_reason_and_ends_by_itself_or_is_one_that_somebody_asked_for():
    for condition, action, arriving, received, wish, age_s, last_s in SITUATIONS:
        so_far = study(
            condition, action, arriving=arriving, received=received, wish=wish, last_s=last_s
        )
        now = OPENED + timedelta(seconds=age_s)
        verdict = judge_study(so_far, now, TIMES)
        assert verdict.reason.endswith(".")
        if verdict.state is CaseState.RECEIVING:
            assert arriving  # each series ends by itself: quiet, or its association closed
        elif verdict.state is not CaseState.WAITING:
            assert verdict.waits_until is None
        elif verdict.waits_until is None:
            assert (action, condition[1], wish) == ("ignore", "'t1' and 't2'", None)
            assert "until they do" in verdict.reason
        else:
            assert verdict.waits_until > now
            then = judge_study(so_far, verdict.waits_until, TIMES)
            assert then.state in {CaseState.COMPLETE, CaseState.DISCARDED}


def test_from_every_state_the_table_leads_to_an_end():
    ways = {state: set(TRANSITIONS[state]) for state in CaseState}
    leads = set(ENDED)
    while more := {state for state, after in ways.items() if state not in leads and after & leads}:
        leads |= more
    assert leads == set(CaseState)
    # What failed has a button, and so has what waits.
    for before in (CaseState.WAITING, CaseState.RECEIVING, CaseState.FAILED):
        check_transition(before, CaseState.DISCARDED)
    check_transition(CaseState.FAILED, CaseState.DISPATCHING)


EXPECTED = {
    "receiving": "1.1",
    "waiting": "1.2",
    "dispatching": "1.3",
    "done": "1.4",
    "failed": "1.5",
    "discarded": "1.6",
}
"""The series whose case is made to be in each state. Complete is never seen: it is left at once."""


RULES = (
    ("waits", {"action_trigger": "study"}),
    ("paused", {}),
    ("told", {"action": "notification", "target": []}),
    ("down", {"target": ["DOWN"]}),
    ("dropped", {"action": "discard", "target": []}),
)


async def make_cases(ward):
    """A rule for each state, and the series 1.2 to 1.6 for which they fire."""
    for number, (name, options) in enumerate(RULES, start=2):
        await ward.add_rule(name, f"tags.SeriesDescription == '{name}'", **options)
        await ward.receive(f"1.{number}", 1, description=name)
        await ward.post(f"/series/1.{number}/complete")


async def test_a_case_in_each_state_says_why_and_what_can_be_done(serving, ward_of, node):
    async with serving(series_quiet_s=3600.0, dispatch_backoff_s=()) as service:
        ward = ward_of(service)
        await ward.add_target("PACS", node.port)
        await ward.add_target("DOWN", a_port())
        pause = await ward.post("/targets/PACS/pause", {"reason": "maintenance"})
        assert pause["reason"] == "maintenance"
        await make_cases(ward)
        cases = {
            state: await ward.case(state, series_instance_uid=series)
            for state, series in EXPECTED.items()
            if state != "receiving"
        }
        assert all(case["reason"] for case in cases.values())
        assert cases["waiting"]["waits_until"] is not None
        assert "Paused by user:tester since" in cases["dispatching"]["reason"]
        (dispatch,) = (await service.get(f"/cases/{cases['dispatching']['id']}"))["dispatches"]
        waiting = [d for d in await service.get("/dispatches") if d["id"] == dispatch["id"]]
        assert "maintenance" in waiting[0]["waits_for"]
        await ward.receive("1.1", 1, description="nobody wants it")
        receiving = await ward.case("receiving", rule="waits")
        assert receiving["reason"] == "1 series of the study still arrives."
        # The buttons.
        resumed = await service.user.post(f"{WORKFLOW}/targets/PACS/resume")
        assert resumed.status_code == 204
        await ward.case("done", series_instance_uid="1.3")
        await ward.post(f"/cases/{cases['failed']['id']}/discard")
        await ward.post(f"/cases/{receiving['id']}/discard")
        await ward.post("/series/1.1/complete")
        await ward.case("discarded", rule="waits")
        open_ = [c for c in await service.get("/cases") if c["state"] not in {"done", "discarded"}]
        assert open_ == []
