"""One channel of a sequence, such as Gx: all its vertices, and fewer where a window has too many.

Waves are kept once: an event is a wave with a factor and an offset, and each place where it is
played is a time and the number of the event. A file of a few megabytes may so stand for billions of
vertices; none of them is written down before it is asked for. Vertices are counted through all that
is played, in order: that number is called the index of a vertex here.

Events are played one after the other. Where a (faulty) file lets an event reach into the next one,
its late vertices are taken to lie before the next one's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.plot.extremes import Ints, find_smallest

Floats = NDArray[np.float64]
_GAP_S = 1e-9
"""Events that are closer than this are one line."""
_PER_BIN = 4
_AT_BORDERS = 2
FEWEST_POINTS = _PER_BIN + _AT_BORDERS


@dataclass(frozen=True, slots=True)
class Points:
    """What is drawn of a channel: a line through points, broken where there is nothing."""

    time_s: Floats
    value: NDArray[np.float32]
    strokes: Ints
    """Index of the first point of each unbroken line."""
    exact: bool
    """Every vertex is here; else each bin of time has its first, lowest, highest and last one."""
    num_vertices: int
    """How many vertices the window has."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The vertices of a channel. Arrays may lie in a file."""

    wave_time_s: NDArray[Any]
    """Of all waves, one after the other, from the start of the block."""
    wave_value: NDArray[Any]
    wave_first: NDArray[Any]
    """Where each wave begins; at the end, where the last one ends."""
    wave_low: NDArray[Any]
    wave_high: NDArray[Any]
    event_wave: NDArray[Any]
    event_factor: NDArray[Any]
    event_offset: NDArray[Any]
    event_low: NDArray[Any]
    """Where in its wave, counted through all waves, an event is lowest."""
    event_high: NDArray[Any]
    played_event: NDArray[Any]
    played_start_s: NDArray[Any]
    """When the block begins."""
    played_first_s: NDArray[Any]
    """When the first vertex is."""
    played_index: NDArray[Any]
    """Index of the first vertex; at the end, how many there are in all."""
    played_low: NDArray[Any]
    played_high: NDArray[Any]

    def points(self, begin_s: float, end_s: float, max_points: int) -> Points:
        """Return what is drawn between two times, both included.

        An event that reaches over a border of the window comes with its next vertex outside.

        Args:
            begin_s: Begin of the window.
            end_s: End of the window.
            max_points: At most so many points, at least `FEWEST_POINTS`.
        """
        inside = self._window(begin_s, end_s)
        first, last = self._with_neighbours(*inside)
        exact = last - first <= max_points
        if exact:
            chosen = np.arange(first, last, dtype=np.int64)
        else:
            bins = (max_points - _AT_BORDERS) // _PER_BIN
            chosen = np.concatenate([[first], self._thinned(*inside, bins), [last - 1]])
            chosen = np.unique(chosen)
        time_s, value = self.vertices(chosen)
        return Points(time_s, value, self._strokes(chosen), exact, inside[1] - inside[0])

    def vertices(self, index: Ints) -> tuple[Floats, NDArray[np.float32]]:
        """Return times and values of vertices."""
        played = self._played(index)
        place = self._place(index, played)
        time_s = self.played_start_s[played] + self.wave_time_s[place]
        return time_s, self._value(self.played_event[played], place).astype(np.float32)

    def _value(self, event: NDArray[Any], place: NDArray[Any]) -> Floats:
        value: Floats = self.event_factor[event] * self.wave_value[place] + self.event_offset[event]
        return value

    def _played(self, index: Ints) -> Ints:
        """Return which of the played events a vertex belongs to."""
        found: Ints = np.searchsorted(self.played_index, index, side="right") - 1
        return found

    def _place(self, index: Ints, played: Ints) -> Ints:
        """Return where in the waves a vertex is."""
        wave = self.event_wave[self.played_event[played]]
        place: Ints = self.wave_first[wave] + index - self.played_index[played]
        return place

    def _window(self, begin_s: float, end_s: float) -> tuple[int, int]:
        if not self.played_event.size:
            return 0, 0
        first = int(self._count(np.array([begin_s]), including=False)[0])
        return first, max(first, int(self._count(np.array([end_s]), including=True)[0]))

    def _count(self, time_s: Floats, *, including: bool) -> Ints:
        """Return how many vertices are before each time; or, including, also at it."""
        side = "right" if including else "left"
        played = np.searchsorted(self.played_first_s, time_s, side=side) - 1  # type: ignore[call-overload]
        there = played >= 0
        played = np.maximum(played, 0)
        start_s, base = self.played_start_s[played], self.played_index[played]
        wave = self.event_wave[self.played_event[played]]
        first, low = self.wave_first[wave], np.zeros(time_s.size, np.int64)
        high = self.played_index[played + 1] - base
        while bool(np.any(low < high)):  # a search by halves, for all times at once
            middle = np.minimum((low + high) // 2, high - 1)
            at = start_s + self.wave_time_s[first + middle]
            before = (low < high) & ((at <= time_s) if including else (at < time_s))
            high = np.where((low < high) & ~before, middle, high)
            low = np.where(before, middle + 1, low)
        counted: Ints = np.where(there, base + low, 0)
        return counted

    def _with_neighbours(self, first: int, last: int) -> tuple[int, int]:
        total = int(self.played_index[-1])
        reaches_in = 0 < first < total and self._together(first)
        reaches_out = 0 < last < total and self._together(last)
        return first - reaches_in, last + reaches_out

    def _together(self, index: int) -> bool:
        """Say whether a vertex and the one before it belong to one event."""
        one, other = self._played(np.array([index - 1, index]))
        return bool(one == other)

    def _thinned(self, first: int, last: int, bins: int) -> Ints:
        """Return first, lowest, highest and last vertex of equal bins of time."""
        (begin_s, end_s), _ = self.vertices(np.array([first, last - 1]))
        borders_s = np.linspace(begin_s, end_s, bins + 1)[1:-1]
        counts = self._count(borders_s, including=False)
        borders = np.concatenate([[first], np.clip(counts, first, last), [last]])
        low, high = borders[:-1], borders[1:]
        low, high = low[low < high], high[low < high]
        lowest, highest = self._extremes(low, high)
        return np.concatenate([low, lowest, highest, high - 1])

    def _extremes(self, first: Ints, last: Ints) -> tuple[Ints, Ints]:
        """Return the lowest and the highest vertex of each stretch [first, last)."""
        one, other = self._played(first), self._played(last - 1)
        begin, end = self._place(first, one), self._place(last - 1, other) + 1
        wave = self.event_wave[self.played_event]
        same = one == other
        head = self._extremes_of_event(one, begin, np.where(same, end, self._wave_end(wave[one])))
        tail = self._extremes_of_event(
            other, np.where(same, begin, self.wave_first[wave[other]]), end
        )
        between = self._extremes_of_whole(first, one, other)
        lowest, highest = head[0], head[1]
        for found in (between, tail):
            lowest = self._best(lowest, found[0], 1)
            highest = self._best(highest, found[1], -1)
        return lowest, highest

    def _wave_end(self, wave: NDArray[Any]) -> NDArray[Any]:
        end: NDArray[Any] = self.wave_first[wave + 1]
        return end

    def _extremes_of_event(
        self, played: Ints, begin: NDArray[Any], end: NDArray[Any]
    ) -> tuple[Ints, Ints]:
        """Return the extreme vertices of a part of one played event; a factor may turn it over."""
        smallest = find_smallest(lambda at: self.wave_value[at], self.wave_low, begin, end)
        largest = find_smallest(lambda at: -self.wave_value[at], self.wave_high, begin, end)
        event = self.played_event[played]
        upright = self.event_factor[event] >= 0
        base = self.played_index[played] - self.wave_first[self.event_wave[event]]
        lowest = base + np.where(upright, smallest, largest)
        return lowest, base + np.where(upright, largest, smallest)

    def _extremes_of_whole(self, index: Ints, one: Ints, other: Ints) -> tuple[Ints, Ints]:
        """Return the extreme vertices of the events between two; where there are none, `index`."""
        there = other - one > 1
        first, last = np.where(there, one + 1, one), np.where(there, other, one + 1)
        low_value = self._value(np.arange(self.event_low.size), self.event_low)
        high_value = -self._value(np.arange(self.event_high.size), self.event_high)
        event = self.played_event
        low = find_smallest(lambda at: low_value[event[at]], self.played_low, first, last)
        high = find_smallest(lambda at: high_value[event[at]], self.played_high, first, last)
        lowest = np.where(there, self._index_at(low, self.event_low), index)
        return lowest, np.where(there, self._index_at(high, self.event_high), index)

    def _index_at(self, played: Ints, places: NDArray[Any]) -> Ints:
        event = self.played_event[played]
        first = self.wave_first[self.event_wave[event]]
        index: Ints = self.played_index[played] + places[event] - first
        return index

    def _best(self, one: Ints, other: Ints, sign: int) -> Ints:
        """Return the vertex with the lower value; with sign -1, with the higher one."""
        values = [sign * self.vertices(index)[1] for index in (one, other)]
        best: Ints = np.where(values[1] < values[0], other, one)
        return best

    def _strokes(self, chosen: Ints) -> Ints:
        """Return where a line begins: at an event that does not begin where the last one ended."""
        if not chosen.size:
            return chosen
        played = self._played(chosen)
        next_one = (np.diff(chosen) == 1) & (np.diff(played) > 0)
        time_s, _ = self.vertices(chosen)
        breaks = next_one & (np.diff(time_s) > _GAP_S)
        return np.concatenate([[0], np.flatnonzero(breaks) + 1]).astype(np.int64)
