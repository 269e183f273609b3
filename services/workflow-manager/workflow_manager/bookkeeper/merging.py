"""One order over what mercure's programs reported and what this installation did. Pure."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")
OWN = 2**48
"""Numbers from here on are of our own rows; rows of reports are counted from 1."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_MILLISECOND = 2**47
"""More than anybody asks for; dates end before the 48 bits of an id do."""
_RANDOM_BITS = 11
"""Of the random part of an id in its number: JSON readers keep 53 bits of a number."""


@dataclass(frozen=True, slots=True)
class Before:
    """Where a page, newest first, begins: after a row of ours, or of a report."""

    own: UUID
    """Rows of ours with a lower id."""
    time: datetime
    """Reports with an earlier time."""
    tie: int | str | None = None
    """Reports of this very time, with a lower id; none: none of them."""


def before_own(own: UUID) -> Before:
    """Return the place after a row of ours, by its UUIDv7: reports of its millisecond follow it."""
    milliseconds = min(milliseconds_of_id(own) + 1, _LAST_MILLISECOND)
    return Before(own, _EPOCH + milliseconds * _MILLISECOND)


def before_reported(time: datetime, tie: int | str) -> Before:
    """Return the place after a report: rows of ours of its millisecond came before it."""
    return Before(UUID(int=milliseconds_of(time) << 80), time, tie)


def milliseconds_of_id(own: UUID) -> int:
    """Return when a UUIDv7 was made, in ms since 1970 (RFC 9562 section 5.7)."""
    return own.int >> 80


def milliseconds_of(time: datetime) -> int:
    """Return a time in ms since 1970."""
    return (time - _EPOCH) // _MILLISECOND


def number_of(own: UUID) -> int:
    """Return a UUIDv7 as a number in its order: mercure numbers rows."""
    random = own.int >> (76 - _RANDOM_BITS) & ((1 << _RANDOM_BITS) - 1)
    return milliseconds_of_id(own) << _RANDOM_BITS | random


def first_of_number(number: int) -> UUID:
    """Return the lowest UUIDv7 that has this number."""
    random = number & ((1 << _RANDOM_BITS) - 1)
    time = number >> _RANDOM_BITS & ((1 << 48) - 1)
    return UUID(int=time << 80 | 0x7 << 76 | random << (76 - _RANDOM_BITS))


def number_of_place(time: datetime, place: int) -> int:
    """Return a number for a row without one of its own: when it came, and its place among those.

    Args:
        time: When it came.
        place: How many came in the same millisecond before it.
    """
    return milliseconds_of(time) << _RANDOM_BITS | min(place, (1 << _RANDOM_BITS) - 1)


def place_of_number(number: int) -> tuple[datetime, int]:
    """Return the millisecond of such a number, and the place in it."""
    milliseconds = min(number >> _RANDOM_BITS, _LAST_MILLISECOND)
    return _EPOCH + milliseconds * _MILLISECOND, number & ((1 << _RANDOM_BITS) - 1)


def newest(own: Iterable[tuple[int, T]], reported: Iterable[tuple[int, T]], limit: int) -> list[T]:
    """Return the newest of both; of one millisecond, ours come first.

    Args:
        own: Time [ms] and row, newest first.
        reported: The same of reports.
        limit: How many at most.
    """
    both = heapq.merge(own, reported, key=lambda row: -row[0])
    return [row for _, row in islice(both, limit)]
