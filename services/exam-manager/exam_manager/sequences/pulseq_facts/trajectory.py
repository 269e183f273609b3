"""What kind of path the readouts take through k-space, in the words of the MRD header."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_facts.kspace import SAME_K, KSpace
from exam_manager.sequences.pulseq_facts.slices import Slices
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

NEARLY_ALL = 0.95
_STRAIGHT = 0.05
"""Of the length: blips of EPI bend the ends of a line."""
_PARALLEL = 0.995
_NEAR_CENTER = 0.05
_NO_PATH = 0.5
"""k [1/m]: less than half a period over 1 m encodes nothing."""
_FINE = 257
_LOOKED_AT = 64
_FLAT = 0.05
_ONE_SENSE = 0.9
_QUARTER_TURN = np.pi / 2
_REACH = 0.5


@dataclass(frozen=True)
class Trajectory:
    """Kind of the paths, and those that were looked at: of the plane with the most readouts."""

    kind: str | None
    alternating: bool | None = None
    """Whether lines of one train run to and fro."""
    direction: Floats | None = None
    """Of Cartesian lines."""
    paths: Ints | None = None
    """Places in the different paths of the space: the Cartesian lines."""
    points: Floats | None = None
    """Some points of each of them."""


def find_trajectory(space: KSpace, points: Floats, slices: Slices, notes: list[str]) -> Trajectory:
    """Tell Cartesian, EPI, radial, spiral sampling apart; what is none of them is `other`."""
    plane = slices.plane_of_pulse[space.readouts.excitation]
    planes, sizes = np.unique(plane, return_counts=True)
    if planes.size > 1:
        notes.append(
            f"slices lie in {planes.size} directions; the trajectory is that of the most readouts"
        )
    usual = plane == planes[np.argmax(sizes)]
    counts = np.bincount(space.group[usual], minlength=len(points))
    moves = (np.sqrt((np.diff(points, axis=1) ** 2).sum(axis=2)).sum(axis=1) > _NO_PATH) & (
        counts > 0
    )
    if not moves.any():
        notes.append("the gradients encode nothing during readouts: there is no trajectory")
        return Trajectory(None)
    straight, direction = _lines(points)
    share = counts[moves & straight].sum() / counts[moves].sum()
    if share >= NEARLY_ALL:
        weights = np.where(moves & straight, counts, 0)
        return _of_lines(space, points, direction, weights, notes)
    if share > 1 - NEARLY_ALL:
        notes.append("some readouts are straight, some bent: the trajectory is called other")
        return Trajectory("other")
    bent = np.flatnonzero(moves & ~straight)
    some = bent[:: max(1, bent.size // _LOOKED_AT)]
    which = space.different[some]
    fine = space.positions(which, space.sample_times(which, _FINE))
    if np.mean([_is_spiral(path) for path in fine]) >= NEARLY_ALL:
        return Trajectory("spiral")
    notes.append("the readouts are bent, but no spirals: the trajectory is called other")
    return Trajectory("other")


def _lines(points: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Return which paths are straight and go one way, and their directions."""
    chord = points[:, -1] - points[:, 0]
    length = np.sqrt((chord * chord).sum(axis=1))
    direction = np.divide(
        chord, length[:, None], out=np.zeros_like(chord), where=length[:, None] > SAME_K
    )
    since = points - points[:, :1]
    along = np.einsum("rtc,rc->rt", since, direction)
    aside = since - along[..., None] * direction[:, None]
    far = np.sqrt((aside * aside).sum(axis=2).max(axis=1))
    one_way = np.diff(along, axis=1).min(axis=1) >= -_STRAIGHT * length
    return (length > SAME_K) & (far <= _STRAIGHT * length) & one_way, direction


def _of_lines(
    space: KSpace, points: Floats, direction: Floats, counts: Ints, notes: list[str]
) -> Trajectory:
    paths = np.flatnonzero(counts)
    reference = direction[paths[np.argmax(counts[paths])]]
    cosine = direction @ reference
    parallel = np.abs(cosine) >= _PARALLEL
    total = counts[paths].sum()
    if counts[paths[parallel[paths]]].sum() >= NEARLY_ALL * total:
        paths = paths[parallel[paths]]
        echo_planar, alternating = _trains(space, points, paths, cosine)
        kind = "epi" if echo_planar else "cartesian"
        return Trajectory(kind, alternating, reference, paths, points[paths])
    near = _through_center(points[paths], direction[paths])
    if counts[paths[near]].sum() >= NEARLY_ALL * total:
        return Trajectory("radial")
    notes.append(
        "straight readouts are neither parallel nor through the centre: the trajectory is called "
        "other"
    )
    return Trajectory("other")


def _through_center(points: Floats, direction: Floats) -> NDArray[np.bool_]:
    """Return which lines go by the centre; in a stack, by the axis of the stack."""
    start = points[:, 0].copy()
    _values, axes = np.linalg.eigh(direction.T @ direction / len(direction))
    if _values[0] <= _FLAT**2:
        start -= np.outer(start @ axes[:, 0], axes[:, 0])
    aside = start - (start * direction).sum(axis=1)[:, None] * direction
    chord = points[:, -1] - points[:, 0]
    near: NDArray[np.bool_] = np.sqrt((aside**2).sum(axis=1)) <= _NEAR_CENTER * np.sqrt(
        (chord**2).sum(axis=1)
    )
    return near


def _trains(space: KSpace, points: Floats, paths: Ints, cosine: Floats) -> tuple[bool, bool]:
    """Return whether one excitation or echo fills several lines, and whether they alternate."""
    is_line = np.zeros(len(points), dtype=bool)
    is_line[paths] = True
    which = np.flatnonzero(is_line[space.group])
    path, train = space.group[which], space.readouts.train[which]
    middle = points[:, points.shape[1] // 2]
    together = np.diff(train) == 0
    direction = points[paths[0], -1] - points[paths[0], 0]
    direction /= np.sqrt(direction @ direction)
    step = np.diff(middle[path], axis=0)
    step -= np.outer(step @ direction, direction)
    other_line = together & (np.sqrt((step * step).sum(axis=1)) > _NO_PATH)
    turned = together & (cosine[path[1:]] * cosine[path[:-1]] < 0)
    if not together.any():
        return False, False
    return (
        bool(other_line.sum() >= which.size / 2 or other_line.sum() > together.sum() / 2),
        bool(turned.sum() > together.sum() / 2),
    )


def _is_spiral(path: Floats) -> bool:
    """Say whether a path always turns in one sense and changes its distance from the centre."""
    steps = np.diff(path, axis=0)
    turns = np.cross(steps[:-1], steps[1:])
    size = np.sqrt((turns * turns).sum(axis=1)).sum()
    if size == 0 or np.sqrt((turns.sum(axis=0) ** 2).sum()) < _ONE_SENSE * size:
        return False
    lengths = np.sqrt((steps * steps).sum(axis=1))
    both = lengths[:-1] * lengths[1:]
    cosines = np.divide(
        (steps[:-1] * steps[1:]).sum(axis=1), both, out=np.ones_like(both), where=both > 0
    )
    turned = np.arccos(np.clip(cosines, -1, 1)).sum()
    normal = turns.sum(axis=0) / np.sqrt((turns.sum(axis=0) ** 2).sum())
    flat = path - np.outer(path @ normal, normal)
    radius = np.sqrt((flat * flat).sum(axis=1))
    return bool(turned >= _QUARTER_TURN and np.ptp(radius) >= _REACH * radius.max())
