"""The gradients of all blocks: their corners and their areas, worked out for many at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_facts.alike import alike
from exam_manager.sequences.pulseq_file.model import GradientEvent, PulseqFile, Rotation
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

SAME_TIME_S = 1e-9
"""Corners that are closer than this are one."""
_PLAIN = 14
"""Corners of a block of trapezoids: start and end, and four of each axis."""
_POINTS_AT_ONCE = 2**19


@dataclass(frozen=True)
class Corners:
    """Corners of some blocks, one after the other."""

    time_s: Floats
    """From the start of the block."""
    value: Floats
    """(corners, 3) [Hz/m]"""
    begin: Ints
    """Where each block begins."""


class BlockGradients:
    """What the three axes do in each block."""

    def __init__(self, file: PulseqFile) -> None:
        self._file = file
        self.duration_s = file.blocks.duration_s
        table = file.tables.gradients
        used = np.stack([file.blocks.gx, file.blocks.gy, file.blocks.gz])
        self._row = np.full(used.shape, -1)
        if len(file.gradients):
            self._row[used > 0] = file.gradients.rows(used[used > 0])
        self._none = len(table.numbers)
        self._free_row = np.append(~table.trapezoid, False)
        self.free: NDArray[np.bool_] = self._free_row[self._row].any(axis=0)
        self._rotations(file)
        self._columns = [
            np.append(np.where(table.trapezoid, column, 0.0), 0.0)
            for column in (table.amplitude, table.rise_s, table.flat_s, table.fall_s, table.delay_s)
        ]

    def _rotations(self, file: PulseqFile) -> None:
        """Find which blocks are turned, and how."""
        numbers, inverse = np.unique(file.blocks.extension, return_inverse=True)
        matrices = [np.eye(3)]
        of_number = np.zeros(numbers.size, dtype=np.int64)
        for at, number in enumerate(numbers.tolist()):
            for event in file.extensions(number):
                if isinstance(event, Rotation):
                    of_number[at] = len(matrices)
                    matrices.append(event.matrix())
        self.rotation: Ints = of_number[inverse]
        self._matrices = np.stack(matrices)

    @cached_property
    def kinds(self) -> tuple[Ints, Ints]:
        """One block of every kind, and the kind of each block."""
        return alike(self.rotation, *self._row, self.duration_s)

    def _trapezoids(self, blocks: Ints, axis: int) -> list[Floats]:
        rows = self._row[axis, blocks]
        return [column[rows][:, None] for column in self._columns]

    def _turn(self, blocks: Ints, values: Floats) -> Floats:
        turned = self.rotation[blocks] > 0
        if turned.any():
            matrices = self._matrices[self.rotation[blocks[turned]]]
            values[turned] = np.einsum("bij,b...j->b...i", matrices, values[turned])
        return values

    def moment(self, blocks: Ints, time_s: Floats) -> Floats:
        """Return the area of each axis from the start of a block to a time in it [1/m].

        Args:
            blocks: Places in the table of blocks.
            time_s: (blocks, times).

        Returns:
            (blocks, times, 3)
        """
        area = np.zeros((*time_s.shape, 3))
        for axis in range(3):
            amplitude, rise, flat, fall, delay = self._trapezoids(blocks, axis)
            since = time_s - delay
            up = np.clip(since, 0, rise)
            top = np.clip(since - rise, 0, flat)
            down = np.clip(since - rise - flat, 0, fall)
            ramps = _over(up * up, 2 * rise) + down - _over(down * down, 2 * fall)
            area[..., axis] = amplitude * (ramps + top)
            self._free_moment(blocks, time_s, axis, area)
        return self._turn(blocks, area)

    def _free_moment(self, blocks: Ints, time_s: Floats, axis: int, area: Floats) -> None:
        for event, here in self._free_events(blocks, axis):
            area[here, :, axis] = _area_until(event.time_s, event.amplitude_hz_per_m, time_s[here])

    def _free_events(self, blocks: Ints, axis: int) -> Iterator[tuple[GradientEvent, Ints]]:
        """Yield each arbitrary gradient of an axis, and which of the blocks play it."""
        rows = self._row[axis, blocks]
        free = np.flatnonzero(self._free_row[rows])
        order = free[np.argsort(rows[free], kind="stable")]
        for here in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
            if here.size:
                number = self._file.tables.gradients.numbers[rows[here[0]]]
                yield self._file.gradients[int(number)], here

    def value(self, blocks: Ints, time_s: Floats) -> Floats:
        """Return what each axis has at a time in each block (blocks, 3) [Hz/m]."""
        value = np.zeros((blocks.size, 3))
        for axis in range(3):
            amplitude, rise, flat, fall, delay = (c[:, 0] for c in self._trapezoids(blocks, axis))
            since, left = time_s - delay, delay + rise + flat + fall - time_s
            height = np.minimum(_over(since, rise, 1.0), _over(left, fall, 1.0))
            inside = (since >= 0) & (left >= 0)
            value[:, axis] = np.where(inside, amplitude * np.clip(height, 0, 1), 0.0)
            for event, here in self._free_events(blocks, axis):
                value[here, axis] = _value_at(event.time_s, event.amplitude_hz_per_m, time_s[here])
        return self._turn(blocks, value)

    def total(self) -> Floats:
        """Return the area of each axis at the start of every block, counted from the first."""
        examples, kind = self.kinds
        areas = np.empty((examples.size, 3))
        for start in range(0, examples.size, _POINTS_AT_ONCE):
            blocks = examples[start : start + _POINTS_AT_ONCE]
            until = self.duration_s[blocks][:, None]
            areas[start : start + _POINTS_AT_ONCE] = self.moment(blocks, until)[:, 0]
        return np.concatenate([np.zeros((1, 3)), np.cumsum(areas[kind], axis=0)[:-1]])

    def points(self, blocks: Ints) -> Ints:
        """Return how many corners each block has at most."""
        sizes = np.zeros(self._none + 1, dtype=np.int64)
        table, shapes = self._file.tables.gradients, self._file.tables.shapes
        for row in np.flatnonzero(~table.trapezoid).tolist():
            sizes[row] = shapes[int(table.shape[row])].size + 2
        count: Ints = _PLAIN + sizes[self._row[:, blocks]].sum(axis=0)
        return count

    def parts(self, blocks: Ints) -> Iterator[tuple[Ints, Corners]]:
        """Yield the corners of many blocks, some blocks at a time."""
        upto = np.cumsum(self.points(blocks))
        start = 0
        while start < blocks.size:
            before = int(upto[start - 1]) if start else 0
            end = int(np.searchsorted(upto, before + _POINTS_AT_ONCE, side="right"))
            end = max(end, start + 1)
            yield blocks[start:end], self.corners(blocks[start:end])
            start = end

    def corners(self, blocks: Ints) -> Corners:
        """Return the corners of blocks. Between two corners every axis is a straight line."""
        plain = ~self.free[blocks]
        times, values = self._plain(blocks[plain])
        others = [self._mixed(int(block)) for block in blocks[~plain]]
        counts = np.full(blocks.size, _PLAIN)
        counts[~plain] = [time.size for time, _value in others]
        begin = np.cumsum(counts) - counts
        time_s, value = np.empty(int(counts.sum())), np.empty((int(counts.sum()), 3))
        places = (begin[plain][:, None] + np.arange(_PLAIN)).ravel()
        time_s[places], value[places] = times.ravel(), values.reshape(-1, 3)
        for at, (time, part) in zip(begin[~plain].tolist(), others, strict=True):
            time_s[at : at + time.size], value[at : at + time.size] = time, part
        return Corners(time_s, value, begin)

    def _plain(self, blocks: Ints) -> tuple[Floats, Floats]:
        """Return the corners of blocks that have trapezoids only."""
        end = self.duration_s[blocks][:, None]
        raster = self._file.rasters.gradient_s
        columns = []
        times = [np.zeros_like(end), end]
        for axis in range(3):
            amplitude, rise, flat, fall, delay = self._trapezoids(blocks, axis)
            until = delay + rise + flat + fall
            # a ramp without length is none that an amplifier can play: it takes a raster step
            rise, fall = np.where(rise > 0, rise, raster), np.where(fall > 0, fall, raster)
            columns.append((amplitude, delay, until, rise, fall))
            times += [delay, delay + rise, until - fall, until]
        time = np.sort(np.clip(np.hstack(times), 0, end), axis=1)
        value = np.empty((*time.shape, 3))
        for axis, (amplitude, delay, until, rise, fall) in enumerate(columns):
            height = np.minimum((time - delay) / rise, (until - time) / fall)
            value[..., axis] = amplitude * np.clip(height, 0, 1)
        return time, self._turn(blocks, value)

    def _mixed(self, block: int) -> tuple[Floats, Floats]:
        """Return the corners of a block that has an arbitrary gradient."""
        end = float(self.duration_s[block])
        events = [
            (self._file.gradients[number] if number else None)
            for number in (int(self._file.blocks.gradient(axis)[block]) for axis in range(3))
        ]
        times = [event.time_s for event in events if event is not None]
        grid = np.unique(np.clip(np.concatenate([[0.0, end], *times]), 0, end))
        grid = grid[np.append(True, np.diff(grid) > SAME_TIME_S)]
        grid[-1] = end
        value = np.zeros((grid.size, 3))
        for axis, event in enumerate(events):
            if event is not None:
                value[:, axis] = _value_at(event.time_s, event.amplitude_hz_per_m, grid)
        return grid, self._turn(np.array([block]), value[None])[0]


def _over(part: Floats, whole: Floats, otherwise: float = 0.0) -> Floats:
    """Divide; what is divided by nothing is `otherwise`."""
    return np.divide(part, whole, out=np.full_like(part, otherwise), where=whole > 0)


def _value_at(time_s: Floats, value: Floats, at: Floats) -> Floats:
    found = np.interp(at, time_s, value)
    inside = (at > time_s[0] - SAME_TIME_S) & (at < time_s[-1] + SAME_TIME_S)
    return np.where(inside, found, 0.0)


def _area_until(time_s: Floats, value: Floats, until: Floats) -> Floats:
    """Return the area under a line of corners from its start to some times."""
    steps = np.diff(time_s)
    upto = np.concatenate([[0.0], np.cumsum(steps * (value[1:] + value[:-1]) / 2)])
    at = np.clip(until, time_s[0], time_s[-1])
    left = np.clip(np.searchsorted(time_s, at, side="right") - 1, 0, steps.size - 1)
    height = np.interp(at, time_s, value)
    area: Floats = upto[left] + (at - time_s[left]) * (value[left] + height) / 2
    return area
