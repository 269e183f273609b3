"""When something is sent: retries, priorities, the off-peak window. Pure."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import product
from zoneinfo import ZoneInfo

_JITTER = 0.1
_ASTRAY_S = 60.0
"""The clocks of two machines may differ by this [s]."""
_EVERY_THIRD = 3
_MOST_SHIFTED_MINUTES = 121
"""Clocks are put forward and back by two hours at most."""
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class DispatchStatus(StrEnum):
    """State of a series on its way to a target."""

    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    CANCELED = "canceled"


class Priority(StrEnum):
    """Which series goes first."""

    URGENT = "urgent"
    NORMAL = "normal"
    OFFPEAK = "offpeak"
    """Only inside the off-peak window; there as normal."""


OPEN = (DispatchStatus.QUEUED, DispatchStatus.SENDING, DispatchStatus.WAITING)
ENDED = frozenset({DispatchStatus.SENT, DispatchStatus.FAILED, DispatchStatus.CANCELED})


def backoff_s(attempt: int, delays_s: Sequence[float], key: str) -> float | None:
    """Return how long to wait after an attempt failed; None when it was the last one.

    The jitter follows from the key: doing it again after a crash gives the same answer.

    Args:
        attempt: Number of the attempt that failed, from 1.
        delays_s: Waiting times between attempts [s].
        key: Identity of the dispatch.
    """
    if attempt > len(delays_s):
        return None
    digest = hashlib.sha256(f"{key}:{attempt}".encode()).digest()
    return delays_s[attempt - 1] * (1 + _JITTER * digest[0] / 255)


def longest_wait_s(delays_s: Sequence[float]) -> float:
    """Return the longest that anything waits for its next attempt [s].

    What is due later was put off by a clock that has been put back since, and is due now.

    Args:
        delays_s: Waiting times between attempts [s].
    """
    return max(delays_s, default=0.0) * (1 + _JITTER) + _ASTRAY_S


def highest(priorities: Sequence[Priority]) -> Priority:
    """Return the priority that goes first; normal, if there is none."""
    return min(priorities, key=list(Priority).index, default=Priority.NORMAL)


def urgent_first(turn: int) -> bool:
    """Say whether an urgent series goes before a normal one; each third time it does not.

    So the urgent ones get two thirds, however many there are, and the normal ones go on.

    Args:
        turn: Number of what is sent to this target, from 1.
    """
    return turn % _EVERY_THIRD != 0


def parse_clock(text: str) -> time:
    """Read a time of day.

    Raises:
        ValueError: It is none.
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time of day: write it as 22:00")
    return time(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class OffPeak:
    """The hours of each day in which off-peak series are sent; both ends belong to them."""

    start: time
    end: time
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """Say whether it is off-peak; a window that begins and ends at once lasts all day."""
        clock = now.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= clock <= self.end
        return clock >= self.start or clock <= self.end

    def seconds_to_opening(self, now: datetime) -> float | None:
        """Return how long it is until it opens [s]; None: it is open."""
        return None if self.is_open(now) else (self.opens_at(now) - now).total_seconds()

    def opens_at(self, now: datetime) -> datetime:
        """Return when it opens next; now, if it is open.

        By the clock on the wall: one that is put back may open twice in a night, and one that is
        put forward over the beginning opens then.
        """
        if self.is_open(now):
            return now
        today = now.astimezone(self.zone).date()
        starts = [
            datetime.combine(
                today + timedelta(days=days), self.start.replace(fold=fold), self.zone
            ).astimezone(UTC)
            for days, fold in product(range(3), (0, 1))
        ]
        for start, minutes in product(sorted(starts), range(_MOST_SHIFTED_MINUTES)):
            if (moment := start + timedelta(minutes=minutes)) >= now and self.is_open(moment):
                return moment
        return now + timedelta(days=1)
