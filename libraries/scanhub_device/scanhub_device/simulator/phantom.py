"""A head made of ellipsoids, in patient coordinates, with everything about it known exactly.

Coordinates are DICOM's LPS in metres: x to the patient's left, y to the back (posterior), z to
the head. An ellipsoid lies wholly inside its `parent` and replaces the parent's tissue there;
siblings do not touch. So the signal of the whole is the sum over the ellipsoids of (own tissue
minus parent's tissue) times the Fourier transform of the ellipsoid's section with the slice.
"""

from dataclasses import dataclass
from math import cos, exp, pi, sin

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]

T2_PRIME_S = 0.1
"""Decay by field inhomogeneity, the same everywhere: 1/T2* = 1/T2 + 1/T2' [s]."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What weights the signal: times and angle at the centre of k-space, as the file has them.

    A spoiled gradient echo in its steady state; with an endless TR, from full relaxation.
    """

    tr_s: float
    te_s: float
    flip_angle_rad: float
    spin_echo: bool = False
    """Refocused by a pulse of 180 degrees at TE/2: no decay by inhomogeneity."""
    ti_s: float | None = None
    """Time since a full inversion of what was fully relaxed [s]."""

    def weight(self, t1_s: float, t2_s: float) -> float:
        """Signal of a tissue with proton density 1."""
        e1 = exp(-self.tr_s / t1_s)
        sine, cosine = sin(self.flip_angle_rad), cos(self.flip_angle_rad)
        if self.spin_echo:  # the pulse of 180 degrees inverts what has recovered by TE/2
            half = exp(-(self.tr_s - self.te_s / 2) / t1_s)
            steady = sine * (1 - 2 * half + e1) / (1 + e1 * cosine)
            return steady * exp(-self.te_s / t2_s)
        steady = sine * (1 - e1) / (1 - e1 * cosine)
        if self.ti_s is not None:
            steady = sine * (1 - 2 * exp(-self.ti_s / t1_s))
        return steady * exp(-self.te_s * (1 / t2_s + 1 / T2_PRIME_S))


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """One piece of tissue."""

    name: str
    centre_m: Vector
    semi_axes_m: Vector
    angle_rad: float
    """Rotation about z, from x towards y [rad]."""
    proton_density: float
    t1_s: float
    t2_s: float
    parent: str | None = None

    @property
    def matrix(self) -> Floats:
        """A of (r - centre)^T A (r - centre) <= 1 [1/m^2]."""
        c, s = cos(self.angle_rad), sin(self.angle_rad)
        rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        scale = np.diag(1.0 / np.square(self.semi_axes_m))
        return np.asarray(rotation @ scale @ rotation.T, dtype=np.float64)

    def contains(self, points_m: Floats) -> NDArray[np.bool_]:
        """Say for each point (..., 3) whether it lies inside."""
        r = points_m - np.array(self.centre_m)
        return np.asarray(((r @ self.matrix) * r).sum(axis=-1) <= 1.0)

    def magnetisation(self, contrast: Contrast | None) -> float:
        """Signal of the tissue with this contrast; without contrast its proton density."""
        if contrast is None:
            return self.proton_density
        return self.proton_density * contrast.weight(self.t1_s, self.t2_s)


_TILT = 18 * pi / 180

PHANTOM: tuple[Ellipsoid, ...] = (
    Ellipsoid("scalp", (0, 0, 0), (0.076, 0.101, 0.098), 0, 0.75, 0.26, 0.085),
    Ellipsoid("skull", (0, 0.001, 0), (0.0725, 0.0965, 0.0935), 0, 0.12, 0.4, 0.01, "scalp"),
    Ellipsoid("brain", (0, 0.002, 0), (0.067, 0.09, 0.087), 0, 0.75, 0.8, 0.09, "skull"),
    Ellipsoid(
        "ventricle right", (-0.022, 0.004, 0), (0.009, 0.030, 0.026), _TILT, 1, 4.0, 2.0, "brain"
    ),
    Ellipsoid(
        "ventricle left", (0.024, 0.004, 0), (0.013, 0.036, 0.030), -_TILT, 1, 4.0, 2.0, "brain"
    ),
    Ellipsoid(
        "grey matter front", (0, -0.050, 0.004), (0.022, 0.018, 0.03), 0, 0.86, 1.2, 0.1, "brain"
    ),
    Ellipsoid("nucleus front", (0, -0.010, 0), (0.006, 0.006, 0.006), 0, 0.86, 1.2, 0.1, "brain"),
    Ellipsoid("nucleus back", (0, 0.012, 0), (0.006, 0.006, 0.006), 0, 0.86, 1.2, 0.1, "brain"),
    Ellipsoid(
        "lesion right", (-0.010, 0.062, 0), (0.006, 0.004, 0.006), 0, 0.9, 1.5, 0.15, "brain"
    ),
    Ellipsoid("lesion middle", (0, 0.075, 0), (0.003, 0.003, 0.003), 0, 0.9, 1.5, 0.15, "brain"),
    Ellipsoid("lesion left", (0.008, 0.062, 0), (0.003, 0.006, 0.006), 0, 0.9, 1.5, 0.15, "brain"),
    Ellipsoid(
        "marker left front", (0.040, -0.045, 0), (0.009, 0.009, 0.012), 0, 1, 0.2, 0.1, "brain"
    ),
    Ellipsoid("marker head", (0, 0.005, 0.060), (0.010, 0.014, 0.008), 0, 1, 0.2, 0.1, "brain"),
)
"""The head. Bright fat-like markers sit left-front at the middle height, and at the top."""

_BY_NAME = {item.name: item for item in PHANTOM}
BRAIN = _BY_NAME["brain"]
MARKER_LEFT = _BY_NAME["marker left front"]
"""Lies left (+x) and front (-y): it tells left from right and front from back."""
MARKER_HEAD = _BY_NAME["marker head"]
"""Lies at the top (+z): it tells head from foot."""


def contributions(contrast: Contrast | None) -> list[tuple[Ellipsoid, float]]:
    """Each ellipsoid with its own signal minus that of the tissue it replaces."""
    signal = {item.name: item.magnetisation(contrast) for item in PHANTOM}
    return [(item, signal[item.name] - signal.get(item.parent or "", 0.0)) for item in PHANTOM]


def phantom_image(
    matrix: int | tuple[int, int],
    fov: float | tuple[float, float],
    *,
    contrast: Contrast | None = None,
    position_m: Vector = (0.0, 0.0, 0.0),
    read_dir: Vector = (1.0, 0.0, 0.0),
    phase_dir: Vector = (0.0, 1.0, 0.0),
    supersampling: int = 4,
) -> Floats:
    """The truth: signal per pixel of a thin slice, without blurring or ringing.

    The image is indexed [phase, read]; pixel n of N lies (n - N//2) * fov / N from `position_m`
    along its direction, as it does after a centred inverse FFT. Without contrast the values are
    proton densities. A pixel is the mean over supersampling^2 points.

    Args:
        matrix: pixels (read, phase), or one number for both.
        fov: size (read, phase) [m], or one number for both.
        contrast: weighting of the sequence.
        position_m: centre of the field of view, LPS [m].
        read_dir: unit vector of the columns, LPS.
        phase_dir: unit vector of the rows, LPS.
        supersampling: points per pixel and direction.
    """
    size = matrix if isinstance(matrix, tuple) else (matrix, matrix)
    extent = fov if isinstance(fov, tuple) else (fov, fov)
    read, phase = (
        _pixel_points(n, length, supersampling) for n, length in zip(size, extent, strict=True)
    )
    points = (
        np.array(position_m)
        + phase[:, None, None] * np.array(phase_dir)
        + read[None, :, None] * np.array(read_dir)
    )
    fine = np.zeros(points.shape[:2])
    for item, amplitude in contributions(contrast):
        fine += amplitude * item.contains(points)
    blocks = fine.reshape(size[1], supersampling, size[0], supersampling)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float64)


def _pixel_points(count: int, length_m: float, supersampling: int) -> Floats:
    fine = (np.arange(count * supersampling) + 0.5) / supersampling - 0.5
    return np.asarray((fine - count // 2) * length_m / count, dtype=np.float64)
