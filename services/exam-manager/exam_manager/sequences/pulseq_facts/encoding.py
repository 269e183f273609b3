"""Times of the contrast (TR, TE, TI) and what is encoded (matrix, slices)."""

from dataclasses import dataclass, field

import numpy as np

from exam_manager.sequences.pulseq_facts.kspace import KSpace
from exam_manager.sequences.pulseq_facts.pulses import Pulses
from exam_manager.sequences.pulseq_file.model import PulseqFile
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

_FINE = 512
"""Readouts near the centre that are looked at sample by sample."""
_SAMPLES = 2**14
_MOST_LISTED = 32
_STRAIGHT = 0.02
_SAME_SLICE_M = 1e-5
_LARGEST_FOV_M = 2.0
_EQUAL = 1e-3
_HALF_A_LINE = 0.5
_NO_SPREAD = 1e-3
"""k [1/m]: a kilometre wide."""


@dataclass
class Encoding:
    """What could be told, and notes on what could not."""

    repetition_time_s: float | None = None
    echo_times_s: list[float] = field(default_factory=list)
    inversion_time_s: float | None = None
    matrix: list[int] | None = None
    field_of_view_m: list[float] | None = None
    slices: int | None = None
    notes: list[str] = field(default_factory=list)


def find_encoding(file: PulseqFile, pulses: Pulses, space: KSpace) -> Encoding:
    """Work out what is encoded and when."""
    found = Encoding()
    found.field_of_view_m = _field_of_view(file, found.notes)
    slices = _slices(file, pulses)
    if not pulses.of("e").any():
        found.notes.append("no excitation pulse: TR, TE, matrix, and slices cannot be told")
        return found
    found.slices = int(np.unique(slices).size)
    found.repetition_time_s = _repetition_time(pulses, slices, found.notes)
    if not space.readouts.block.size:
        found.notes.append("no readout follows an excitation: TE and matrix cannot be told")
        return found
    nearest, ends = space.coarse()
    center = _echoes(file, pulses, space, nearest, found)
    found.inversion_time_s = _inversion_time(pulses, int(space.readouts.excitation[center]))
    found.matrix = _matrix(file, space, ends, found)
    return found


def _field_of_view(file: PulseqFile, notes: list[str]) -> list[float] | None:
    value = file.definitions.get("FOV")
    if not isinstance(value, list) or not 1 <= len(value) <= 3 or min(value) <= 0:  # noqa: PLR2004 (three axes)
        notes.append("the definitions give no field of view (FOV)")
        return None
    if max(value) > _LARGEST_FOV_M:
        notes.append("FOV is larger than 2, so it is taken as millimetres")
        return [length / 1000 for length in value]
    return list(value)


def _slices(file: PulseqFile, pulses: Pulses) -> Ints:
    """Return which slice each excitation excites: by its offset over its gradient."""
    excites = np.flatnonzero(pulses.of("e"))
    table = file.tables.rf
    offset = table.frequency_hz[pulses.row[excites]]
    strength = np.zeros(excites.size)
    gradients = file.tables.gradients
    for axis in range(3):
        used = file.blocks.gradient(axis)[pulses.block[excites]]
        there = used > 0
        if there.any():
            amplitude = np.abs(gradients.amplitude[file.gradients.rows(used[there])])
            strength[there] = np.hypot(strength[there], amplitude)
    position = np.divide(offset, strength, out=np.zeros_like(offset), where=strength > 0)
    return np.unique(np.round(position / _SAME_SLICE_M), return_inverse=True)[1]


def _repetition_time(pulses: Pulses, slices: Ints, notes: list[str]) -> float | None:
    """Return the time between two inversions, else between two excitations of one slice."""
    inversions = pulses.center_s[pulses.of("i")]
    if inversions.size > 1:
        return _usual(np.diff(inversions), "inversions", notes)
    times = pulses.center_s[pulses.of("e")]
    order = np.lexsort((times, slices))
    same = np.diff(slices[order]) == 0
    steps = np.diff(times[order])[same]
    if not steps.size:
        notes.append("no slice is excited twice, so there is no repetition time")
        return None
    return _usual(steps, "excitations", notes)


def _usual(steps: Floats, what: str, notes: list[str]) -> float:
    """Return the most frequent of these times."""
    values, counts = np.unique(np.round(steps, 6), return_counts=True)
    usual = float(values[np.argmax(counts)])
    if values.max() - values.min() > _EQUAL * usual:
        notes.append(
            f"the times between {what} vary from {values.min():g} to {values.max():g} s; "
            "the repetition time is the most frequent one"
        )
    return usual


def _inversion_time(pulses: Pulses, excitation: int) -> float | None:
    """Return the time from the inversion to the excitation that fills the centre of k-space."""
    before = np.flatnonzero(pulses.of("i")[:excitation])
    if not before.size:
        return None
    return round(float(pulses.center_s[excitation] - pulses.center_s[before[-1]]), 6)


def _echoes(
    file: PulseqFile, pulses: Pulses, space: KSpace, nearest: Floats, found: Encoding
) -> int:
    """Find the echo times of the readouts that pass the centre; return the first such readout."""
    readouts, table = space.readouts, file.tables.adcs
    limit = nearest.min() + max(_spacing(space) / 2, 1e-9)
    candidates = np.flatnonzero(nearest <= limit)
    center = int(candidates[0])
    times: set[float] = set()
    for which in candidates[:_FINE].tolist():
        one = np.array([which])
        samples = min(max(int(table.samples[readouts.row[which]]), 1), _SAMPLES)
        at = space.sample_times(one, samples)
        k = space.positions(one, at)[0]
        best = _closest(at[0], k)
        start = file.blocks.start_s[readouts.block[which]]
        times.add(round(float(start + best - pulses.center_s[readouts.excitation[which]]), 6))
    found.echo_times_s = sorted(times)[:_MOST_LISTED]
    if len(times) > _MOST_LISTED:
        found.notes.append(f"only {_MOST_LISTED} of {len(times)} echo times are listed")
    return center


def _closest(time_s: Floats, k: Floats) -> float:
    """Return when the path is nearest to 0, between two samples if need be."""
    at = int(np.argmin((k * k).sum(axis=1)))
    lower, upper = max(at - 1, 0), min(at + 1, len(k) - 1)
    step = k[upper] - k[lower]
    length = float(step @ step)
    if length == 0:
        return float(time_s[at])
    along = float(np.clip(-(k[lower] @ step) / length, 0, 1))
    return float(time_s[lower] + along * (time_s[upper] - time_s[lower]))


def _spacing(space: KSpace) -> float:
    """Return the usual step between two samples of a readout [1/m]."""
    which = np.arange(min(space.readouts.block.size, _FINE))
    times = space.sample_times(which, 2)
    k = space.positions(which, times)
    samples = np.maximum(space.samples(which) - 1, 1)
    return float(np.median(np.sqrt(((k[:, 1] - k[:, 0]) ** 2).sum(axis=1)) / samples))


def _matrix(file: PulseqFile, space: KSpace, ends: Floats, found: Encoding) -> list[int] | None:
    """Return readout, phase, and slice or partition, of Cartesian sampling along the axes."""
    path = ends[:, 2] - ends[:, 0]
    length = np.sqrt((path * path).sum(axis=1))
    size = np.sqrt((ends * ends).sum(axis=2)).max()
    axis = int(np.argmax(np.abs(path).sum(axis=0)))
    bent = np.abs(ends[:, 1] - (ends[:, 0] + ends[:, 2]) / 2).max(axis=1)
    across = np.delete(np.abs(path), axis, axis=1).max(axis=1)
    if size == 0 or not bool(
        np.all((across <= _STRAIGHT * length) & (bent <= 0.5 * length) & (length > 0))
    ):
        found.notes.append("readouts are not parallel to one axis: the matrix cannot be told")
        return None
    rows = space.readouts.row
    samples = int(np.bincount(file.tables.adcs.samples[rows].astype(np.int64)).argmax())
    fov = found.field_of_view_m or []
    matrix = [_along(ends, axis, samples, fov[axis] if axis < len(fov) else None)]
    counts = [
        _across(ends[:, 1, other], fov[other] if other < len(fov) else None)
        for other in range(3)
        if other != axis
    ]
    return [*matrix, counts[0], counts[1] if counts[1] > 1 else (found.slices or 1)]


def _along(ends: Floats, axis: int, samples: int, fov: float | None) -> int:
    """Return the points of a readout without what is sampled more densely than the FOV asks."""
    if fov is None or samples < 2:  # noqa: PLR2004 (a step takes two)
        return samples
    extent = float(np.median(np.abs(ends[:, 2, axis] - ends[:, 0, axis])))
    return min(samples, max(1, round(extent * samples / (samples - 1) * fov)))


def _across(k: Floats, fov: float | None) -> int:
    """Return the number of lines: by the FOV where it is known, else the different ones."""
    values = np.sort(k)
    spread = float(values[-1] - values[0])
    size = float(np.abs(values).max())
    if spread <= _NO_SPREAD or spread <= 1e-6 * size:
        return 1
    steps = np.diff(values)
    different = 1 + int(np.count_nonzero(steps > spread * 1e-5))
    if fov is None or spread * fov < _HALF_A_LINE:
        return different
    return max(round(spread * fov) + 1, round(2 * size * fov))
