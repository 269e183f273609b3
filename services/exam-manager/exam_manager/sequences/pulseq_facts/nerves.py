"""An estimate of peripheral nerve stimulation (PNS).

The model is the hyperbolic strength-duration law as a linear filter, of IEC 60601-2-33:2022
(equation AA.21) and of Schulte and Noeske (Magn Reson Med 74:518-522, 2015): with slew rate S,
chronaxie c, rheobase r, and effective coil length a,

    F(t) = integral of S(u) * c / (c + t - u)^2 du            the filtered slew rate, per axis
    PNS  = 100 % * a / r * sqrt(Fx^2 + Fy^2 + Fz^2)

so that a constant slew of duration d reaches 100 % at S = r / a * (1 + c / d). r = 20 T/s and
c = 0.36 ms are the defaults of IEC 60601-2-33 for a whole-body gradient coil; a = 0.333 m stands
for a whole-body coil of common size. The scanner's own coil decides; this is no safety check.

The kernel is a sum of decaying exponentials (the trapezoid rule on its Laplace integral, error
below 0.1 %; `fading`), so that the integral goes from corner to corner and no raster is needed.
"""

from dataclasses import dataclass

import numpy as np

from exam_manager.sequences.pulseq_facts.alike import alike
from exam_manager.sequences.pulseq_facts.fading import (
    CHRONAXIE_S,
    WEIGHTS,
    Kinds,
    begin_states,
    fade,
    follow_kinds,
    respond,
)
from exam_manager.sequences.pulseq_facts.gradients import BlockGradients
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

RHEOBASE_T_PER_S = 20.0
COIL_LENGTH_M = 0.333
MODEL = (
    f"IEC 60601-2-33 law as a linear filter: rheobase {RHEOBASE_T_PER_S:g} T/s, chronaxie "
    f"{CHRONAXIE_S * 1e3:g} ms, effective coil length {COIL_LENGTH_M:g} m (generic whole-body coil)"
)
MAX_POINTS = 5 * 10**6
_SAME_STATE = 1e-6
"""T/m. States that are closer are one: 0.005 % of the threshold."""
_SUM = np.kron(WEIGHTS[:, None], np.eye(3)).astype(np.float32)
"""Sums up the nodes of a state, axis by axis."""
_ROUNDING = 1e-5
_FIRST, _BLOCKS_AT_ONCE, _MORE = 256, 2**15, 4


@dataclass(frozen=True)
class Stimulation:
    """The largest value of the estimate."""

    percent: float
    time_s: float
    analysed_s: float
    """How much of the sequence was looked at."""
    filtered_slew: Floats
    """Largest of x, y, z, and of the vector sum [T/m/s]."""
    complete: bool
    """Whether all blocks were followed that may hold the largest value."""


def estimate_stimulation(
    gradients: BlockGradients, start_s: Floats, hertz_per_tesla: float
) -> Stimulation:
    """Follow the filter through the sequence.

    What a block adds is the same wherever its kind is played, and what came before only fades in
    it. So each kind is worked out once from rest, then what every block begins with; a block is
    followed corner by corner only if both together could exceed the largest value known, and once
    only where what it begins with is the same.
    """
    kinds = follow_kinds(gradients, 1 / hertz_per_tesla, MAX_POINTS)
    known = kinds.known[kinds.of_block]
    count = known.size if known.all() else int(np.argmin(known))
    if not count:
        return Stimulation(0.0, 0.0, 0.0, np.zeros(4), complete=False)
    states = begin_states(kinds, count)
    search = _Search(gradients, kinds, states, 1 / hertz_per_tesla)
    search.run()
    last = count - 1
    return Stimulation(
        percent=100 * COIL_LENGTH_M / RHEOBASE_T_PER_S * float(search.best[3]),
        time_s=float(start_s[search.block] + search.inside_s),
        analysed_s=float(start_s[last] + gradients.duration_s[last]),
        filtered_slew=search.best,
        complete=search.complete,
    )


class _Search:
    """Looks for the largest values of x, y, z, and of the vector sum."""

    def __init__(
        self, gradients: BlockGradients, kinds: Kinds, states: Floats, tesla_per_hertz: float
    ) -> None:
        self._gradients, self._kinds, self._states = gradients, kinds, states
        self._scale = tesla_per_hertz
        self.best = np.zeros(4)
        self.block, self.inside_s = 0, 0.0
        self.complete = True

    def run(self) -> None:
        """Begin with the blocks that may be largest; go on while one may be larger."""
        bounds = self._bounds()
        self._follow(np.unique(bounds.argmax(axis=0)))
        rest = self._different(np.flatnonzero((bounds > self.best * (1 + 1e-9)).any(axis=1)))
        rest = rest[np.argsort(-bounds[rest, 3], kind="stable")]
        size, left = _FIRST, MAX_POINTS
        while rest.size:
            now, rest = rest[:size], rest[size:]
            left -= int(self._gradients.points(now).sum())
            if left < 0:
                self.complete = False
                return
            self._follow(now)
            rest = rest[(bounds[rest] > self.best * (1 + 1e-9)).any(axis=1)]
            size = min(size * _MORE, _BLOCKS_AT_ONCE)

    def _bounds(self) -> Floats:
        """Return what no value in a block exceeds; note what blocks begin with."""
        bounds = np.empty((len(self._states), 4))
        for start in range(0, len(self._states), _BLOCKS_AT_ONCE):
            part = slice(start, start + _BLOCKS_AT_ONCE)
            states, kind = self._states[part], self._kinds.of_block[part][: len(self._states)]
            flat = states.reshape(len(states), -1)
            self._note((flat @ _SUM).astype(np.float64), start)
            most = (np.abs(flat) @ _SUM).astype(np.float64) * (1 + _ROUNDING)
            bounds[part] = _with_vector(most) + self._kinds.own_peak[kind[: len(states)]]
        return bounds

    def _note(self, values: Floats, first: int) -> None:
        sizes = _with_vector(values)
        at = int(np.argmax(sizes[:, 3]))
        if sizes[at, 3] > self.best[3]:
            self.block, self.inside_s = first + at, 0.0
        self.best = np.maximum(self.best, sizes.max(axis=0))

    def _different(self, blocks: Ints) -> Ints:
        """Return one block of each kind and state."""
        if not blocks.size:
            return blocks
        odd = np.random.default_rng(0).integers(2**62, size=self._states[0].size) | 1
        codes = np.empty(blocks.size, dtype=np.int64)
        for start in range(0, blocks.size, _BLOCKS_AT_ONCE):
            some = blocks[start : start + _BLOCKS_AT_ONCE]
            rounded = np.round(self._states[some] / _SAME_STATE).astype(np.int64)
            codes[start : start + some.size] = rounded.reshape(some.size, -1) @ odd
        first, _group = alike(self._kinds.of_block[blocks], codes)
        return blocks[first]

    def _follow(self, blocks: Ints) -> None:
        for part, corners, response in respond(self._gradients, blocks, self._scale):
            counts = np.diff(np.append(corners.begin, corners.time_s.size))
            of_corner = np.repeat(part, counts)
            sizes = _with_vector(response + fade(corners.time_s, self._states, of_corner))
            at = int(np.argmax(sizes[:, 3]))
            if sizes[at, 3] > self.best[3]:
                of_block = int(np.searchsorted(corners.begin, at, side="right")) - 1
                self.block, self.inside_s = int(part[of_block]), float(corners.time_s[at])
            self.best = np.maximum(self.best, sizes.max(axis=0))


def _with_vector(values: Floats) -> Floats:
    """Return the sizes of x, y, z, and of their vector."""
    vector = np.sqrt((values * values).sum(axis=1))
    return np.concatenate([np.abs(values), vector[:, None]], axis=1)
