"""What may be removed, and when. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workflow_manager.cases.rules import CaseState
from workflow_manager.dispatch.rules import OPEN, DispatchStatus


class Fate(StrEnum):
    """What became of a series whose cases have all ended well."""

    SENT = "sent"
    """Each of its images is at a target too."""
    UNSENT = "unsent"
    """Done, and an image of it may be nowhere else."""
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long images stay after the last case of their series has ended; none: for ever."""

    sent_days: float | None = None
    unsent_days: float | None = None
    discarded_days: float | None = None

    def cutoffs(self, now: datetime) -> dict[Fate, datetime]:
        """Return before when the last case must have ended, for each fate that may be removed."""
        days = {
            Fate.SENT: self.sent_days,
            Fate.UNSENT: self.unsent_days,
            Fate.DISCARDED: self.discarded_days,
        }
        return {
            fate: now - timedelta(days=number)
            for fate, number in days.items()
            if number is not None
        }


def emergency_cutoffs(now: datetime) -> Mapping[Fate, datetime]:
    """Return what may go when the disk fills: what is elsewhere too, and what was discarded.

    What is nowhere else stays: a full disk refuses images that their senders still have.
    """
    return {Fate.SENT: now, Fate.DISCARDED: now}


def bytes_over(*, free: int, total: int, percent: float) -> int:
    """Return how much must go until no more than a share of a disk is used [byte].

    Args:
        free: Free space [byte].
        total: Size [byte].
        percent: The share that may be used [%].
    """
    return max(0, total - free - int(total * percent / 100))


# --- by hand --------------------------------------------------------------------------------------

BY_HAND = "by_hand"
"""What the journal says became of images that somebody removed."""
_MOVING = {
    CaseState.RECEIVING: "images of its study still arrive: wait, or discard the case",
    CaseState.WAITING: "a case waits for more of its study: complete or discard it first",
    CaseState.COMPLETE: "a case is about to be sent: wait until it is",
    CaseState.DISPATCHING: "a case is being sent: wait until it is, or cancel that",
    CaseState.FAILED: "a case failed: send it again or give it up first",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a series that somebody wants to remove."""

    is_complete: bool
    is_ours: bool
    """Of a scan of our own."""
    cases: Sequence[CaseState]
    sendings: Sequence[tuple[str, DispatchStatus, bool]]
    """Target, status, and whether an attempt is under way, for each dispatch."""


def why_it_stays(series: Standing) -> str | None:
    """Return why nobody may remove a series by hand, as a sentence; None: it may go.

    What is not at its end yet stays: a person ends it first, and sees what that means.
    """
    if series.is_ours:
        return "It stays: its images are the result of a scan, and go with that result."
    if not series.is_complete:
        return "It stays: its images still arrive."
    if not series.cases:
        return "It stays: the rules have not decided about it yet."
    for state, reason in _MOVING.items():
        if state in series.cases:
            return f"It stays: {reason}."
    for target, status, under_way in series.sendings:
        if under_way or status in OPEN:
            return (
                f"It stays: it is on its way to {target!r}: wait until it is there, or cancel it."
            )
    return None
