"""Times of the contrast (TR, TE, TI) and what is encoded (matrix, field of view, slices)."""

from dataclasses import dataclass, field

import numpy as np

from exam_manager.sequences.pulseq_facts.cartesian import find_grid
from exam_manager.sequences.pulseq_facts.kspace import SAME_K, KSpace, distance
from exam_manager.sequences.pulseq_facts.pulses import Pulses
from exam_manager.sequences.pulseq_facts.slices import Slices, find_slices
from exam_manager.sequences.pulseq_facts.trajectory import Trajectory, find_trajectory
from exam_manager.sequences.pulseq_file.model import PulseqFile
from exam_manager.sequences.pulseq_file.sections import Floats

_FINE = 512
"""Paths near the centre that are looked at sample by sample."""
_SAMPLES = 2**14
_MOST_LISTED = 32
_LARGEST_FOV_M = 2.0
_EQUAL = 1e-3


@dataclass
class Encoding:
    """What could be told, and notes on what could not."""

    repetition_time_s: float | None = None
    echo_times_s: list[float] = field(default_factory=list)
    inversion_time_s: float | None = None
    trajectory: str | None = None
    alternating: bool | None = None
    matrix: list[int] | None = None
    field_of_view_m: list[float] | None = None
    field_of_view_source: str | None = None
    slices: int | None = None
    notes: list[str] = field(default_factory=list)


def find_encoding(file: PulseqFile, pulses: Pulses, space: KSpace) -> Encoding:
    """Work out what is encoded and when."""
    found = Encoding()
    found.field_of_view_m = _field_of_view(file, found.notes)
    found.field_of_view_source = "definitions" if found.field_of_view_m else None
    if not pulses.of("e").any():
        found.notes.append(
            "no excitation pulse: TR, TE, trajectory, matrix, and slices cannot be told"
        )
        return found
    slices = find_slices(file, space.gradients, pulses)
    found.slices = slices.count
    found.repetition_time_s = _repetition_time(pulses, slices, found.notes)
    if not space.readouts.block.size:
        found.notes.append("no readout follows an excitation: TE and matrix cannot be told")
        return found
    paths = space.paths(space.different)
    center = _echoes(file, pulses, space, paths, found)
    found.inversion_time_s = _inversion_time(pulses, int(space.readouts.excitation[center]))
    trajectory = find_trajectory(space, paths, slices, found.notes)
    found.trajectory, found.alternating = trajectory.kind, trajectory.alternating
    _grid(space, trajectory, found)
    return found


def _grid(space: KSpace, trajectory: Trajectory, found: Encoding) -> None:
    """Fill in matrix and field of view, where readouts lie on a grid."""
    if trajectory.kind not in {"cartesian", "epi"}:
        found.notes.append("the readouts lie on no grid: the matrix cannot be told")
        return
    grid = find_grid(space, trajectory, found.field_of_view_m or [], found.notes)
    if grid is None:
        return
    lines, partitions = grid.lines
    found.matrix = [grid.samples, lines, partitions if partitions > 1 else (found.slices or 1)]
    if found.field_of_view_m is None and grid.field_of_view_m:
        found.field_of_view_m = grid.field_of_view_m
        found.field_of_view_source = "k-space"
        found.notes.append(
            "the field of view is that of the sampling: readout with its oversampling, phase, "
            "partitions"
        )


def _field_of_view(file: PulseqFile, notes: list[str]) -> list[float] | None:
    value = file.definitions.get("FOV")
    if not isinstance(value, list) or not 1 <= len(value) <= 3 or min(value) <= 0:  # noqa: PLR2004 (three axes)
        notes.append("the definitions give no field of view (FOV)")
        return None
    if max(value) > _LARGEST_FOV_M:
        notes.append("FOV is larger than 2, so it is taken as millimetres")
        return [length / 1000 for length in value]
    return list(value)


def _repetition_time(pulses: Pulses, slices: Slices, notes: list[str]) -> float | None:
    """Return the time between two inversions, else between two excitations of one slice."""
    inversions = pulses.center_s[pulses.of("i")]
    if inversions.size > 1:
        return _usual(np.diff(inversions), "inversions", notes)
    times = pulses.center_s[pulses.of("e")]
    order = np.lexsort((times, slices.of_excitation))
    same = np.diff(slices.of_excitation[order]) == 0
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


def _echoes(file: PulseqFile, pulses: Pulses, space: KSpace, paths: Floats, found: Encoding) -> int:
    """Find the echo times of the readouts that pass the centre; return the first such readout."""
    readouts, table = space.readouts, file.tables.adcs
    nearest = distance(paths)
    limit = nearest.min() + max(_spacing(space) / 2, SAME_K)
    inside = np.full(nearest.size, np.nan)
    """When a path is nearest to the centre, from the start of its block."""
    for path in np.flatnonzero(nearest <= limit)[:_FINE].tolist():
        one = space.different[[path]]
        samples = min(max(int(table.samples[readouts.row[one[0]]]), 1), _SAMPLES)
        at = space.sample_times(one, samples)
        inside[path] = _closest(at[0], space.positions(one, at)[0])
    passes = np.flatnonzero(~np.isnan(inside[space.group]))
    start = file.blocks.start_s[readouts.block[passes]]
    after = start - pulses.center_s[readouts.excitation[passes]] + inside[space.group[passes]]
    times = np.unique(np.round(after, 6))
    found.echo_times_s = times[:_MOST_LISTED].tolist()
    if times.size > _MOST_LISTED:
        found.notes.append(f"only {_MOST_LISTED} of {times.size} echo times are listed")
    return int(passes[0])


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
    which = space.different[:_FINE]
    times = space.sample_times(which, 2)
    k = space.positions(which, times)
    samples = np.maximum(space.samples(which) - 1, 1)
    return float(np.median(np.sqrt(((k[:, 1] - k[:, 0]) ** 2).sum(axis=1)) / samples))
