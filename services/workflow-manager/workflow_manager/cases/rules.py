"""The states of a case, which may follow which, and when a study is complete. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scanhub_libraries.errors import TransitionNotAllowedError
from scanhub_libraries.models import RuleOptions
from scanhub_libraries.wording import counted
from workflow_manager.routing_rules.completion import is_complete


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
    PROCESSING = "processing"
    """Its modules run, or wait for a slot."""
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
    _S.COMPLETE: frozenset({_S.PROCESSING, _S.DISPATCHING, _S.DONE, _S.FAILED, _S.DISCARDED}),
    _S.PROCESSING: frozenset({_S.DISPATCHING, _S.DONE, _S.FAILED}),
    _S.DISPATCHING: frozenset({_S.DONE, _S.FAILED}),
    # Modules or sending are tried again, or somebody gives it up.
    _S.FAILED: frozenset({_S.PROCESSING, _S.DISPATCHING, _S.DONE, _S.DISCARDED}),
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


# --- studies --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaseTimes:
    """How long is waited, and how long files stay."""

    complete_s: float
    """Without an image for so long, a study is complete [s]."""
    force_s: float
    """After so long it is not waited for any more what has not come [s]."""
    keep_s: float
    """Files of a case that is discarded are kept at least so long [s]."""


@dataclass(frozen=True, slots=True)
class StudySoFar:
    """What has come of a study for one rule."""

    rule: RuleOptions
    opened_at: datetime
    last_received_at: datetime
    arriving: int
    """Series of this study that still arrive, whether or not the rule is about them."""
    descriptions: Sequence[str]
    """Series Descriptions of those that are complete and belong to the case."""
    wish: CaseWish | None = None
    wished_by: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which state a case should be in, and why."""

    state: CaseState
    reason: str
    waits_until: datetime | None = None


def judge_study(study: StudySoFar, now: datetime, times: CaseTimes) -> Verdict:
    """Say where an open study case stands. It never closes while one of its series arrives."""
    if study.arriving:
        return Verdict(CaseState.RECEIVING, _arriving(study))
    if study.wish is CaseWish.DISCARD:
        return Verdict(CaseState.DISCARDED, f"Discarded by {study.wished_by}.")
    if study.wish is CaseWish.COMPLETE:
        return Verdict(CaseState.COMPLETE, f"Completed by {study.wished_by}.")
    expression = study.rule.study_trigger_series
    if study.rule.study_trigger_condition == "received_series" and expression.strip():
        if not is_complete(expression, study.descriptions).complete:
            return _missing(study, now, study.opened_at + timedelta(seconds=times.force_s))
        return Verdict(CaseState.COMPLETE, "The series that the rule asks for are there.")
    return _quiet(study, now, times)


def _quiet(study: StudySoFar, now: datetime, times: CaseTimes) -> Verdict:
    quiet_at = study.last_received_at + timedelta(seconds=times.complete_s)
    if now >= quiet_at:
        return Verdict(CaseState.COMPLETE, f"Nothing came for {times.complete_s:g} s.")
    return Verdict(CaseState.WAITING, "Complete if nothing more comes.", quiet_at)


def _arriving(study: StudySoFar) -> str:
    still = f"{study.arriving} series of the study still arrive{'' if study.arriving > 1 else 's'}."
    then = {
        None: "",
        CaseWish.COMPLETE: f" Then it is complete: {study.wished_by} asked for it.",
        CaseWish.DISCARD: f" Then it is discarded: {study.wished_by} asked for it.",
    }
    return still + then[study.wish]


def _missing(study: StudySoFar, now: datetime, force_at: datetime) -> Verdict:
    """Say what becomes of a study of which something that was asked for has not come."""
    action = study.rule.study_force_completion_action
    if action == "ignore":
        reason = "Series that the rule asks for have not come; it waits until they do."
        return Verdict(CaseState.WAITING, reason)
    if now < force_at:
        then = "discarded" if action == "discard" else "complete all the same"
        reason = f"Series that the rule asks for have not come; without them it is {then}."
        return Verdict(CaseState.WAITING, reason, force_at)
    reason = "Series that the rule asks for did not come in time"
    if action == "proceed":
        return Verdict(CaseState.COMPLETE, f"{reason}; the rule proceeds without them.")
    return Verdict(CaseState.DISCARDED, f"{reason}; the rule discards it then.")


# --- sending --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sending:
    """One series on its way to one target."""

    target: str
    ended: bool
    sent: bool
    error: str | None = None


def judge_sending(sendings: Sequence[Sending]) -> Verdict:
    """Say where a case stands by what is sent for it."""
    if not sendings:
        return Verdict(CaseState.DONE, "There is no target to send to.")
    targets = ", ".join(sorted({sending.target for sending in sendings}))
    failed = [sending for sending in sendings if sending.ended and not sending.sent]
    if any(not sending.ended for sending in sendings):
        sent = sum(sending.sent for sending in sendings)
        return Verdict(CaseState.DISPATCHING, f"{sent} of {len(sendings)} sent, to {targets}.")
    if not failed:
        return Verdict(CaseState.DONE, f"Sent to {targets}.")
    reasons = sorted({f"{sending.target}: {sending.error or 'not sent'}" for sending in failed})
    more = f" (and {counted(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
    return Verdict(
        CaseState.FAILED, f"{len(failed)} of {len(sendings)} not sent. {reasons[0]}{more}"
    )
