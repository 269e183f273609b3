from itertools import product
from uuid import UUID

import pytest

from exam_manager.tasks import rules
from exam_manager.tasks.rules import ACTIVE, TRANSITIONS, Actor
from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidTransactionError,
    TransitionNotAllowedError,
)
from scanhub_libraries.models import ItemStatus, TaskType
from scanhub_libraries.security.principal import Principal, PrincipalKind

S = ItemStatus
PAIRS = list(product(Actor, S, S))
A, B, C, D = (UUID(int=number) for number in range(1, 5))

# Written down a second time, as a person would say it.
REST = {S.NEW, S.UPDATED, S.FINISHED, S.ERROR, S.CANCELED}


def expected(actor, current, to):
    if actor is Actor.CLAIM:
        return current in REST and to is S.STARTED
    if actor is Actor.USER:
        plans = {
            S.NEW: {S.UPDATED, S.CANCELED},
            S.UPDATED: {S.CANCELED},
            S.ERROR: {S.UPDATED, S.CANCELED},
            S.CANCELED: {S.UPDATED},
        }
        return current is to or to in plans.get(current, ())
    if current not in ACTIVE or to in {S.NEW, S.STARTED}:
        return False
    return not (actor is Actor.JOB and S.PAUSED in {current, to})


@pytest.mark.parametrize(("actor", "current", "to"), PAIRS)
def test_the_transition_table_is_this_one(actor, current, to):
    if expected(actor, current, to):
        rules.check_transition(current, to, actor)
    else:
        with pytest.raises(TransitionNotAllowedError) as caught:
            rules.check_transition(current, to, actor)
        assert caught.value.extensions["state"] == current
        assert to.value not in caught.value.extensions["allowed"]


def test_every_actor_has_a_table():
    assert set(TRANSITIONS) == set(Actor)


@pytest.mark.parametrize("current", S)
def test_an_edit_marks_a_plan_and_undoes_no_work(current):
    after = rules.status_after_edit(current, S.UPDATED)
    working = {S.STARTED, S.INPROGRESS, S.PAUSED, S.FINISHED}
    assert after is (current if current in working else S.UPDATED)


@pytest.mark.parametrize(
    ("current", "to"), list(product(S, sorted(ACTIVE | {S.FINISHED, S.ERROR})))
)
def test_a_person_never_claims_that_work_was_done(current, to):
    if current is not to:
        with pytest.raises(TransitionNotAllowedError):
            rules.status_after_edit(current, to)


def principal(kind, task_id=None, claim_id=None):
    return Principal(kind=kind, subject="x", task_id=task_id, claim_id=claim_id)


def test_a_narrow_token_speaks_for_its_task_and_claim_alone():
    for kind in (PrincipalKind.TASK, PrincipalKind.JOB):
        rules.check_scope(principal(kind, A), A)
        rules.check_token_claim(principal(kind, A, B), B)
        with pytest.raises(ForbiddenError):
            rules.check_scope(principal(kind, A), B)
        with pytest.raises(InvalidTransactionError):
            rules.check_token_claim(principal(kind, A, B), C)
    rules.check_scope(principal(PrincipalKind.SERVICE), A)
    rules.check_token_claim(principal(PrincipalKind.USER), A)
    assert rules.actor_of(principal(PrincipalKind.TASK)) is Actor.DEVICE
    assert rules.actor_of(principal(PrincipalKind.JOB)) is Actor.JOB
    assert rules.actor_of(principal(PrincipalKind.SERVICE)) is Actor.SERVICE


def test_only_the_active_claim_holds():
    rules.check_claim(A, A, active=True)
    for held, shown, active in ((A, B, True), (A, A, False), (None, A, False), (A, None, True)):
        with pytest.raises(InvalidTransactionError):
            rules.check_claim(held, shown, active=active)


def reasons(**changes):
    right = {
        "is_template": False,
        "task_type": TaskType.ACQUISITION,
        "by_device": A,
        "planned_device": None,
        "has_content": True,
    }
    return rules.claim_reasons(**{**right, **changes})


def test_a_refused_claim_names_every_reason():
    assert reasons() == []
    assert reasons(planned_device=A) == []
    assert len(reasons(planned_device=B)) == 1
    assert len(reasons(by_device=None)) == 1
    assert len(reasons(is_template=True, planned_device=B, has_content=False)) == 3
    job = {"task_type": TaskType.DAG, "by_device": None}
    assert reasons(**job) == []
    assert len(reasons(**{**job, "by_device": A, "has_content": False})) == 2


def test_a_claimant_that_names_the_plan_has_to_know_it():
    def wrong(**known):
        return rules.plan_reasons(
            **{"workflow_id": A, "taken_to_be": A, "planned_device": B, **known}
        )

    assert wrong() == []
    assert wrong(taken_to_be=None, planned_device=None) == []
    assert len(wrong(taken_to_be=B)) == 1
    assert len(wrong(workflow_id=None, planned_device=None)) == 2


def test_inputs_are_tasks_of_the_same_tree_and_make_no_circle():
    rules.check_inputs([B], A, [A, B])
    with pytest.raises(BadRequestError, match="own result"):
        rules.check_inputs([A], A, [A])
    with pytest.raises(BadRequestError) as caught:
        rules.check_inputs([B, C], A, [A, B])
    assert caught.value.extensions["unknown"] == [str(C)]
    rules.check_acyclic({A: [B, C], B: [C], C: []}, A)
    with pytest.raises(BadRequestError, match="one another"):
        rules.check_acyclic({A: [B], B: [C, C], C: [D, A]}, A)
    rules.check_acyclic({A: [B], B: [C], C: [B]}, A)  # a circle elsewhere is not this task's


def test_copied_inputs_point_to_the_copies():
    assert rules.remap_inputs([str(A), str(B)], {A: C, B: D}) == [str(C), str(D)]
    assert rules.remap_inputs([str(A)], {}, also=[A]) == [str(A)]
    with pytest.raises(BadRequestError, match=str(B)):
        rules.remap_inputs([str(A), str(B)], {A: C})


def test_what_is_read_or_held_is_not_deleted():
    rules.check_not_read([], "x")
    rules.check_not_claimed([], "x")
    for check in (rules.check_not_read, rules.check_not_claimed):
        with pytest.raises(ConflictError) as caught:
            check([A, B], "x")
        assert caught.value.extensions["tasks"] == [str(A), str(B)]
    rules.check_stored(stored=True)
    with pytest.raises(ConflictError):
        rules.check_stored(stored=False)


@pytest.mark.parametrize(
    ("current", "tasks", "after"),
    [
        (S.NEW, [], S.NEW),
        (S.FINISHED, [], S.FINISHED),
        (S.ERROR, [], S.UPDATED),
        (S.INPROGRESS, [], S.UPDATED),
        (S.NEW, [S.NEW, S.UPDATED], S.NEW),
        (S.NEW, [S.STARTED, S.NEW], S.INPROGRESS),
        (S.FINISHED, [S.FINISHED, S.PAUSED], S.INPROGRESS),
        (S.INPROGRESS, [S.FINISHED, S.FINISHED], S.FINISHED),
        (S.INPROGRESS, [S.FINISHED, S.CANCELED], S.FINISHED),
        (S.INPROGRESS, [S.FINISHED, S.NEW], S.INPROGRESS),
        (S.INPROGRESS, [S.ERROR, S.FINISHED], S.ERROR),
        (S.INPROGRESS, [S.UPDATED, S.NEW], S.UPDATED),
        (S.INPROGRESS, [S.CANCELED], S.UPDATED),
        (S.CANCELED, [S.CANCELED], S.CANCELED),
    ],
)
def test_the_levels_above_follow_their_tasks(current, tasks, after):
    assert rules.derive_status(current, tasks) is after


@pytest.mark.parametrize("asked", [s for s in S if s is not S.NEW])
@pytest.mark.parametrize("current", S)
def test_an_edit_of_the_whole_undoes_no_work_of_its_parts(current, asked):
    for tasks in ([S.INPROGRESS, S.ERROR], [S.FINISHED, S.STARTED], [S.PAUSED]):
        assert rules.status_of_edited(current, asked, tasks) is S.INPROGRESS
    closed = asked in {S.FINISHED, S.CANCELED}
    kept = asked is S.UPDATED and current in rules.DONE_BY_PLATFORM
    for tasks in ([S.FINISHED], [S.ERROR, S.NEW], [S.FINISHED, S.NEW]):
        told = current if kept else rules.derive_status(current, tasks)
        assert rules.status_of_edited(current, asked, tasks) is (asked if closed else told)
    for tasks in ([], [S.NEW, S.CANCELED]):  # nothing was done: the person says what it is
        assert rules.status_of_edited(current, asked, tasks) is (current if kept else asked)
