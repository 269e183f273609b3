"""The states of a case, and which may follow which. Pure."""

from enum import StrEnum

from scanhub_libraries.errors import TransitionNotAllowedError


class CaseKind(StrEnum):
    """What a case is about."""

    SERIES = "series"
    STUDY = "study"


class CaseState(StrEnum):
    """Where a case stands. Each one is moving, waiting with a reason, or at its end."""

    RECEIVING = "receiving"
    """Images of its study still arrive."""
    WAITING = "waiting"
    """Nothing arrives; something that must come has not come yet, or may still come."""
    COMPLETE = "complete"
    """All is there; what the rule asks for begins."""
    DISPATCHING = "dispatching"
    DONE = "done"
    FAILED = "failed"
    """With a reason; it can be tried again, or given up."""
    DISCARDED = "discarded"
    """It goes nowhere. Its files stay."""


class CaseWish(StrEnum):
    """What a person asked for; done as soon as nothing arrives any more."""

    COMPLETE = "complete"
    DISCARD = "discard"


OPEN = frozenset({CaseState.RECEIVING, CaseState.WAITING})
"""Further series of the study can join."""
ENDED = frozenset({CaseState.DONE, CaseState.FAILED, CaseState.DISCARDED})

_S = CaseState
TRANSITIONS: dict[CaseState, frozenset[CaseState]] = {
    _S.RECEIVING: frozenset({_S.WAITING, _S.COMPLETE, _S.DISCARDED}),
    _S.WAITING: frozenset({_S.RECEIVING, _S.COMPLETE, _S.DISCARDED}),
    _S.COMPLETE: frozenset({_S.DISPATCHING, _S.DONE, _S.FAILED, _S.DISCARDED}),
    _S.DISPATCHING: frozenset({_S.DONE, _S.FAILED}),
    # Sending is tried again, or somebody gives it up.
    _S.FAILED: frozenset({_S.DISPATCHING, _S.DONE, _S.DISCARDED}),
    # What comes later is a follow-up case with a number of its own.
    _S.DONE: frozenset(),
    _S.DISCARDED: frozenset(),
}


def check_transition(current: CaseState, to: CaseState) -> None:
    """Refuse what the table does not allow.

    Raises:
        TransitionNotAllowedError: The table has no such row.
    """
    allowed = TRANSITIONS[current]
    if to not in allowed:
        names = sorted(state.value for state in allowed)
        raise TransitionNotAllowedError(
            f"The case is {current.value}: it cannot become {to.value}.",
            state=current.value,
            allowed=names,
        )
