"""The way through k-space: which lines there are, in which directions, and where their centre is.

Axes: Pulseq's x, y, z are the patient's L, P, H (head first, supine), so nothing is rotated. From
the trajectory, never assumed:

- `read_dir` is the way the samples of the first readout go through k-space, with its sign; a
  readout that goes the other way is reversed (as every second one of EPI);
- `phase_dir` is perpendicular to it in the slice; it points along the positive axis, unless only
  the other way the lines fit an even matrix (which runs from -N/2 to N/2 - 1);
- `slice_dir` is read_dir x phase_dir; slices and partitions count upwards along it;
- `kspace_encode_step_1` counts upwards along `phase_dir`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanhub_device.errors import ScanError
from scanhub_device.simulator import _checks as checks
from scanhub_device.simulator._roles import ONLY
from scanhub_device.simulator.phantom import Floats

_HALF_A_LINE = 0.5


@dataclass(frozen=True, slots=True)
class Encoding:
    """One direction of k-space."""

    step_per_m: float
    """Distance of neighbouring samples [1/m]."""
    count: int
    """Samples that are read."""
    centre: int
    """Index of the sample at k = 0."""
    held: int = 0
    """Size of the symmetric matrix, if it is not that of these samples alone."""

    @property
    def matrix(self) -> int:
        """Size of the symmetric matrix that holds the samples: more than `count` if partial."""
        if self.held:
            return self.held
        return 2 * max(self.centre, self.count - self.centre) if self.count > 1 else 1

    @property
    def fov_m(self) -> float:
        """Field of view that the distance of the samples gives [m]."""
        return 1 / self.step_per_m

    def recon_matrix(self, fov_m: float) -> int:
        """Pixels to reconstruct; one line beside a full matrix makes it no larger."""
        even = self.count + self.count % 2
        whole = even if 0 <= self.matrix - even <= 2 else self.matrix  # noqa: PLR2004
        return round(whole * fov_m / self.fov_m)


@dataclass(frozen=True, slots=True)
class Lines:
    """Cartesian readouts by direction and number."""

    read_dir: Floats
    phase_dir: Floats
    read: Encoding
    phase: Encoding
    partition: Encoding | None
    """Second phase encoding, along the slice direction; None: 2D."""
    step_1: tuple[int, ...]
    step_2: tuple[int, ...]
    centre_sample: tuple[int, ...]
    reversed_: tuple[bool, ...]
    even: bool
    """Whether the samples lie evenly; they do not if gradients ramp meanwhile."""

    @property
    def slice_dir(self) -> Floats:
        """Perpendicular to read and phase direction."""
        return np.cross(self.read_dir, self.phase_dir)


def is_cartesian(k: Floats) -> bool:
    """Say whether all readouts (readouts, samples, 3) are straight and parallel."""
    chords = k[:, -1] - k[:, 0]
    lengths = np.linalg.norm(chords, axis=1, keepdims=True)
    if np.any(lengths == 0):
        return False
    units = chords / lengths
    along = np.einsum("rsx,rx->rs", k - k[:, :1], units)
    beside = k - k[:, :1] - along[..., None] * units[:, None]
    step = lengths.max() / (k.shape[1] - 1)
    parallel = np.abs(units @ units[0]) > checks.ALONG_AXIS
    return bool(np.abs(beside).max() < 2 * checks.GRID * step and parallel.all())


def find_lines(k: Floats, normal: Floats | None, *, train: bool, ramp_fov_m: float | None) -> Lines:
    """Sort Cartesian readouts (readouts, samples, 3).

    Args:
        k: where the samples lie [1/m].
        normal: direction of slice selection; None: nothing is selected.
        train: whether several readouts follow one excitation, as in EPI.
        ramp_fov_m: field of view along the readout, for samples that do not lie evenly [m].
    """
    chord = k[0, -1] - k[0, 0]
    read_dir = chord / np.linalg.norm(chord)
    selective = normal is not None
    normal = _third_axis(read_dir) if normal is None else normal
    along = k @ read_dir
    backward = along[:, -1] < along[:, 0]
    if backward.any() and not train:
        raise ScanError(f"{ONLY}its readouts do not all go the same way")
    if train and not backward.any():
        raise ScanError(f"{ONLY}it reads more than once after an excitation, but not as EPI")
    forward = np.where(backward[:, None], along[:, ::-1], along)
    even, read, centres = _read_encoding(forward, backward, ramp_fov_m)
    phase_dir = _phase_direction(k, read_dir, normal)
    lines = (k @ phase_dir).mean(axis=1)
    planes = (k @ np.cross(read_dir, phase_dir)).mean(axis=1)
    deep = bool(np.ptp(planes) > read.step_per_m / 2)
    if not deep and not selective:
        raise ScanError(f"{ONLY}it has pulses without slice gradient, and is not 3D")
    if not deep and np.abs(planes).max() > read.step_per_m / 2:
        raise ScanError(f"{ONLY}it does not rewind its slice gradient")
    phase = _encoding_of_phase(lines)
    partition = _encoding_of_phase(planes) if deep else None
    return Lines(
        read_dir=read_dir,
        phase_dir=phase_dir,
        read=read,
        phase=phase,
        partition=partition,
        step_1=_numbers(lines, phase),
        step_2=_numbers(planes, partition) if partition else (0,) * len(lines),
        centre_sample=centres,
        reversed_=tuple(bool(b) for b in backward),
        even=even,
    )


def _third_axis(read_dir: Floats) -> Floats:
    """Partitions go along z, unless the readout does."""
    axis = np.array([0.0, 0.0, 1.0]) if abs(read_dir[2]) < checks.ALONG_AXIS else np.eye(3)[1]
    if abs(axis @ read_dir) > 1 - checks.ALONG_AXIS:
        raise ScanError(f"{ONLY}it is oblique and selects no slab")
    return axis


def _read_encoding(
    forward: Floats, backward: NDArray[np.bool_], ramp_fov_m: float | None
) -> tuple[bool, Encoding, tuple[int, ...]]:
    """Whether the samples lie evenly, their encoding, and the centre of each readout."""
    samples = forward.shape[1]
    step = float((forward[:, -1] - forward[:, 0]).mean()) / (samples - 1)
    uneven = float(np.abs(forward - forward[:, :1] - step * np.arange(samples)).max())
    even = uneven <= checks.GRID * step
    if not even and ramp_fov_m is None:
        raise ScanError(f"{ONLY}its readouts are not even, and it defines no field of view")
    for way in (backward, ~backward):
        starts = forward[way][:, 0] if way.any() else np.zeros(1)
        if starts.max() - starts.min() > checks.GRID * step:
            raise ScanError(f"{ONLY}its readouts do not begin at the same place")
    if forward[:, 0].max() > step / 2 or forward[:, -1].min() < -step / 2:
        raise ScanError("the readouts do not pass the centre of k-space")
    if not even:
        step = 1 / ramp_fov_m if ramp_fov_m else step
        held = 2 * int(np.ceil(np.abs(forward).max() / step - checks.GRID))
        centres = np.abs(forward).argmin(axis=1)
    else:
        # half a sample beside the centre counts as the later one, as scanners have it
        centres = np.floor(-forward[:, 0] / step + 0.51).astype(int)
        held = 2 * int(max(centres.max(), samples - centres.min()))
    centre = int(centres[~backward][0])
    as_read = np.where(backward, samples - 1 - centres, centres)
    return even, Encoding(step, samples, centre, held), tuple(int(n) for n in as_read)


def _phase_direction(k: Floats, read_dir: Floats, normal: Floats) -> Floats:
    direction = np.cross(normal, read_dir)
    direction = direction / np.linalg.norm(direction)
    direction *= np.sign(direction[np.argmax(np.abs(direction))])
    lines = (k @ direction).mean(axis=1)
    spread = lines.max() - lines.min()
    surplus = lines.max() + lines.min()
    one_line = spread / max(len(checks.distinct(lines)) - 1, 1)
    fits_only_reversed = _HALF_A_LINE * one_line < surplus < 1.5 * one_line
    return np.asarray(-direction if fits_only_reversed else direction) + 0.0


def _encoding_of_phase(lines: Floats) -> Encoding:
    values = checks.distinct(lines)
    if len(values) == 1:
        raise ScanError("there is no phase encoding: all readouts are the same line")
    step = float(np.median(np.diff(values)))
    checks.check_grid(values, step)
    centre = int(np.rint(-values[0] / step))
    if not 0 <= centre < len(values):
        raise ScanError("the phase encoding does not pass the centre of k-space")
    return Encoding(step, len(values), centre)


def _numbers(lines: Floats, encoding: Encoding) -> tuple[int, ...]:
    return tuple(int(n) for n in np.rint((lines - lines.min()) * encoding.fov_m))
