"""Values with a type, made of the texts of tags: numbers, dates, ages, lists. Pure.

What cannot be read is `nan`, and each comparison with that is false: a rule does not hold, and says
no error, where an image lacks a value.
"""

import math
import re
from datetime import date as day_of
from typing import Any

from workflow_manager.routing_rules.limits import RuleError

_DATE = re.compile(r"(\d{4})[-.]?(\d{2})[-.]?(\d{2})")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_LONGEST_NUMBER = 64


def values(text: Any) -> list[str]:
    r"""Return the values of a tag with several: `ORIGINAL\PRIMARY` has two; empty has none."""
    if not isinstance(text, str):
        raise RuleError("values() takes the text of a tag.")
    return [value.strip() for value in text.split("\\")] if text.strip() else []


def number(value: Any) -> float:
    """Return the first value of a tag as a number; nan if it is none."""
    if isinstance(value, int | float):
        return float(value)
    first = values(value)[:1]
    return _float(first[0]) if first else math.nan


def numbers(text: Any) -> list[float]:
    """Return each value of a tag as a number."""
    return [_float(value) for value in values(text)]


def date(text: Any) -> float:
    """Return a date (DICOM DA, or 2012-01-31) as the number of its day; nan if it is none.

    The difference of two is in days.
    """
    found = _day(text)
    return math.nan if found is None else float(found.toordinal())


def age(birth: Any, on: Any) -> float:
    """Return how many whole years lie between two dates; nan if one of them is none."""
    born, then = _day(birth), _day(on)
    if born is None or then is None:
        return math.nan
    before_birthday = (then.month, then.day) < (born.month, born.day)
    return float(then.year - born.year - before_birthday)


def years(text: Any) -> float:
    """Return an age (DICOM AS: 018M, 045Y) in years; nan if it is none."""
    found = _AGE.fullmatch(_first(text))
    return int(found[1]) * _YEARS[found[2]] if found else math.nan


def contains(text: Any, *parts: Any) -> bool:
    """Say whether a text has at least one of some parts, in any case."""
    whole = _plain(text)
    return any(_plain(part) in whole for part in parts)


def same(text: Any, *others: Any) -> bool:
    """Say whether a text is one of some others, in any case, blanks around it aside."""
    return _plain(text) in {_plain(other) for other in others}


def _plain(text: Any) -> str:
    if not isinstance(text, str):
        raise RuleError("contains() and same() take texts.")
    return " ".join(text.casefold().split())


def _first(text: Any) -> str:
    return (values(text)[:1] or [""])[0]


def _float(text: str) -> float:
    try:
        return float(text) if len(text) <= _LONGEST_NUMBER else math.nan
    except ValueError:
        return math.nan


def _day(text: Any) -> day_of | None:
    found = _DATE.match(_first(text))  # a DT goes on with the time
    if found is None:
        return None
    try:
        return day_of(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
