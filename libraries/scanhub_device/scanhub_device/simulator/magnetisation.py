"""How strong each tissue is in each readout: the magnetisation followed from pulse to pulse.

Between pulses the longitudinal magnetisation recovers with T1. A pulse of angle a leaves cos a of
it; an excitation turns sin a of it into signal, a refocusing pulse keeps sin^2(a/2) of the signal.
What is left of the signal at the next excitation is taken as spoiled. This is exact for ideal
spoiling and an ideal slice profile (Bernstein et al., Handbook of MRI Pulse Sequences, 2004,
sections 14.1 and 16).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from scanhub_device.simulator.phantom import PHANTOM, T2_PRIME_S, Floats

T1_S = np.array([item.t1_s for item in PHANTOM])
T2_S = np.array([item.t2_s for item in PHANTOM])
DENSITY = np.array([item.proton_density for item in PHANTOM])
_NAMES = [item.name for item in PHANTOM]
_PARENT = [_NAMES.index(item.parent) if item.parent else -1 for item in PHANTOM]


class Role(Enum):
    """What an RF pulse is for."""

    EXCITATION = "excitation"
    REFOCUSING = "refocusing"
    INVERSION = "inversion"


@dataclass(frozen=True, slots=True)
class Pulse:
    """One RF pulse as the magnetisation feels it."""

    time_s: float
    flip_rad: float
    role: Role
    slice: int | None
    """The slice that it reaches; None: all."""


@dataclass(frozen=True, slots=True)
class Echo:
    """When a readout passes the centre of k-space along the readout."""

    pulse: int
    """Its excitation, as an index into the pulses."""
    after_s: float
    """Since the excitation [s]."""
    refocused_s: float | None = None
    """From the excitation to the refocusing pulse [s]; None: a gradient echo."""


def signals(
    pulses: Sequence[Pulse], echoes: Sequence[Echo], *, steady: bool, transmit: float = 1.0
) -> Floats:
    """Signal (readouts, tissues) of each tissue of the phantom, in units of its proton density.

    Args:
        pulses: all pulses in order of time.
        echoes: the readouts.
        steady: whether the sequence has run for long when it begins; else all is relaxed.
        transmit: angle that a pulse really has over the angle that it should have.
    """
    levels = _levels(pulses, steady=steady, transmit=transmit)
    found = np.stack([levels[echo.pulse] * _decay(echo) for echo in echoes]) * DENSITY
    return np.asarray(found, dtype=np.float64)


def over_parent(signal: Floats) -> Floats:
    """Signal (..., tissues) of each tissue minus that of the tissue it replaces."""
    parent = np.concatenate([signal, np.zeros((*signal.shape[:-1], 1))], axis=-1)
    return np.asarray(signal - parent[..., _PARENT])


def _decay(echo: Echo) -> Floats:
    """Inhomogeneity is undone at twice the time of the refocusing pulse, T2 is not."""
    dephasing = abs(echo.after_s - 2 * (echo.refocused_s or 0.0))
    return np.asarray(np.exp(-echo.after_s / T2_S - dephasing / T2_PRIME_S))


def _levels(pulses: Sequence[Pulse], *, steady: bool, transmit: float) -> dict[int, Floats]:
    """Transverse magnetisation after each excitation, by the index of its pulse."""
    levels: dict[int, Floats] = {}
    for place in sorted({p.slice for p in pulses if p.slice is not None}) or [0]:
        reached = [n for n, pulse in enumerate(pulses) if pulse.slice in (None, place)]
        begin = _steady_state(pulses, reached, transmit) if steady else np.ones_like(T1_S)
        _follow(pulses, reached, begin, transmit=transmit, levels=levels)
    return levels


def _follow(
    pulses: Sequence[Pulse],
    reached: list[int],
    longitudinal: Floats,
    *,
    transmit: float,
    levels: dict[int, Floats],
) -> Floats:
    """Go through the pulses, keep the levels, return what is left after the last one."""
    excitation, time_s = -1, pulses[reached[0]].time_s
    for number in reached:
        pulse = pulses[number]
        kept = np.exp(-(pulse.time_s - time_s) / T1_S)
        longitudinal = 1 - (1 - longitudinal) * kept
        angle, time_s = pulse.flip_rad * transmit, pulse.time_s
        if pulse.role is Role.EXCITATION:
            excitation = number
            levels[number] = longitudinal * np.sin(angle)
        elif pulse.role is Role.REFOCUSING:
            levels[excitation] = levels[excitation] * np.sin(angle / 2) ** 2
        longitudinal = longitudinal * np.cos(angle)
    return longitudinal


def _steady_state(pulses: Sequence[Pulse], reached: list[int], transmit: float) -> Floats:
    """What the first excitation finds after many repetitions like the last one."""
    starts = [n for n in reached if pulses[n].role is Role.EXCITATION]
    if len(starts) < 2:  # noqa: PLR2004 - there is no repetition
        return np.ones_like(T1_S)
    period = [n for n in reached if starts[-2] <= n < starts[-1]]
    rest_s = pulses[starts[-1]].time_s - pulses[period[-1]].time_s
    ends = [
        1
        - (1 - _follow(pulses, period, np.full_like(T1_S, begin), transmit=transmit, levels={}))
        * np.exp(-rest_s / T1_S)
        for begin in (0.0, 1.0)
    ]
    return np.asarray(ends[0] / (1 - (ends[1] - ends[0])))
