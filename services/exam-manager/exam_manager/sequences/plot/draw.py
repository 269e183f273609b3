"""Draws a window of a sequence from its tables."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from exam_manager.sequences.plot.array_file import Array
from exam_manager.sequences.plot.channel import Channel
from exam_manager.sequences.plot.wire import Plot
from scanhub_libraries.errors import UnprocessableError

UNITS = {
    "rf_magnitude": "Hz",
    "rf_phase": "rad",
    "gx": "mT/m",
    "gy": "mT/m",
    "gz": "mT/m",
    "adc": "1",
}
"""The channels. A readout is 1; 1 kHz of RF is 23.49 uT for 1H."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time; without an end it goes to the end of the sequence."""

    begin_s: float = 0.0
    end_s: float | None = None

    def within(self, duration_s: float) -> tuple[float, float]:
        """Return begin and end.

        Raises:
            UnprocessableError: The window is empty or lies behind the sequence.
        """
        if self.begin_s > duration_s:
            raise UnprocessableError(
                f"begin_s: the sequence takes {duration_s:g} s only.", field="begin_s"
            )
        end_s = duration_s if self.end_s is None else self.end_s
        if end_s < self.begin_s or (end_s == self.begin_s and self.end_s is not None):
            raise UnprocessableError("end_s must be later than begin_s.", field="end_s")
        return self.begin_s, end_s


def channel_of(arrays: dict[str, Array], name: str) -> Channel:
    """Return a channel of the tables."""
    return Channel(**{field.name: arrays[f"{name}.{field.name}"] for field in fields(Channel)})


def draw(
    tables: tuple[dict[str, Array], dict[str, Any]],
    window: Window,
    names: Iterable[str],
    max_points: int,
) -> Plot:
    """Return what is drawn of some channels in a window, at most so many points of each."""
    arrays, about = tables
    begin_s, end_s = window.within(about["duration_s"])
    start_s = arrays["block.start_s"]
    first, last = np.searchsorted(start_s, begin_s), np.searchsorted(start_s, end_s, side="right")
    num_blocks = max(0, int(last - first))
    return Plot(
        begin_s=begin_s,
        end_s=end_s,
        duration_s=about["duration_s"],
        num_blocks=num_blocks,
        block_start_s=start_s[first:last] if num_blocks <= max_points else start_s[:0],
        channels={
            name: (UNITS[name], channel_of(arrays, name).points(begin_s, end_s, max_points))
            for name in names
        },
    )
