"""Readouts that lie on no grid: radial spokes, spirals. Their trajectory is told as it is."""

from dataclasses import replace
from typing import Any

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator import _checks as checks
from scanhub_device.simulator._lines import Encoding, Lines
from scanhub_device.simulator._roles import ONLY
from scanhub_device.simulator.phantom import Floats


def is_radial(k: Floats) -> bool:
    """Say whether all readouts (readouts, samples, 3) are straight and pass the centre."""
    chords = k[:, -1] - k[:, 0]
    lengths = np.linalg.norm(chords, axis=1)
    if np.any(lengths == 0):
        return False
    units = chords / lengths[:, None]
    along = np.einsum("rsx,rx->rs", k, units)
    beside = np.abs(k - along[..., None] * units[:, None]).max()
    return bool(beside < lengths.max() / k.shape[1])


def is_spiral(k: Floats) -> bool:
    """Say whether all readouts (readouts, samples, 3) wind outwards from the centre."""
    reach = np.linalg.norm(k, axis=2)
    step = reach.max() / k.shape[1]
    return bool(np.diff(reach, axis=1).min() > -step and reach[:, 0].max() < 2 * step)


def find_paths(k: Floats, normal: Floats, definitions: dict[str, Any]) -> Lines:
    """Number readouts (readouts, samples, 3) that lie in a plane but on no grid.

    Raises:
        ScanError: they leave the plane, miss the centre, or the field of view is not defined.
    """
    read_dir = _axis_in_plane(normal)
    phase_dir = np.cross(normal * np.sign(normal[np.argmax(np.abs(normal))]), read_dir)
    fovs = [checks.defined_fov_m(definitions, direction) for direction in (read_dir, phase_dir)]
    if fovs[0] is None or fovs[1] is None:
        raise ScanError(f"{ONLY}it is not Cartesian and defines no field of view along its axes")
    reach = np.linalg.norm(k, axis=2)
    if np.abs(k @ normal).max() > 0.5 / fovs[0]:
        raise ScanError(f"{ONLY}it is not Cartesian and encodes along the slice gradient too")
    if reach.min() > 1 / fovs[0]:
        raise ScanError("the readouts do not pass the centre of k-space")
    centres = tuple(int(n) for n in reach.argmin(axis=1))
    count, held = len(k), [2 * int(np.ceil(reach.max() * fov - checks.GRID)) for fov in fovs if fov]
    return Lines(
        read_dir=read_dir,
        phase_dir=phase_dir,
        read=Encoding(1 / fovs[0], k.shape[1], centres[0], held=held[0]),
        phase=Encoding(1 / fovs[1], count, 0, held=held[1]),
        partition=None,
        step_1=tuple(range(count)),
        step_2=(0,) * count,
        centre_sample=centres,
        reversed_=(False,) * count,
        even=False,
    )


def per_slice(lines: Lines, slices: tuple[int, ...]) -> Lines:
    """Number the readouts in each slice anew."""
    seen: dict[int, int] = {}
    numbers = []
    for place in slices:
        numbers.append(seen.get(place, 0))
        seen[place] = numbers[-1] + 1
    phase = replace(lines.phase, count=max(seen.values()))
    return replace(lines, phase=phase, step_1=tuple(numbers))


def _axis_in_plane(normal: Floats) -> Floats:
    """The first axis that lies in the plane."""
    for axis in np.eye(3):
        if abs(axis @ normal) < 1 - checks.ALONG_AXIS:
            return np.asarray(axis)
    raise ScanError(f"{ONLY}it is not Cartesian, and its slices are oblique")
