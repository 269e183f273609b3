"""Writes down what is played on a channel: each wave once, each event once, each time it is played.

What repeats is recognised by its bytes, whatever number it has in the file.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.plot.channel import Channel, Floats
from exam_manager.sequences.plot.extremes import smallest_tree

MAX_VERTICES = 2**25
"""Different vertices of all channels together, 16 bytes each."""
Array = NDArray[Any]


class TooManyVerticesError(ValueError):
    """More is different in the sequence than is kept for a plot."""

    def __init__(self, most: int) -> None:
        super().__init__(f"it has more than {most} different samples")


class Budget:
    """How many different vertices may still be kept."""

    def __init__(self, vertices: int = MAX_VERTICES) -> None:
        self._most = self._left = vertices

    def spend(self, vertices: int) -> None:
        """Keep so many more.

        Raises:
            TooManyVerticesError: They are too many.
        """
        self._left -= vertices
        if self._left < 0:
            raise TooManyVerticesError(self._most)


class ChannelTables:
    """The tables of one channel as they grow."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._waves: dict[tuple[bytes, bytes], int] = {}
        self._times: list[Floats] = []
        self._values: list[Array] = []
        self._events: dict[Hashable, int] = {}
        self._rows: list[tuple[int, float, float]] = []

    def event(
        self, key: Hashable, time_s: Floats, value: Floats, factor: float = 1.0, offset: float = 0.0
    ) -> int:
        """Keep an event; return its row.

        Args:
            key: What an event of the same kind has in common with this one.
            time_s: When its vertices are, from the start of the block.
            value: Of each vertex, before factor and offset.
            factor: What the values are multiplied by.
            offset: What is added then.
        """
        row = self._events.setdefault(key, len(self._rows))
        if row == len(self._rows):
            self._rows.append((self._wave(time_s, value.astype(np.float32)), factor, offset))
        return row

    def _wave(self, time_s: Floats, value: Array) -> int:
        key = (time_s.tobytes(), value.tobytes())
        number = self._waves.setdefault(key, len(self._times))
        if number == len(self._times):
            self._budget.spend(value.size)
            self._times.append(time_s)
            self._values.append(value)
        return number

    def finish(self, event: Array, start_s: Floats) -> Channel:
        """Return the channel.

        Args:
            event: The row of each event that is played, in order.
            start_s: When the block of each begins.
        """
        wave_first = np.cumsum([0, *(value.size for value in self._values)], dtype=np.int64)
        times, values = _joined(self._times, np.float64), _joined(self._values, np.float32)
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 3)
        wave, factor, offset = rows[:, 0].astype(np.int32), rows[:, 1], rows[:, 2]
        low, high = self._places(wave_first, wave, factor)
        sizes = np.diff(wave_first)[wave][event] if event.size else np.zeros(0, np.int64)
        first = times[wave_first[wave[event]]] if event.size else np.zeros(0)
        low_values = (factor * values[low] + offset)[event] if event.size else np.zeros(0)
        high_values = (factor * values[high] + offset)[event] if event.size else np.zeros(0)
        return Channel(
            wave_time_s=times,
            wave_value=values,
            wave_first=wave_first,
            wave_low=smallest_tree(values),
            wave_high=smallest_tree(-values),
            event_wave=wave,
            event_factor=factor,
            event_offset=offset,
            event_low=low,
            event_high=high,
            played_event=event.astype(np.int32),
            played_start_s=start_s,
            played_first_s=start_s + first,
            played_index=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            played_low=smallest_tree(low_values),
            played_high=smallest_tree(-high_values),
        )

    def _places(self, wave_first: Array, wave: Array, factor: Floats) -> tuple[Array, Array]:
        """Return where each event is lowest and highest: a negative factor turns it over."""
        lowest = wave_first[:-1] + np.array([np.argmin(value) for value in self._values], np.int64)
        highest = wave_first[:-1] + np.array([np.argmax(value) for value in self._values], np.int64)
        upright = factor >= 0
        low = np.where(upright, lowest[wave], highest[wave])
        return low, np.where(upright, highest[wave], lowest[wave])


def _joined(arrays: list[Any], kind: Any) -> Array:
    return np.concatenate(arrays) if arrays else np.zeros(0, kind)
