"""What the coils receive from the phantom, in closed form: no grid, no interpolation.

The signal is S(k) = integral of m(r) e^{-2 pi i k r} over the slice, hence the image is the inverse
FFT. An ellipsoid meets the slice in an ellipse (w - w0)^T Q (w - w0) <= rho^2 in the plane's own
coordinates w, whose transform is (Koay et al., MRM 58:430, 2007; Van de Walle et al., IEEE TMI
19:1160, 2000)

    area * 2 J1(2 pi kappa) / (2 pi kappa) * e^{-2 pi i k w0},  kappa = rho sqrt(k^T Q^-1 k)
"""

import numpy as np
from scipy.special import j1

from scanhub_device.simulator.coils import CoilArray, Complexes
from scanhub_device.simulator.phantom import Contrast, Floats, contributions

MM2_PER_M2 = 1e6
_ORIGIN = 1e-9


class SliceSignal:
    """The thin slice through `position_m`, spanned by two unit vectors; its received signal.

    Args:
        position_m: a point of the plane, LPS [m].
        axes: (2, 3) orthogonal unit vectors that span the plane, LPS.
        contrast: weighting of the sequence.
        coils: what receives.
    """

    def __init__(
        self, position_m: Floats, axes: Floats, contrast: Contrast, coils: CoilArray
    ) -> None:
        self._position = position_m
        self._axes = axes
        self._coils = coils
        sections = [
            section
            for item, amplitude in contributions(contrast)
            if (section := _section(item.matrix, position_m - item.centre_m, axes, amplitude))
        ]
        self._strengths = np.array([strength for strength, _, _ in sections])
        self._shapes = np.array([shape for _, shape, _ in sections]).reshape(-1, 2, 2)
        self._centres = np.array([centre for _, _, centre in sections]).reshape(-1, 2)

    def at(self, k_per_m: Floats) -> Complexes:
        """Signal (coils, samples) at the points (samples, 3) of k-space, per mm of thickness."""
        shifted = k_per_m[None] - self._coils.shifts_per_m[:, None]
        return np.asarray(self._coils.weights @ self._transform(shifted), dtype=np.complex128)

    def _transform(self, k: Floats) -> Complexes:
        """Fourier transform (...) of the slice, for a uniform coil, at the points (..., 3)."""
        in_plane = k @ self._axes.T
        kappa_squared = np.einsum("...i,eij,...j->...e", in_plane, self._shapes, in_plane)
        turns = in_plane @ self._centres.T
        ellipses = self._strengths * _jinc(np.sqrt(kappa_squared)) * np.exp(-2j * np.pi * turns)
        plane = np.exp(-2j * np.pi * (k @ self._position))
        return np.asarray(ellipses.sum(axis=-1) * plane, dtype=np.complex128)


def _section(
    matrix: Floats, offset: Floats, axes: Floats, amplitude: float
) -> tuple[float, Floats, Floats] | None:
    """Strength [mm^2], rho^2 Q^-1 and centre w0 of the ellipse in the plane, if there is one."""
    q_inverse = np.asarray(np.linalg.inv(axes @ matrix @ axes.T), dtype=np.float64)
    slope = axes @ matrix @ offset
    centre = -q_inverse @ slope
    rho_squared = float(1 - offset @ matrix @ offset + slope @ q_inverse @ slope)
    if rho_squared <= 0:
        return None
    area = np.pi * rho_squared * np.sqrt(np.linalg.det(q_inverse))
    return amplitude * float(area) * MM2_PER_M2, np.asarray(rho_squared * q_inverse), centre


def _jinc(x: Floats) -> Floats:
    """J1(2 pi x) / (pi x), which is 1 at 0."""
    away = x > _ORIGIN
    safe = np.where(away, x, 1.0)
    return np.where(away, j1(2 * np.pi * safe) / (np.pi * safe), 1.0)
