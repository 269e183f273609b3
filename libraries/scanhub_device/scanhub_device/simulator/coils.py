"""Receive coils whose sensitivity is a sum of nine complex exponentials.

Coil j sits at p_j on a ring around the head (in the x-y plane; it does not depend on z) and has

    c_j(r) = e^{i phi_j} f((x - p_jx) / P) f((y - p_jy) / P),
    f(u)   = 1/2 + 0.35 e^{2 pi i u} + 0.15 e^{-2 pi i u} = 1/2 (1 + cos 2 pi u) + 0.2 i sin 2 pi u

that is: 1 at the coil, falling smoothly to 0 at the distance P/2, with a smooth phase. A factor
e^{2 pi i q r} in space is a shift by q in k-space, S(k - q), so the coils leave the signal of the
phantom in closed form. A single coil is uniform, as a body coil.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanhub_device.simulator.phantom import Floats

PERIOD_M = 0.6
RING_RADIUS_M = 0.15
_HARMONICS = (-1, 0, 1)
_AMPLITUDES = (0.15, 0.5, 0.35)

Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class CoilArray:
    """Shifts in k-space that all coils share, and how each coil weights them."""

    shifts_per_m: Floats
    """(harmonics, 3) [1/m]."""
    weights: Complexes
    """(coils, harmonics)."""

    def sensitivity(self, points_m: Floats) -> Complexes:
        """Sensitivities (coils, ...) at the points (..., 3), LPS [m]."""
        waves = np.exp(2j * np.pi * (points_m @ self.shifts_per_m.T))
        return np.asarray(np.tensordot(self.weights, waves, axes=(1, -1)), dtype=np.complex128)


def ring_of_coils(count: int) -> CoilArray:
    """The given number of coils, evenly around the head; the first at the patient's left."""
    if count == 1:
        return CoilArray(np.zeros((1, 3)), np.ones((1, 1), dtype=np.complex128))
    shifts = np.array([(a, b, 0) for a in _HARMONICS for b in _HARMONICS]) / PERIOD_M
    amplitudes = np.array([a * b for a in _AMPLITUDES for b in _AMPLITUDES])
    angles = 2 * np.pi * np.arange(count) / count
    positions = RING_RADIUS_M * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    phases = np.exp(1j * angles[:, None] - 2j * np.pi * positions @ shifts.T)
    return CoilArray(shifts, amplitudes * phases)
