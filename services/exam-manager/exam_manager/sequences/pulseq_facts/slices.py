"""Which slice each excitation excites: by its gradient and its frequency."""

from dataclasses import dataclass

import numpy as np

from exam_manager.sequences.pulseq_facts.alike import alike
from exam_manager.sequences.pulseq_facts.gradients import BlockGradients
from exam_manager.sequences.pulseq_facts.pulses import Pulses
from exam_manager.sequences.pulseq_file.model import PulseqFile
from exam_manager.sequences.pulseq_file.sections import Ints

_SAME_M = 1e-5
_SAME_DIRECTION = 1e-3
_WEAK = 1e-9


@dataclass(frozen=True)
class Slices:
    """Slices, and planes: slices that are parallel."""

    of_excitation: Ints
    """For each pulse that excites."""
    plane_of_pulse: Ints
    """For each pulse of the sequence; -1 where it does not excite."""
    count: int


def find_slices(file: PulseqFile, gradients: BlockGradients, pulses: Pulses) -> Slices:
    """Tell slices apart by direction and strength of the gradient at the centre of the pulse.

    The slice lies where the gradient makes up for the frequency offset. A gradient turned around,
    with the frequency, is the same slice.
    """
    excites = np.flatnonzero(pulses.of("e"))
    blocks, rows = pulses.block[excites], pulses.row[excites]
    first, group = alike(gradients.kinds[1][blocks], rows)
    inside = pulses.center_s[excites[first]] - file.blocks.start_s[blocks[first]]
    value = gradients.value(blocks[first], inside)
    strength = np.sqrt((value * value).sum(axis=1))
    there = strength > _WEAK
    direction = np.divide(value, strength[:, None], out=np.zeros_like(value), where=there[:, None])
    largest = np.take_along_axis(direction, np.abs(direction).argmax(axis=1)[:, None], axis=1)
    sign = np.where(largest < 0, -1.0, 1.0)
    offset = file.tables.rf.frequency_hz[rows[first]]
    position = np.divide(offset, strength, out=np.zeros_like(offset), where=there) * sign[:, 0]
    steps = np.round(direction * sign / _SAME_DIRECTION).astype(np.int64)
    _planes, plane = alike(*steps.T)
    _slices, number = alike(plane, np.round(position / _SAME_M).astype(np.int64))
    plane_of_pulse = np.full(pulses.block.size, -1)
    plane_of_pulse[excites] = plane[group]
    return Slices(number[group], plane_of_pulse, int(number.max()) + 1)
