"""RF pulses: what each is for, its flip angle, its power, and how much of both there is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_file.model import Complexes, PulseqFile
from exam_manager.sequences.pulseq_file.sections import Floats, Ints
from exam_manager.sequences.pulseq_file.tables import RfTable, Shapes

_LARGEST_EXCITATION_DEG = 90.01
USE_NAMES = {
    "e": "excitation",
    "r": "refocusing",
    "i": "inversion",
    "s": "saturation",
    "p": "preparation",
    "o": "other",
    "u": "undefined",
}


@dataclass(frozen=True)
class Pulses:
    """Every pulse that is played, in order."""

    block: Ints
    row: Ints
    start_s: Floats
    end_s: Floats
    center_s: Floats
    flip_deg: Floats
    energy: Floats
    """Integral of the squared envelope [Hz^2 s]."""
    peak_hz: Floats
    use: NDArray[np.str_]
    guessed: bool
    """Whether some use was not in the file."""

    def of(self, uses: str) -> NDArray[np.bool_]:
        """Return which pulses have one of these uses."""
        return np.isin(self.use, list(uses))


def played_pulses(file: PulseqFile) -> Pulses:
    """Return the pulses of a file."""
    block = np.flatnonzero(file.blocks.rf)
    row = file.rf.rows(file.blocks.rf[block]) if block.size else block
    center, end, area, energy, peak = _per_event(file)
    table, start = file.tables.rf, file.blocks.start_s[block]
    amplitude = np.abs(table.amplitude_hz[row])
    flip = 360 * area[row] * amplitude
    use = table.use[row].copy()
    unknown = use == "u"
    if unknown.any():
        _guess_uses(file, block, row, flip, use)
    return Pulses(
        block=block,
        row=row,
        start_s=start + table.delay_s[row],
        end_s=start + end[row],
        center_s=start + center[row],
        flip_deg=flip,
        energy=energy[row] * amplitude**2,
        peak_hz=peak[row] * amplitude,
        use=use,
        guessed=bool(unknown.any()),
    )


def _per_event(file: PulseqFile) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return centre, end, and for amplitude 1 area, energy, peak of every event.

    Pulses that differ in amplitude, frequency, or phase alone share their shapes.
    """
    table = file.tables.rf
    keys = np.stack([table.magnitude, table.phase, table.time])
    _keys, first, inverse = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    found = np.zeros((5, first.size))
    for at, row in enumerate(first.tolist()):
        event = file.rf[int(table.numbers[row])]
        time = event.time_s - event.delay_s
        area, energy = _integrals(event.shape, time, table, row, file.rasters.rf_s)
        peak = np.abs(event.shape).max()
        found[:, at] = (event.center_s - event.delay_s, event.end_s - event.delay_s, 0, 0, peak)
        found[2:4, at] = (area, energy)
    values = found[:, inverse.ravel()]
    center = np.where(np.isnan(table.center_s), values[0], table.center_s)
    return (table.delay_s + center, table.delay_s + values[1], values[2], values[3], values[4])


def _integrals(
    shape: Complexes, time: Floats, table: RfTable, row: int, raster_s: float
) -> tuple[float, float]:
    """Return the size of the area and the energy: of steps, or of lines between given times."""
    if table.time[row] == 0:
        return float(abs(shape.sum()) * raster_s), float((np.abs(shape) ** 2).sum() * raster_s)
    steps = np.diff(time)
    left, right = shape[:-1], shape[1:]
    area = abs((steps * (left + right)).sum()) / 2
    squares = np.abs(left) ** 2 + (left * right.conj()).real + np.abs(right) ** 2
    return float(area), float((steps * squares).sum() / 3)


def _guess_uses(
    file: PulseqFile,
    block: Ints,
    row: Ints,
    flip: Floats,
    use: NDArray[np.str_],
) -> None:
    """Say what pulses are for where the file does not (before 1.5).

    Up to 90 degrees: excitation. More: saturation if it is off resonance without a gradient.
    Else refocusing, if something was excited and there is a readout before the next excitation,
    or none since the last; else inversion. An adiabatic pulse shows by a phase that sweeps: its
    area says little, so it counts as more than 90 degrees.
    """
    table, shapes = file.tables.rf, file.tables.shapes
    unknown = use == "u"
    sweeps = np.isin(table.phase, _sweeping(table, shapes))[row]
    shifted = (table.frequency_hz[row] != 0) & ~_has_gradient(file, block)
    use[unknown & shifted] = "s"
    unknown &= ~shifted
    small = (flip < _LARGEST_EXCITATION_DEG) & ~sweeps
    use[unknown & small] = "e"
    excited = block[use == "e"]
    readouts = np.flatnonzero(file.blocks.adc)
    bounds = np.concatenate([[0], excited, [len(file.blocks)]])
    at = np.searchsorted(excited, block)
    before, after = np.searchsorted(readouts, bounds[at]), np.searchsorted(readouts, bounds[at + 1])
    here = np.searchsorted(readouts, block)
    refocuses = (at > 0) & ((after > here) | (here == before))
    use[unknown & ~small] = np.where(refocuses, "r", "i")[unknown & ~small]


def _has_gradient(file: PulseqFile, block: Ints) -> NDArray[np.bool_]:
    blocks = file.blocks
    there: NDArray[np.bool_] = (blocks.gx[block] + blocks.gy[block] + blocks.gz[block]) > 0
    return there


def _sweeping(table: RfTable, shapes: Shapes) -> list[int]:
    """Return the phase shapes that bend, rather than jump between 0 and pi."""
    found = []
    for number in np.unique(table.phase[table.phase > 0]).tolist():
        turns = np.exp(4j * np.pi * shapes[number])
        if np.abs(turns - turns[0]).max() > 1:
            found.append(number)
    return found


@dataclass(frozen=True)
class Power:
    """B1+ and duty of the RF chain."""

    b1_rms_t: float
    b1_rms_10s_t: float
    b1_rms_6min_t: float
    peak_b1_t: float
    duty: float
    longest_s: float


def rf_power(pulses: Pulses, duration_s: float, hertz_per_tesla: float) -> Power | None:
    """Return the power, or None if there is no pulse, or no time.

    A window of 10 s or 6 min that is longer than the sequence holds all of it and nothing after
    it: that is what one run of the sequence puts in. `b1_rms_t` is what it would be if the
    sequence were repeated without a pause. The energy of a pulse counts as spread evenly over it.
    """
    if not pulses.block.size or duration_s <= 0:
        return None
    energy = float(pulses.energy.sum())
    return Power(
        b1_rms_t=np.sqrt(energy / duration_s) / hertz_per_tesla,
        b1_rms_10s_t=np.sqrt(_most_in(pulses, 10.0) / 10.0) / hertz_per_tesla,
        b1_rms_6min_t=np.sqrt(_most_in(pulses, 360.0) / 360.0) / hertz_per_tesla,
        peak_b1_t=float(pulses.peak_hz.max()) / hertz_per_tesla,
        duty=float((pulses.end_s - pulses.start_s).sum()) / duration_s,
        longest_s=float((pulses.end_s - pulses.start_s).max()),
    )


def _most_in(pulses: Pulses, window_s: float) -> float:
    """Return the most energy that any window of this length holds.

    The energy until a time is a line of corners, so the best window begins or ends at one.
    """
    times = np.stack([pulses.start_s, pulses.end_s], axis=1).ravel()
    upto = np.cumsum(pulses.energy)
    energies = np.stack([upto - pulses.energy, upto], axis=1).ravel()
    times = np.maximum.accumulate(times)

    def until(at: Floats) -> Floats:
        return np.interp(at, times, energies)

    begins = np.maximum(np.concatenate([times, times - window_s]), times[0])
    return float((until(begins + window_s) - until(begins)).max())
