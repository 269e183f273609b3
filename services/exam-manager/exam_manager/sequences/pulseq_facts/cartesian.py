"""The grid that Cartesian readouts lie on, along the axes or oblique."""

from dataclasses import dataclass

import numpy as np

from exam_manager.sequences.pulseq_facts.kspace import SAME_K, KSpace
from exam_manager.sequences.pulseq_facts.trajectory import Trajectory
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

_ALONG_AXIS = 0.999
_ONE_LINE = 1e-3
_HALF_A_LINE = 0.5
_RARE = 0.02
_SAME = 1e-3
_FEW = 8
_MOST_POINTS = 4096


@dataclass(frozen=True)
class Grid:
    """Points along readouts, and lines along both other directions."""

    samples: int
    lines: tuple[int, int]
    field_of_view_m: list[float] | None
    """One over the steps: readout, and where there are several lines phase, partition."""


def find_grid(
    space: KSpace, trajectory: Trajectory, fov: list[float], notes: list[str]
) -> Grid | None:
    """Return the grid, or None and a note.

    Args:
        space: The readouts.
        trajectory: Which of them are parallel lines.
        fov: Along x, y, z, as far as the definitions give it.
        notes: Where it is said what cannot be told.
    """
    paths, points, readout = trajectory.paths, trajectory.points, trajectory.direction
    if paths is None or points is None or readout is None:
        return None
    axis = int(np.argmax(np.abs(readout)))
    along = bool(np.abs(readout[axis]) >= _ALONG_AXIS)
    others = [np.eye(3)[other] for other in range(3) if other != axis]
    middle = points[:, points.shape[1] // 2]
    lengths = [fov[other] if other < len(fov) else None for other in range(3) if other != axis]
    if not along or not _on_grid(middle @ np.stack(others, axis=1)):
        notes.append("the slices or lines are oblique: the matrix is told along their own axes")
        others, lengths, along = _own_axes(middle, readout), [None, None], False
        if not _on_grid(middle @ np.stack(others, axis=1)):
            notes.append("the phase encoding steps lie on no grid: the matrix cannot be told")
            return None
    which = space.different[paths]
    samples = int(np.bincount(np.minimum(space.samples(which), 2**24)).argmax())
    step = _middle_step(space, which)
    length = fov[axis] if along and axis < len(fov) else None
    sides = [_across(middle @ other, given) for other, given in zip(others, lengths, strict=True)]
    sides.sort(key=lambda side: side[0] == 1)  # what is not encoded comes last
    view = [1 / spacing for spacing in (step, *(side[1] for side in sides)) if spacing > SAME_K]
    return Grid(
        samples=_without_oversampling(samples, points, readout, length),
        lines=(sides[0][0], sides[1][0]),
        field_of_view_m=[round(side, 6) for side in view] or None,
    )


def _own_axes(middle: Floats, readout: Floats) -> list[Floats]:
    """Return the directions of the phase encoding steps, by the neighbours of a central line."""
    aside = middle - np.outer(middle @ readout, readout)
    at = aside[np.argmin((aside * aside).sum(axis=1))]
    steps = aside[:_MOST_POINTS] - at
    length = np.sqrt((steps * steps).sum(axis=1))
    steps, length = steps[length > SAME_K], length[length > SAME_K]
    if length.size:
        first = steps[np.argmin(length)] / length.min()
    else:
        first = np.cross(readout, np.eye(3)[int(np.argmin(np.abs(readout)))])
        first /= np.sqrt(first @ first)
    return [first, np.cross(readout, first)]


def _different(values: Floats) -> Floats:
    """Return values that differ, sorted."""
    ordered = np.sort(values)
    spread = ordered[-1] - ordered[0]
    if spread <= SAME_K or spread <= 1e-6 * np.abs(ordered).max():
        return ordered[:1]
    new = np.append(True, np.diff(ordered) > max(spread * _SAME / 10, SAME_K))
    different: Floats = ordered[new]
    return different


def _on_grid(places: Floats) -> bool:
    """Say whether many lines share few positions along both directions."""
    counts = [_different(places[:, side]).size for side in range(2)]
    return min(counts) == 1 or max(counts) <= max(_FEW, len(places) // 2)


def _middle_step(space: KSpace, which: Ints) -> float:
    """Return the step between two samples in the middle of a readout, the largest of some [1/m]."""
    some = which[:_FEW]
    dwell = space.dwell_s(some)
    middle = space.sample_times(some, 3)[:, 1]
    k = space.positions(some, np.stack([middle, middle + dwell], axis=1))
    return float(np.sqrt(((k[:, 1] - k[:, 0]) ** 2).sum(axis=1)).max())


def _without_oversampling(samples: int, points: Floats, readout: Floats, fov: float | None) -> int:
    """Return the points of a readout without what is sampled more densely than the FOV asks."""
    if fov is None or samples < 2:  # noqa: PLR2004 (a step takes two)
        return samples
    extent = float(np.median(np.abs((points[:, -1] - points[:, 0]) @ readout)))
    return min(samples, max(1, round(extent * samples / (samples - 1) * fov)))


def _across(k: Floats, fov: float | None) -> tuple[int, float]:
    """Return the number of lines, and the step between them [1/m].

    With a field of view the lines that fill it are counted, also those that were left out. Without
    one the step is the smallest that is not rare: lines that are left out at the border count.
    """
    different = _different(k)
    if different.size == 1:
        return 1, 0.0
    spread, size = float(np.ptp(different)), float(np.abs(different).max())
    steps = np.diff(different)
    values, counts = np.unique(np.round(steps / spread, 4), return_counts=True)
    step = float(values[counts >= _RARE * steps.size][0]) * spread
    step = float(np.median(steps[np.abs(steps - step) <= spread * _SAME]))
    if fov is not None and spread * fov >= _HALF_A_LINE:
        return max(round(spread * fov) + 1, round(2 * size * fov)), step
    return max(round(spread / step) + 1, round(2 * size / step)), step
