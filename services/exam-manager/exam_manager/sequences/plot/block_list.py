"""The blocks of a sequence and what is played in them, for who points at one."""

import json
from typing import Any

import numpy as np

from exam_manager.sequences.plot.array_file import Array
from exam_manager.sequences.plot.blocks import COLUMNS
from scanhub_libraries.models import SequenceBlock

_LIBRARY = {column: "gradient" if column in {"gx", "gy", "gz"} else column for column in COLUMNS}
"""Which texts an event of a column is told in."""


def blocks_between(arrays: dict[str, Array], begin_s: float, end_s: float) -> tuple[int, int]:
    """Return the first block that is played between two times, and the first one after that."""
    start_s = arrays["block.start_s"]
    last = int(np.searchsorted(start_s, end_s, side="right"))
    first = max(0, int(np.searchsorted(start_s, begin_s, side="right")) - 1)
    while first < last and start_s[first] + arrays["block.duration_s"][first] < begin_s:
        first += 1
    return first, last


def read_blocks(arrays: dict[str, Array], first: int, last: int) -> list[SequenceBlock]:
    """Return the blocks [first, last) with their events."""
    return [_block(arrays, index) for index in range(first, last)]


def _block(arrays: dict[str, Array], index: int) -> SequenceBlock:
    events = {column: _event(arrays, column, index) for column in COLUMNS}
    extensions = events.pop("extension") or []
    return SequenceBlock(
        index=index,
        number=int(arrays["block.number"][index]),
        start_s=float(arrays["block.start_s"][index]),
        duration_s=float(arrays["block.duration_s"][index]),
        extensions=extensions,
        **events,
    )


def _event(arrays: dict[str, Array], column: str, index: int) -> Any:
    number, library = arrays[f"block.{column}"][index], _LIBRARY[column]
    if not number:
        return None
    at = int(np.searchsorted(arrays[f"{library}.number"], number))
    first, last = arrays[f"{library}.first"][at : at + 2]
    return json.loads(arrays[f"{library}.text"][first:last].tobytes())
