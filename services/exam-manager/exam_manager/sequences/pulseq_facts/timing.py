"""Faults of timing: events off the raster, longer than their block, too close to its ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_facts.hardware import GradientLoad
from exam_manager.sequences.pulseq_file.model import AXES, PulseqFile, Trigger
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

MOST_SHOWN = 100
_TOLERANCE = 1e-3
"""Of a raster step."""
_EPS_S = 1e-9
_SMALL = 1e-6
"""Of the largest gradient: a jump that is none."""


@dataclass(frozen=True)
class Fault:
    """Something wrong, in one block or many."""

    event: str
    message: str
    blocks: Ints
    """Places in the table of blocks."""


def timing_faults(file: PulseqFile, load: GradientLoad) -> list[Fault]:
    """Return all faults of timing."""
    faults = [
        *_block_faults(file),
        *_rf_faults(file),
        *_gradient_faults(file),
        *_adc_faults(file),
        *_trigger_faults(file),
        *_jumps(load),
    ]
    return [fault for fault in faults if fault.blocks.size]


def _off(values: Floats, raster_s: float) -> NDArray[np.bool_]:
    """Return what is no multiple of a raster."""
    steps = values / raster_s
    off: NDArray[np.bool_] = np.abs(steps - np.round(steps)) > _TOLERANCE
    return off


def _limit(file: PulseqFile, name: str) -> float:
    """Return a limit of the hardware that the definitions give [s], else 0."""
    for key, value in file.definitions.items():
        if key.replace("_", "").lower() == name and isinstance(value, float):
            return value
    return 0.0


def _block_faults(file: PulseqFile) -> list[Fault]:
    off = _off(file.blocks.duration_s, file.rasters.block_duration_s)
    return [Fault("block", "duration is off the block raster", np.flatnonzero(off))]


def _rf_faults(file: PulseqFile) -> list[Fault]:
    blocks = file.blocks
    used = np.flatnonzero(blocks.rf)
    if not used.size:
        return []
    rows, table = file.rf.rows(blocks.rf[used]), file.tables.rf
    raster = file.rasters.rf_s
    _keys, first, inverse = np.unique(
        np.stack([table.magnitude, table.time]), axis=1, return_index=True, return_inverse=True
    )
    lengths = np.array([_rf_length(file, row) for row in first.tolist()])[inverse.ravel()]
    end = (table.delay_s + lengths)[rows]
    limits = blocks.duration_s[used]
    ringdown, dead = _limit(file, "rfringdowntime"), _limit(file, "rfdeadtime")
    late = end > limits + _EPS_S
    return [
        Fault("rf", "delay is off the RF raster", used[_off(table.delay_s, raster)[rows]]),
        Fault("rf", "length is off the RF raster", used[_off(lengths, raster)[rows]]),
        Fault("rf", "pulse is longer than its block", used[late]),
        Fault(
            "rf",
            f"the block ends before the ringdown of {ringdown:g} s is over",
            used[~late & (end + ringdown > limits + _EPS_S)],
        ),
        Fault(
            "rf",
            f"delay is shorter than the dead time of {dead:g} s",
            used[table.delay_s[rows] < dead - _EPS_S],
        ),
    ]


def _rf_length(file: PulseqFile, row: int) -> float:
    table = file.tables.rf
    if table.time[row]:
        return float(file.tables.shapes[int(table.time[row])][-1]) * file.rasters.rf_s
    return file.tables.shapes[int(table.magnitude[row])].size * file.rasters.rf_s


def _gradient_faults(file: PulseqFile) -> list[Fault]:
    table, raster, faults = file.tables.gradients, file.rasters.gradient_s, []
    end = table.delay_s + table.rise_s + table.flat_s + table.fall_s
    for row in np.flatnonzero(~table.trapezoid).tolist():
        end[row] = file.gradients[int(table.numbers[row])].end_s
    steep = table.trapezoid & (table.amplitude != 0) & ((table.rise_s == 0) | (table.fall_s == 0))
    inside = ~table.trapezoid & (table.delay_s > 0) & (table.first != 0) & (table.time <= 0)
    checks = [
        ("delay is off the gradient raster", _off(table.delay_s, raster)),
        ("rise time is off the gradient raster", _off(table.rise_s, raster)),
        ("flat time is off the gradient raster", _off(table.flat_s, raster)),
        ("fall time is off the gradient raster", _off(table.fall_s, raster)),
        ("length is off the gradient raster", ~table.trapezoid & _off(end, raster)),
        ("a ramp takes no time", steep),
        ("starts after its delay at a value that is not 0", inside),
    ]
    for axis, name in enumerate(AXES):
        used = np.flatnonzero(file.blocks.gradient(axis))
        if not used.size:
            continue
        rows = file.gradients.rows(file.blocks.gradient(axis)[used])
        late = end[rows] > file.blocks.duration_s[used] + _EPS_S
        faults.append(Fault(name, "gradient is longer than its block", used[late]))
        faults += [Fault(name, message, used[wrong[rows]]) for message, wrong in checks]
    return faults


def _adc_faults(file: PulseqFile) -> list[Fault]:
    used = np.flatnonzero(file.blocks.adc)
    if not used.size:
        return []
    table, dead = file.tables.adcs, _limit(file, "adcdeadtime")
    rows = file.adcs.rows(file.blocks.adc[used])
    end = (table.delay_s + table.samples * table.dwell_s)[rows]
    limits = file.blocks.duration_s[used]
    late = end > limits + _EPS_S
    empty = (table.samples == 0) | (table.dwell_s == 0)
    return [
        Fault(
            "adc", "delay is off the RF raster", used[_off(table.delay_s, file.rasters.rf_s)[rows]]
        ),
        Fault(
            "adc",
            "dwell time is off the ADC raster",
            used[_off(table.dwell_s, file.rasters.adc_s)[rows]],
        ),
        Fault("adc", "has no samples or no dwell time", used[empty[rows]]),
        Fault("adc", "readout is longer than its block", used[late]),
        Fault(
            "adc",
            f"the block ends before the dead time of {dead:g} s is over",
            used[~late & (end + dead > limits + _EPS_S)],
        ),
        Fault(
            "adc",
            f"delay is shorter than the dead time of {dead:g} s",
            used[table.delay_s[rows] < dead - _EPS_S],
        ),
    ]


def _trigger_faults(file: PulseqFile) -> list[Fault]:
    numbers, inverse = np.unique(file.blocks.extension, return_inverse=True)
    ends = np.zeros(numbers.size)
    for at, number in enumerate(numbers.tolist()):
        for event in file.extensions(number):
            if isinstance(event, Trigger):
                ends[at] = max(ends[at], event.delay_s + event.duration_s)
    late = ends[inverse] > file.blocks.duration_s + _EPS_S
    return [Fault("trigger", "trigger is longer than its block", np.flatnonzero(late))]


def _jumps(load: GradientLoad) -> list[Fault]:
    """A gradient must start where the last block left off, and all end at 0."""
    small = max(_SMALL * float(load.peak[3]), 1e-9)
    faults = []
    for axis, name in enumerate(AXES):
        jump = np.abs(load.jump[:, axis])
        places = np.flatnonzero(jump[:-1] > small) + 1
        if abs(load.start[axis]) > small:
            places = np.concatenate([[0], places])
        faults.append(Fault(name, "does not start where the last block left off", places))
        last = np.array([jump.size - 1] if jump[-1] > small else [], dtype=np.int64)
        faults.append(Fault(name, "does not end at 0 at the end of the sequence", last))
    return faults
