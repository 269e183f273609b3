"""When to try again. Pure."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

_JITTER = 0.1


class DispatchStatus(StrEnum):
    """State of a series on its way to a target."""

    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    CANCELED = "canceled"


class Attempt(NamedTuple):
    """An attempt to start: JSON keeps it as a list of two."""

    key: str
    """Of its workflow in the run engine."""
    target: str


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
