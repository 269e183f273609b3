"""Durations as people write them: 90s, 30m, 1h, 7d."""

import re
from datetime import timedelta

from scanhub_jobs.errors import JobDefinitionError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(duration: str | float | timedelta, *, name: str, zero: bool = False) -> float:
    """Return a duration in seconds.

    Args:
        duration: "90s", "30m", "1h", "7d", seconds or a timedelta.
        name: What it is for, in the error.
        zero: It may be nothing.

    Raises:
        JobDefinitionError: It is none.
    """
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, str):
        found = _DURATION.fullmatch(duration.strip())
        seconds = float(found[1]) * _SECONDS[found[2]] if found else -1.0
    else:
        seconds = float(duration)
    if seconds < 0 or (seconds == 0 and not zero):
        raise JobDefinitionError(f"{name}={duration!r} is no duration, such as 90s, 30m or 1h.")
    return seconds
