"""An estimate of peripheral nerve stimulation (PNS).

The model is the hyperbolic strength-duration law as a linear filter, of IEC 60601-2-33:2022
(equation AA.21) and of Schulte and Noeske (Magn Reson Med 74:518-522, 2015): with slew rate S,
chronaxie c, rheobase r, and effective coil length a,

    R(t) = a / r * integral of S(u) * c / (c + t - u)^2 du
    PNS  = 100 % * sqrt(Rx^2 + Ry^2 + Rz^2)

so that a constant slew of duration d reaches 100 % at S = r / a * (1 + c / d). r = 20 T/s and
c = 0.36 ms are the defaults of IEC 60601-2-33 for a whole-body gradient coil; a = 0.333 m stands
for a whole-body coil of common size. The scanner's own coil decides; this is no safety check.

The kernel is a sum of decaying exponentials (the trapezoid rule on its Laplace integral, error
below 0.1 %), so that the integral goes from corner to corner and no raster is needed.
"""

from dataclasses import dataclass

import numpy as np

from exam_manager.sequences.pulseq_facts.gradients import SAME_TIME_S, BlockGradients
from exam_manager.sequences.pulseq_facts.hardware import all_blocks
from exam_manager.sequences.pulseq_file.sections import Floats

RHEOBASE_T_PER_S = 20.0
CHRONAXIE_S = 0.36e-3
COIL_LENGTH_M = 0.333
MODEL = (
    f"IEC 60601-2-33 law as a linear filter: rheobase {RHEOBASE_T_PER_S:g} T/s, chronaxie "
    f"{CHRONAXIE_S * 1e3:g} ms, effective coil length {COIL_LENGTH_M:g} m (generic whole-body coil)"
)
MAX_POINTS = 3 * 10**7
_STEP = 2 / 3
_NODES = np.arange(-6.0, 3.1, _STEP)
_RATES = np.exp(_NODES) / CHRONAXIE_S
_WEIGHTS = _STEP * np.exp(2 * _NODES - np.exp(_NODES)) / CHRONAXIE_S
_ROWS = 256


@dataclass(frozen=True)
class Stimulation:
    """The largest value of the estimate."""

    percent: float
    time_s: float
    analysed_s: float
    """How much of the sequence was looked at."""


def estimate_stimulation(
    gradients: BlockGradients, start_s: Floats, hertz_per_tesla: float
) -> Stimulation:
    """Follow the filter through the sequence."""
    blocks = all_blocks(gradients)
    blocks = blocks[: int(np.searchsorted(np.cumsum(gradients.points(blocks)), MAX_POINTS)) + 1]
    scale = COIL_LENGTH_M / RHEOBASE_T_PER_S / hertz_per_tesla
    state = np.zeros((_RATES.size, 3))
    end_s, end_value = 0.0, np.zeros(3)
    best, best_at = 0.0, 0.0
    for part, corners in gradients.parts(blocks):
        counts = np.diff(np.append(corners.begin, corners.time_s.size))
        time = np.concatenate([[end_s], corners.time_s + np.repeat(start_s[part], counts)])
        value = np.concatenate([end_value[None], corners.value * scale])
        steps, rises = np.diff(time), np.diff(value, axis=0)
        keep = (steps > SAME_TIME_S) | rises.any(axis=1)
        end_s, end_value = float(time[-1]), value[-1]
        if not keep.any():
            continue
        at = time[1:][keep]
        before = np.concatenate([[time[0]], at[:-1]])
        response, state = _follow(np.maximum(at - before, 0.0), rises[keep], state)
        size = np.sqrt((response * response).sum(axis=1))
        top = int(np.argmax(size))
        if size[top] > best:
            best, best_at = float(size[top]), float(at[top])
    last = int(blocks[-1])
    return Stimulation(100 * best, best_at, float(start_s[last] + gradients.duration_s[last]))


def _follow(steps: Floats, rises: Floats, state: Floats) -> tuple[Floats, Floats]:
    """Return the response after each step, and the state at the end.

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
    own = np.zeros((rows, _RATES.size, 3))
    for column in range(length):
        x = padded[:, column, None] * _RATES
        decay = np.exp(-x)
        gain = np.divide(1 - decay, x, out=np.ones_like(x), where=x > SAME_TIME_S)
        own = own * decay[..., None] + gain[..., None] * inputs[:, column, None, :]
        response[:, column] = np.einsum("k,rkc->rc", _WEIGHTS, own)
    since = np.cumsum(padded, axis=1)
    inherited = np.empty_like(own)
    for row in range(rows):
        inherited[row] = state
        state = own[row] + state * np.exp(-since[row, -1] * _RATES)[:, None]
    for node, (rate, weight) in enumerate(zip(_RATES, _WEIGHTS, strict=True)):
        fading = weight * np.exp(-since * rate)
        response += fading[..., None] * inherited[:, node][:, None, :]
    return response.reshape(-1, 3)[:count], state
