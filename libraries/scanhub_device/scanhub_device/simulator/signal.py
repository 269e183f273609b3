"""What the coils receive from the phantom, in closed form: no grid, no interpolation.

The signal is S(k) = integral of m(r) e^{-2 pi i k r}, hence the image is the inverse FFT. An
ellipsoid meets a thin slice in an ellipse (w - w0)^T Q (w - w0) <= rho^2 in the plane's own
coordinates w, whose transform is (Koay et al., MRM 58:430, 2007; Van de Walle et al., IEEE TMI
19:1160, 2000)

    area * 2 J1(2 pi kappa) / (2 pi kappa) * e^{-2 pi i k w0},  kappa = rho sqrt(k^T Q^-1 k)

and the transform of the whole ellipsoid (r - c)^T A (r - c) <= 1 is

    volume * 3 (sin x - x cos x) / x^3 * e^{-2 pi i k c},  x = 2 pi sqrt(k^T A^-1 k)
"""

from typing import Protocol

import numpy as np
from scipy.special import j1

from scanhub_device.simulator.coils import CoilArray, Complexes
from scanhub_device.simulator.phantom import PHANTOM, Ellipsoid, Floats

MM2_PER_M2 = 1e6
MM3_PER_M3 = 1e9
_ORIGIN = 1e-9
_SMALL = 1e-2


class Signal(Protocol):
    """What is excited, and what is received from it."""

    def at(self, k_per_m: Floats, weights: Floats) -> Complexes:
        """Signal (coils, samples) at the points (samples, 3) of k-space.

        Args:
            k_per_m: the points [1/m].
            weights: of each tissue, minus that of the tissue it replaces.
        """
        ...


class SliceSignal:
    """The thin slice through `position_m`, spanned by two unit vectors; its received signal.

    Args:
        position_m: a point of the plane, LPS [m].
        axes: (2, 3) orthogonal unit vectors that span the plane, LPS.
        thickness_m: the slice dephases along it, as if it were alike throughout.
        coils: what receives.
    """

    def __init__(
        self, position_m: Floats, axes: Floats, thickness_m: float, coils: CoilArray
    ) -> None:
        self._position = position_m
        self._axes = axes
        self._normal = np.cross(axes[0], axes[1])
        self._thickness = thickness_m
        self._coils = coils
        cuts = [_section(item, position_m, axes) for item in PHANTOM]
        self._there = np.flatnonzero([cut is not None for cut in cuts])
        met = [cut for cut in cuts if cut is not None]
        self._areas = np.array([area for area, _, _ in met])
        self._shapes = np.array([shape for _, shape, _ in met]).reshape(-1, 2, 2)
        self._centres = np.array([centre for _, _, centre in met]).reshape(-1, 2)

    def at(self, k_per_m: Floats, weights: Floats) -> Complexes:
        """Signal (coils, samples) at the points (samples, 3), in PD x mm^3."""
        shifted = k_per_m[None] - self._coils.shifts_per_m[:, None]
        strengths = self._areas * weights[self._there] * 1e3 * self._thickness
        dephasing = np.sinc(k_per_m @ self._normal * self._thickness)
        received = self._coils.weights @ self._transform(shifted, strengths)
        return np.asarray(received * dephasing, dtype=np.complex128)

    def _transform(self, k: Floats, strengths: Floats) -> Complexes:
        """Fourier transform (...) of the slice, for a uniform coil, at the points (..., 3)."""
        in_plane = k @ self._axes.T
        kappa_squared = np.einsum("...i,eij,...j->...e", in_plane, self._shapes, in_plane)
        turns = in_plane @ self._centres.T
        ellipses = _jinc(np.sqrt(kappa_squared)) * np.exp(-2j * np.pi * turns)
        plane = np.exp(-2j * np.pi * (k @ self._position))
        return np.asarray((ellipses @ strengths) * plane, dtype=np.complex128)


class VolumeSignal:
    """The whole phantom; its received signal.

    Args:
        coils: what receives.
    """

    def __init__(self, coils: CoilArray) -> None:
        self._coils = coils
        self._shapes = np.stack([np.linalg.inv(item.matrix) for item in PHANTOM])
        self._centres = np.array([item.centre_m for item in PHANTOM])
        axes = np.array([item.semi_axes_m for item in PHANTOM])
        self._volumes = 4 / 3 * np.pi * axes.prod(axis=1) * MM3_PER_M3

    def at(self, k_per_m: Floats, weights: Floats) -> Complexes:
        """Signal (coils, samples) in PD x mm^3; weights may differ from sample to sample."""
        k = k_per_m[None] - self._coils.shifts_per_m[:, None]
        kappa_squared = np.einsum("...i,eij,...j->...e", k, self._shapes, k)
        balls = _ball(np.sqrt(kappa_squared)) * np.exp(-2j * np.pi * (k @ self._centres.T))
        strengths = self._volumes * weights
        together = balls @ strengths if weights.ndim == 1 else (balls * strengths).sum(axis=-1)
        return np.asarray(self._coils.weights @ together, dtype=np.complex128)


def half_extent_m(direction: Floats) -> float:
    """How far the phantom reaches from its centre along a unit vector [m]."""
    outermost = PHANTOM[0]
    reach = float(np.sqrt(direction @ np.linalg.inv(outermost.matrix) @ direction))
    return reach + abs(float(direction @ np.array(outermost.centre_m)))


def _section(
    item: Ellipsoid, position: Floats, axes: Floats
) -> tuple[float, Floats, Floats] | None:
    """Area [mm^2], rho^2 Q^-1 and centre w0 of the ellipse in the plane, if there is one."""
    matrix, offset = item.matrix, position - np.array(item.centre_m)
    q_inverse = np.asarray(np.linalg.inv(axes @ matrix @ axes.T), dtype=np.float64)
    slope = axes @ matrix @ offset
    centre = -q_inverse @ slope
    rho_squared = float(1 - offset @ matrix @ offset + slope @ q_inverse @ slope)
    if rho_squared <= 0:
        return None
    area = np.pi * rho_squared * np.sqrt(np.linalg.det(q_inverse))
    return float(area) * MM2_PER_M2, np.asarray(rho_squared * q_inverse), centre


def _jinc(x: Floats) -> Floats:
    """J1(2 pi x) / (pi x), which is 1 at 0."""
    away = x > _ORIGIN
    safe = np.where(away, x, 1.0)
    return np.where(away, j1(2 * np.pi * safe) / (np.pi * safe), 1.0)


def _ball(kappa: Floats) -> Floats:
    """3 (sin x - x cos x) / x^3 with x = 2 pi kappa; near 0 its series, 1 - x^2 / 10."""
    x = 2 * np.pi * kappa
    away = x > _SMALL
    safe = np.where(away, x, 1.0)
    return np.where(away, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3, 1 - x**2 / 10)
