"""Where each readout is in k-space, counted from the excitation before it."""

from dataclasses import dataclass

import numpy as np

from exam_manager.sequences.pulseq_facts.alike import alike
from exam_manager.sequences.pulseq_facts.gradients import BlockGradients
from exam_manager.sequences.pulseq_facts.pulses import Pulses
from exam_manager.sequences.pulseq_file.model import PulseqFile
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

COARSE = 17
"""Samples of a readout that are looked at first."""
SAME_K = 1e-3
"""k [1/m]: a kilometre wide. What is closer is one place."""
_PATHS_AT_ONCE = 2**16


@dataclass(frozen=True)
class Readouts:
    """The readouts that follow an excitation."""

    block: Ints
    row: Ints
    excitation: Ints
    """Which pulse excited it."""
    train: Ints
    """Equal for readouts between the same two pulses that excite or refocus."""
    offset: Floats
    """(readouts, 3): what to add to the area since the start of the sequence [1/m]."""


class KSpace:
    """k-space as the gradients and the RF pulses make it: refocusing turns it around."""

    def __init__(self, file: PulseqFile, gradients: BlockGradients, pulses: Pulses) -> None:
        self._file, self.gradients = file, gradients
        self._total = gradients.total()
        self.readouts = self._find(pulses)
        self.different, self.group = self._group()

    def _group(self) -> tuple[Ints, Ints]:
        """Return one readout of each path through k-space, and the path of every readout."""
        blocks = self.readouts.block
        if not blocks.size:
            return blocks, blocks
        kind = self.gradients.kinds[1][blocks]
        start = np.round((self._total[blocks] + self.readouts.offset) / SAME_K).astype(np.int64)
        return alike(kind, self.readouts.row, *start.T)

    def _area_at(self, blocks: Ints, time_s: Floats) -> Floats:
        """Return the area since the start of the sequence at times in blocks."""
        return self._total[blocks][:, None] + self.gradients.moment(blocks, time_s)

    def _find(self, pulses: Pulses) -> Readouts:
        """Follow the pulses: excitation starts at 0, refocusing changes the sign.

        With area M, k is M + c. An excitation sets c = -M; a refocusing pulse makes c to -2 M - c,
        which (-1)^j c turns into a running sum.
        """
        acting = np.flatnonzero(pulses.of("er"))
        blocks = np.flatnonzero(self._file.blocks.adc)
        order = np.searchsorted(pulses.block[acting], blocks)  # pulses before each readout
        excites = pulses.use[acting] == "e"
        last = np.maximum.accumulate(np.where(excites, np.arange(acting.size), -1))
        has = order > 0
        has[has] = last[order[has] - 1] >= 0
        blocks, at = blocks[has], order[has] - 1
        rows = self._file.adcs.rows(self._file.blocks.adc[blocks]) if blocks.size else blocks
        if not blocks.size:
            return Readouts(blocks, rows, blocks, blocks, np.empty((0, 3)))
        places = pulses.block[acting]
        inside = pulses.center_s[acting] - self._file.blocks.start_s[places]
        kind = self.gradients.kinds[1][places]
        first, same = alike(kind, pulses.row[acting])
        moments = self.gradients.moment(places[first], inside[first][:, None])[:, 0]
        area = self._total[places] + moments[same]
        sign = np.where(np.arange(acting.size) % 2 == 0, 1.0, -1.0)[:, None]
        upto = np.cumsum(np.where(excites[:, None], 0.0, -2 * sign * area), axis=0)
        begin = np.maximum(last, 0)
        value = sign * ((-sign * area - upto)[begin] + upto)
        return Readouts(blocks, rows, acting[last[at]], at, value[at])

    def samples(self, which: Ints) -> Ints:
        """Return how many samples readouts have."""
        return self._file.tables.adcs.samples[self.readouts.row[which]]

    def dwell_s(self, which: Ints) -> Floats:
        """Return the time between two samples of readouts."""
        return self._file.tables.adcs.dwell_s[self.readouts.row[which]]

    def sample_times(self, which: Ints, samples: int) -> Floats:
        """Return when some samples of readouts are taken, from the start of their block.

        Args:
            which: Places in the readouts.
            samples: How many, evenly spread from the first to the last.
        """
        table = self._file.tables.adcs
        rows = self.readouts.row[which]
        spread = np.linspace(0, 1, samples)[None]
        number = np.round(spread * np.maximum(table.samples[rows] - 1, 0)[:, None])
        times: Floats = table.delay_s[rows][:, None] + (number + 0.5) * table.dwell_s[rows][:, None]
        return times

    def positions(self, which: Ints, time_s: Floats) -> Floats:
        """Return k (readouts, times, 3) [1/m]."""
        blocks = self.readouts.block[which]
        return self._area_at(blocks, time_s) + self.readouts.offset[which][:, None]

    def paths(self, which: Ints) -> Floats:
        """Return a few points along readouts (readouts, COARSE, 3) [1/m]."""
        parts = [
            self.positions(part, self.sample_times(part, COARSE))
            for part in np.split(which, range(_PATHS_AT_ONCE, which.size, _PATHS_AT_ONCE))
        ]
        return np.concatenate(parts)


def distance(k: Floats) -> Floats:
    """Return how near to 0 each path of straight pieces comes."""
    step = np.diff(k, axis=1)
    length = (step * step).sum(axis=2)
    along = np.divide(
        -(k[:, :-1] * step).sum(axis=2), length, out=np.zeros_like(length), where=length > 0
    )
    point = k[:, :-1] + np.clip(along, 0, 1)[..., None] * step
    found: Floats = np.sqrt((point * point).sum(axis=2).min(axis=1))
    return found
