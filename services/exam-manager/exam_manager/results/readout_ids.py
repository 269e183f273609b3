"""The grammar that readouts are chosen by: `n`, `a-b`, `a-b:step`, with commas between."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanhub_libraries.errors import BadRequestError

MOST_READOUTS = 65535
"""The packet counts its readouts in 16 bits."""
_PART = re.compile(r"(\d{1,12})(?:-(\d{1,12})(?::(\d{1,12}))?)?", re.ASCII)


def parse_ids(text: str) -> list[range]:
    """Return what `ids` names, as ranges: however many readouts those are.

    Raises:
        BadRequestError: It is not in the grammar.
    """
    return [_parse_part(part.strip()) for part in text.split(",")]


def _parse_part(part: str) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise BadRequestError(
            f"ids: {part[:40]!r} is no choice of readouts: write n, a-b or a-b:step, "
            "with commas between.",
            field="ids",
        )
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    step = int(found[3]) if found[3] else 1
    if last < first:
        raise BadRequestError(f"ids: {part} ends before it begins.", field="ids")
    if step < 1:
        raise BadRequestError(f"ids: the step of {part} has to be 1 or more.", field="ids")
    return range(first, last + 1, step)


def expand_ids(ranges: Sequence[range], count: int) -> NDArray[np.int64]:
    """Return the numbers of the readouts, once it is known that they exist and are few enough.

    Args:
        ranges: What was asked for.
        count: Readouts in the file.

    Raises:
        BadRequestError: One of them does not exist, or they are too many for one packet.
    """
    highest = max(part[-1] for part in ranges)
    if highest >= count:
        there = f"the last one is {count - 1}" if count else "it is empty"
        raise BadRequestError(
            f"ids: there is no readout {highest}; the file has {count}, {there}.", field="ids"
        )
    total = sum(len(part) for part in ranges)
    if total > MOST_READOUTS:
        raise BadRequestError(
            f"ids: {total} readouts; one answer has {MOST_READOUTS} at most. "
            "Ask for fewer, or for every n-th with a-b:n.",
            field="ids",
        )
    return np.concatenate(
        [np.arange(part.start, part.stop, part.step, dtype=np.int64) for part in ranges]
    )
