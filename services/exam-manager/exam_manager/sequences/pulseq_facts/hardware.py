"""What a sequence asks of the gradient amplifiers: peaks, slew rates, and jumps between blocks."""

from dataclasses import dataclass

import numpy as np

from exam_manager.sequences.pulseq_facts.gradients import SAME_TIME_S, BlockGradients
from exam_manager.sequences.pulseq_file.sections import Floats, Ints


@dataclass(frozen=True)
class GradientLoad:
    """Largest values over the sequence, and what stands at the borders of the blocks."""

    peak: Floats
    """Per axis, then of the vector sum [Hz/m]."""
    slew: Floats
    """Per axis, then of the vector sum [Hz/m/s]."""
    jump: Floats
    """From the end of each block to the start of the next, the last to zero (blocks, 3) [Hz/m]."""
    start: Floats
    """From zero to the start of the first block (3) [Hz/m]."""


def gradient_load(gradients: BlockGradients, raster_s: float) -> GradientLoad:
    """Return the load. A jump between two blocks counts as a ramp of one raster step.

    On a straight line between two corners the slew is constant and the length of the vector is
    convex, so the largest values are found at the corners alone.
    """
    examples, kind = gradients.kinds
    first, last = np.empty((examples.size, 3)), np.empty((examples.size, 3))
    peak, slew = np.zeros(4), np.zeros(4)
    done = 0
    for blocks, corners in gradients.parts(examples):
        ends = np.append(corners.begin[1:], corners.time_s.size) - 1
        first[done : done + blocks.size] = corners.value[corners.begin]
        last[done : done + blocks.size] = corners.value[ends]
        done += blocks.size
        peak = np.maximum(peak, _largest(corners.value))
        steps = np.diff(corners.time_s)
        rises = np.diff(corners.value, axis=0)
        inside = steps > SAME_TIME_S
        inside[ends[:-1]] = False
        slew = np.maximum(slew, _largest(rises[inside] / steps[inside][:, None]))
    jump = np.concatenate([first[kind[1:]], np.zeros((1, 3))]) - last[kind]
    start = first[kind[0]]
    at_borders = np.concatenate([jump, start[None]]) / raster_s
    return GradientLoad(peak, np.maximum(slew, _largest(at_borders)), jump, start)


def _largest(values: Floats) -> Floats:
    """Return the largest size per axis and of the vector."""
    if not len(values):
        return np.zeros(4)
    vector = np.sqrt((values * values).sum(axis=1).max())
    return np.append(np.abs(values).max(axis=0), vector)


def all_blocks(gradients: BlockGradients) -> Ints:
    """Return the places of all blocks."""
    return np.arange(gradients.duration_s.size)
