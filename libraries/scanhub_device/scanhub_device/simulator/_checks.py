"""What the simulated scanner refuses, each with the reason. Better no image than a wrong one."""

from typing import Any

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator._roles import ONLY
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.pulseq import Excitation, Readout

ALONG_AXIS = 0.999
GRID = 0.05  # of the distance of two samples
_MOST_SAMPLES = 65535


def check_readouts(readouts: tuple[Readout, ...]) -> None:
    """Alike in length and pace."""
    first = readouts[0]
    if len(first.times_s) > _MOST_SAMPLES:
        raise ScanError(f"ISMRMRD holds at most {_MOST_SAMPLES} samples per readout")
    if len(first.times_s) == 1:
        raise ScanError(f"{ONLY}its readouts have one sample")
    for readout in readouts:
        if (len(readout.times_s), readout.dwell_s) != (len(first.times_s), first.dwell_s):
            raise ScanError(f"{ONLY}its readouts differ in length or dwell time")


def slice_normal(pulses: list[Excitation]) -> Floats | None:
    """The one direction of all slice gradients, without its sign; None: nothing is selected."""
    gradients = np.stack([pulse.gradient_hz_per_m for pulse in pulses])
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    if not lengths.any():
        return None
    if not lengths.all():
        raise ScanError(f"{ONLY}some of its excitations are without slice gradient, some with")
    normals = gradients / lengths
    if np.any(np.abs(normals @ normals[0]) < ALONG_AXIS):
        raise ScanError(f"{ONLY}its slices are not parallel")
    return np.asarray(normals[0])


def distinct(values: Floats, tolerance: float = 1e-2) -> Floats:
    """Sorted values, those closer than the tolerance taken as one."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.concatenate([[True], np.diff(ordered) > tolerance])])


def check_grid(values: Floats, step: float) -> None:
    """Lines lie evenly, without gaps."""
    expected = values[0] + step * np.arange(len(values))
    if np.abs(values - expected).max() > GRID * step * max(1.0, len(values) / 64):
        raise ScanError(f"{ONLY}its phase encoding has gaps or uneven steps")
    off_centre = abs(values[0] / step - np.rint(values[0] / step))
    if off_centre > 0.1:  # noqa: PLR2004 - of a step
        raise ScanError(f"{ONLY}no line goes through the centre of k-space")


def check_complete(read: list[tuple[int, int, int]], lines: int) -> None:
    """Every line of every volume once; `read` is (volume, line, partition)."""
    if len(set(read)) != len(read):
        raise ScanError(f"{ONLY}it reads the same line more than once")
    if len(read) != lines * len({volume for volume, _, _ in read}):
        raise ScanError(f"{ONLY}it does not read the same lines in every slice")


def constant(values: Floats, name: str) -> float:
    """The one value of a time that must not change [s]."""
    typical = float(np.median(values))
    if np.abs(values - typical).max() > 0.01 * typical:
        raise ScanError(
            f"{ONLY}its {name} goes from {1e3 * values.min():.3f} to {1e3 * values.max():.3f} ms"
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


def defined_fov_m(definitions: dict[str, Any], direction: Floats) -> float | None:
    """The field of view that the file defines along a direction, if it lies along an axis [m]."""
    fov = definition_m(definitions, "FOV", 3)
    axis = int(np.argmax(np.abs(direction)))
    return None if fov is None or abs(direction[axis]) < ALONG_AXIS else float(fov[axis])


def recon_fov_m(definitions: dict[str, Any], direction: Floats, encoded_m: float) -> float:
    """The field of view that the file defines along a direction, if it was encoded [m]."""
    fov = defined_fov_m(definitions, direction)
    if fov is None:
        return encoded_m
    if encoded_m < 0.99 * fov:
        raise ScanError(
            f"{ONLY}it defines a field of view of {1e3 * fov:.0f} mm, its trajectory "
            f"encodes {1e3 * encoded_m:.0f} mm; an undersampled image would fold"
        )
    return min(fov, encoded_m)
