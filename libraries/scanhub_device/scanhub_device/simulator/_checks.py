"""What the simulated scanner refuses, each with the reason. Better no image than a wrong one."""

from math import degrees
from typing import Any

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.pulseq import Excitation, PlayedSequence

ALONG_AXIS = 0.999
_ONLY = "the simulated scanner plays 2D Cartesian spoiled gradient echo sequences only: "
_GRID = 0.05  # of the distance of two samples
_BALANCED_PER_M = 1.0
_LARGEST_FLIP_DEG = 90.5
_MOST_SAMPLES = 65535


def check_sequence(played: PlayedSequence) -> None:
    """One excitation for each readout, alike in everything but phase, slice and line."""
    if not played.readouts:
        raise ScanError("the sequence reads nothing: it has no ADC event")
    if not played.excitations:
        raise ScanError("the sequence has no RF pulse, so there is no signal to read")
    _check_pulses(played.excitations)
    _check_order(played)
    _check_readouts(played)
    _check_spoiling(played)


def _check_pulses(pulses: tuple[Excitation, ...]) -> None:
    flips = np.degrees([pulse.flip_angle_rad for pulse in pulses])
    for pulse in pulses:
        if pulse.use not in {"excitation", "undefined"}:
            raise ScanError(f"{_ONLY}it has a pulse for {pulse.use}")
        if degrees(pulse.flip_angle_rad) > _LARGEST_FLIP_DEG:
            raise ScanError(f"{_ONLY}it has a pulse of {degrees(pulse.flip_angle_rad):.0f} degrees")
        if not np.any(pulse.gradient_hz_per_m):
            raise ScanError(f"{_ONLY}it has a pulse without slice gradient")
    if flips.max() - flips.min() > 0.01 * flips.max():
        raise ScanError(f"{_ONLY}its flip angle goes from {flips.min():.1f} to {flips.max():.1f}")


def _check_order(played: PlayedSequence) -> None:
    """Dummy scans come first; then each excitation is read once."""
    pulses = np.array([pulse.time_s for pulse in played.excitations])
    reads = np.array([readout.times_s[0] for readout in played.readouts])
    if len(reads) > len(pulses) or reads[0] < pulses[0]:
        raise ScanError(f"{_ONLY}it reads more than once after an excitation (as EPI does)")
    dummies = len(pulses) - len(reads)
    before = np.searchsorted(pulses, reads) - 1
    if np.any(np.diff(before) == 0):
        raise ScanError(f"{_ONLY}it reads more than once after an excitation (as EPI does)")
    if np.any(before != np.arange(dummies, len(pulses))):
        raise ScanError(f"{_ONLY}it has excitations without readout among those with one")


def _check_readouts(played: PlayedSequence) -> None:
    first = played.readouts[0]
    if len(first.times_s) > _MOST_SAMPLES:
        raise ScanError(f"ISMRMRD holds at most {_MOST_SAMPLES} samples per readout")
    for readout in played.readouts:
        if (len(readout.times_s), readout.dwell_s) != (len(first.times_s), first.dwell_s):
            raise ScanError(f"{_ONLY}its readouts differ in length or dwell time")
        if readout.frequency_offset_hz != first.frequency_offset_hz:
            raise ScanError(f"{_ONLY}its readouts differ in frequency")


def _check_spoiling(played: PlayedSequence) -> None:
    left = np.linalg.norm(played.k_before_excitation_per_m, axis=1)
    if len(left) and left.max() < _BALANCED_PER_M:
        raise ScanError(f"{_ONLY}its gradients are balanced (as in bSSFP)")


def slice_normal(pulses: tuple[Excitation, ...]) -> Floats:
    """The one direction of all slice gradients, without its sign."""
    gradients = np.stack([pulse.gradient_hz_per_m for pulse in pulses])
    normals = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    if np.any(np.abs(normals @ normals[0]) < ALONG_AXIS):
        raise ScanError(f"{_ONLY}its slices are not parallel")
    return np.asarray(normals[0])


def read_step(k: Floats, normal: Floats) -> Floats:
    """The one step from sample to sample [1/m]: straight, even, the same in all readouts."""
    steps = np.diff(k, axis=1)
    if steps.shape[1] == 0:
        raise ScanError(f"{_ONLY}its readouts have one sample")
    step = np.asarray(steps.mean(axis=(0, 1)))
    length = float(np.linalg.norm(step))
    uneven = float(np.abs(k - k[:, :1] - np.arange(k.shape[1])[:, None] * step).max())
    if length == 0 or uneven > _GRID * length:
        raise ScanError(f"{_ONLY}its readouts are not straight, even and all the same way")
    starts = (k[:, 0] @ step) / length
    if starts.max() - starts.min() > _GRID * length:
        raise ScanError(f"{_ONLY}its readouts do not begin at the same place")
    out_of_plane = np.abs(k @ normal).max()
    if out_of_plane > length / 2:
        raise ScanError(f"{_ONLY}it encodes along the slice gradient too (as 3D sequences do)")
    return step


def distinct(values: Floats, tolerance: float = 1e-2) -> Floats:
    """Sorted values, those closer than the tolerance taken as one."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.concatenate([[True], np.diff(ordered) > tolerance])])


def check_grid(values: Floats, step: float) -> None:
    """Lines lie evenly, without gaps."""
    expected = values[0] + step * np.arange(len(values))
    if np.abs(values - expected).max() > _GRID * step * max(1.0, len(values) / 64):
        raise ScanError(f"{_ONLY}its phase encoding has gaps or uneven steps")
    off_centre = abs(values[0] / step - np.rint(values[0] / step))
    if off_centre > 0.1:  # noqa: PLR2004 - of a step
        raise ScanError(f"{_ONLY}no line goes through the centre of k-space")


def check_complete(step: tuple[int, ...], slices: tuple[int, ...], count: int) -> None:
    """Every line of every slice once."""
    read = list(zip(slices, step, strict=True))
    if len(set(read)) != len(read):
        raise ScanError(f"{_ONLY}it reads the same line more than once")
    if len(read) != count * len(set(slices)):
        raise ScanError(f"{_ONLY}it does not read the same lines in every slice")


def constant(values: Floats, name: str) -> float:
    """The one value of a time that must not change [s]."""
    typical = float(np.median(values))
    if np.abs(values - typical).max() > 0.01 * typical:
        raise ScanError(
            f"{_ONLY}its {name} goes from {1e3 * values.min():.3f} to {1e3 * values.max():.3f} ms"
        )
    return typical


def definition_m(definitions: dict[str, Any], key: str, count: int) -> Floats | None:
    """A length that the file defines [m]."""
    if key not in definitions:
        return None
    try:
        values = np.atleast_1d(np.asarray(definitions[key], dtype=np.float64))
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.all(np.isfinite(values)) or values.min() <= 0:
        raise ScanError(f"the definition {key} of the file is not {count} positive length(s) in m")
    return values


def recon_fov_m(definitions: dict[str, Any], direction: Floats, encoded_m: float) -> float:
    """The field of view that the file defines along a direction, if it was encoded [m]."""
    fov = definition_m(definitions, "FOV", 3)
    axis = int(np.argmax(np.abs(direction)))
    if fov is None or abs(direction[axis]) < ALONG_AXIS:
        return encoded_m
    if encoded_m < 0.99 * fov[axis]:
        raise ScanError(
            f"{_ONLY}it defines a field of view of {1e3 * fov[axis]:.0f} mm, its trajectory "
            f"encodes {1e3 * encoded_m:.0f} mm; an undersampled image would fold"
        )
    return min(float(fov[axis]), encoded_m)
