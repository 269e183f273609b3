"""A filter that fades by a power law, as a sum of exponentials that go from corner to corner."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_facts.gradients import SAME_TIME_S, BlockGradients, Corners
from exam_manager.sequences.pulseq_file.sections import Floats, Ints

CHRONAXIE_S = 0.36e-3
_STEP = 2 / 3
_NODES = np.arange(-6.0, 3.1, _STEP)
RATES = np.exp(_NODES) / CHRONAXIE_S
WEIGHTS = _STEP * np.exp(2 * _NODES - np.exp(_NODES)) / CHRONAXIE_S
_ROWS, _BLOCK_ROWS = 256, 1024
_FORGOTTEN_S = 1e6
"""After so long nothing is left of what was before."""
_PIECE = 2**14


@dataclass(frozen=True)
class Kinds:
    """What each kind of block does to the filter."""

    of_block: Ints
    known: NDArray[np.bool_]
    """Kinds that were followed; the others are too much."""
    own_peak: Floats
    """(kinds, 4): largest response from rest, of x, y, z, and the vector [T/m/s]."""
    end_state: Floats
    """(kinds, nodes, 3): from rest [T/m]."""
    decay: Floats
    """(kinds, nodes)."""
    first: Floats
    """(kinds, 3): gradient at the start [T/m]."""
    last: Floats


def follow_kinds(gradients: BlockGradients, tesla_per_hertz: float, most_points: int) -> Kinds:
    """Follow one block of each kind from rest, as long as they have not too many corners."""
    examples, kind = gradients.kinds
    count = examples.size
    known = np.cumsum(gradients.points(examples)) <= most_points
    peak, first, last = np.zeros((count, 4)), np.zeros((count, 3)), np.zeros((count, 3))
    states, done = np.zeros((count, RATES.size, 3)), 0
    for blocks, corners in gradients.parts(examples[known]):
        here = slice(done, done + blocks.size)
        ends = np.append(corners.begin[1:], corners.time_s.size) - 1
        first[here] = corners.value[corners.begin] * tesla_per_hertz
        last[here] = corners.value[ends] * tesla_per_hertz
        response, states[here] = _from_rest(corners, tesla_per_hertz, ends)
        size = np.sqrt((response * response).sum(axis=1))
        sizes = np.concatenate([np.abs(response), size[:, None]], axis=1)
        peak[here] = np.maximum.reduceat(sizes, corners.begin)
        done += blocks.size
    decay = np.exp(-gradients.duration_s[examples][:, None] * RATES)
    return Kinds(kind, known, peak, states, decay, first, last)


def respond(
    gradients: BlockGradients, blocks: Ints, tesla_per_hertz: float
) -> Iterator[tuple[Ints, Corners, Floats]]:
    """Yield some blocks at a time, their corners, and the response from rest at these."""
    for part, corners in gradients.parts(blocks):
        yield part, corners, _from_rest(corners, tesla_per_hertz, corners.begin)[0]


def _from_rest(corners: Corners, tesla_per_hertz: float, ends: Ints) -> tuple[Floats, Floats]:
    """Return the response at each corner and the state at some; every block begins at rest."""
    steps = np.diff(corners.time_s, prepend=0.0)
    rises = np.diff(corners.value, axis=0, prepend=np.zeros((1, 3))) * tesla_per_hertz
    steps[corners.begin] = _FORGOTTEN_S
    rises[corners.begin] = 0.0
    return follow(np.maximum(steps, 0.0), rises, ends)


def fade(time_s: Floats, states: Floats, of_corner: Ints) -> Floats:
    """Return what is left at corners of the states that their blocks began with (corners, 3)."""
    left = np.empty((time_s.size, 3))
    for start in range(0, time_s.size, _PIECE):
        here = slice(start, start + _PIECE)
        weights = WEIGHTS * np.exp(-time_s[here, None] * RATES)
        left[here] = np.einsum("nk,nkc->nc", weights, states[of_corner[here]])
    return left


def begin_states(kinds: Kinds, count: int) -> Floats:
    """Return the state at the start of the first blocks, after the jump to their first value.

    Rows of blocks run side by side, first from rest, then with what each row inherits.
    """
    rows = max(1, min(_BLOCK_ROWS, count))
    length = -(-count // rows)
    nothing = np.int64(len(kinds.decay))  # a kind that fills up the last row
    order = np.concatenate([kinds.of_block[:count], np.full(rows * length - count, nothing)])
    kind = order.reshape(rows, length)
    before = np.append(nothing, order[:-1]).reshape(rows, length)
    decay = np.concatenate([kinds.decay, np.ones((1, RATES.size))])
    end = np.concatenate([kinds.end_state, np.zeros((1, RATES.size, 3))])
    first, last = (np.concatenate([side, np.zeros((1, 3))]) for side in (kinds.first, kinds.last))
    state = np.zeros((rows, RATES.size, 3))
    kept = np.ones((rows, RATES.size))
    states = np.empty((rows, length, RATES.size, 3), dtype=np.float32)
    for attempt in range(2):
        for column in range(length):
            now = kind[:, column]
            state += (first[now] - last[before[:, column]])[:, None]
            if attempt:
                states[:, column] = state
            else:
                kept *= decay[now]
            state *= decay[now][..., None]
            state += end[now]
        if not attempt:
            state = _inherited(state, kept)
    found: Floats = states.reshape(-1, RATES.size, 3)[:count]
    return found


def _inherited(own: Floats, kept: Floats) -> Floats:
    """Return what each row begins with, from what each row alone ends with."""
    begin = np.zeros_like(own)
    for row in range(1, len(own)):
        begin[row] = own[row - 1] + begin[row - 1] * kept[row - 1][:, None]
    return begin


def follow(steps: Floats, rises: Floats, ends: Ints) -> tuple[Floats, Floats]:
    """Return the response after each step, and the states after some, in their order.

    The recursion runs through many rows side by side, each from rest; what a row inherits from
    those before it is added afterwards.
    """
    count = steps.size
    rows = min(_ROWS, count)
    length = -(-count // rows)
    padded = np.append(steps, np.zeros(rows * length - count)).reshape(rows, length)
    rest = np.zeros((rows * length - count, 3))
    inputs = np.concatenate([rises, rest]).reshape(rows, length, 3)
    response = np.empty((rows, length, 3))
    own = np.zeros((rows, RATES.size, 3))
    states = np.zeros((ends.size, RATES.size, 3))
    of_column = np.argsort(ends % length, kind="stable")
    upto = np.searchsorted((ends % length)[of_column], np.arange(length + 1))
    for column in range(length):
        x = padded[:, column, None] * RATES
        decay = np.exp(-x)
        gain = np.divide(1 - decay, x, out=np.ones_like(x), where=x > SAME_TIME_S)
        own = own * decay[..., None] + gain[..., None] * inputs[:, column, None, :]
        response[:, column] = np.einsum("k,rkc->rc", WEIGHTS, own)
        here = of_column[upto[column] : upto[column + 1]]
        states[here] = own[ends[here] // length]
    since = np.cumsum(padded, axis=1)
    inherited = _inherited(own, np.exp(-since[:, -1, None] * RATES))
    for node, (rate, weight) in enumerate(zip(RATES, WEIGHTS, strict=True)):
        left = np.exp(-since * rate)
        response += (weight * left)[..., None] * inherited[:, node][:, None, :]
        states[:, node] += left.ravel()[ends][:, None] * inherited[ends // length, node]
    return response.reshape(-1, 3)[:count], states
