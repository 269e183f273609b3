"""Which state of a case may follow which, over all pairs."""

from itertools import product

import pytest

from scanhub_libraries.errors import TransitionNotAllowedError
from workflow_manager.cases.rules import ENDED, OPEN, TRANSITIONS, CaseState, check_transition

ALLOWED = {
    ("receiving", "waiting"),
    ("receiving", "complete"),
    ("receiving", "discarded"),
    ("waiting", "receiving"),
    ("waiting", "complete"),
    ("waiting", "discarded"),
    ("complete", "processing"),
    ("complete", "dispatching"),
    ("complete", "done"),
    ("complete", "failed"),
    ("complete", "discarded"),
    ("processing", "dispatching"),
    ("processing", "done"),
    ("processing", "failed"),
    ("dispatching", "done"),
    ("dispatching", "failed"),
    ("failed", "processing"),
    ("failed", "dispatching"),
    ("failed", "done"),
    ("failed", "discarded"),
}


@pytest.mark.parametrize(("before", "after"), list(product(CaseState, CaseState)))
def test_only_what_the_table_allows_follows(before, after):
    if (before.value, after.value) in ALLOWED:
        check_transition(before, after)
    else:
        with pytest.raises(TransitionNotAllowedError) as refused:
            check_transition(before, after)
        assert refused.value.extensions["state"] == before.value


def test_every_state_has_a_row_and_only_ends_have_none_after_them():
    assert set(TRANSITIONS) == set(CaseState)
    assert {state for state in CaseState if not TRANSITIONS[state]} < ENDED
    assert not OPEN & ENDED
