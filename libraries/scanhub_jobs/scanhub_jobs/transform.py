"""The inverse transform, axis by axis, in single precision.

The signal is s(k) = integral of rho(r) exp(-2 pi i k r) dr, so the image is the inverse transform
with the positive sign. On both sides index n // 2 of n is the centre.
"""

import os
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Complexes = NDArray[np.complex64]
Apodization = Literal["none", "hann"]
WORKERS = max(1, min(8, (os.cpu_count() or 2) // 2))
"""Threads of a transform: half of the cores, the rest is for those who answer people."""


def axis_to_image(
    data: Complexes, axis: int, grid: int, keep: int, *, overwrite: bool = False
) -> Complexes:
    """Transform one axis, zero-filled or cut to `grid`, and keep the middle of the image.

    Args:
        data: K-space along this axis.
        axis: Which.
        grid: Points of the transform; more than there are interpolates the image.
        keep: Points of the image, at most `grid`: less removes oversampling.
        overwrite: Whether the data may be destroyed, which saves time and memory.
    """
    if data.shape[axis] == grid == 1:
        return data
    if data.shape[axis] == grid == keep and grid % 2 == 0:
        return _even_to_image(data if overwrite else data.copy(), axis)
    image = scipy.fft.ifft(
        _to_front(data, axis, grid), axis=axis, overwrite_x=True, workers=WORKERS
    )
    return _to_middle(image, axis, keep)


def _even_to_image(data: Complexes, axis: int) -> Complexes:
    """Transform in place: to move by half a period is to change every second sign."""
    odd = (slice(None),) * axis + (slice(1, None, 2),)
    np.negative(data[odd], out=data[odd])
    image = scipy.fft.ifft(data, axis=axis, overwrite_x=True, workers=WORKERS)
    turned = odd if image.shape[axis] % 4 == 0 else (*odd[:-1], slice(0, None, 2))
    np.negative(image[turned], out=image[turned])
    return np.asarray(image)


def image_to_kspace(image: Complexes, axes: tuple[int, ...]) -> Complexes:
    """Undo `axis_to_image` where it neither filled nor cut."""
    for axis in axes:
        moved = _to_front(image, axis, image.shape[axis])
        k = scipy.fft.fft(moved, axis=axis, overwrite_x=True, workers=WORKERS)
        image = _to_middle(k, axis, k.shape[axis])
    return image


def kspace_to_image(data: Complexes, axes: tuple[int, ...]) -> Complexes:
    """Transform some axes as they are."""
    for axis in axes:
        data = axis_to_image(data, axis, data.shape[axis], data.shape[axis])
    return data


def hann(size: int, reach: int) -> NDArray[np.float32]:
    """Return Hann's window over `size` points that is 0 just beyond `reach` from the centre."""
    distance = np.abs(np.arange(size) - size // 2) / (reach + 1)
    return np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0).astype(np.float32)


def along(values: NDArray[Any], axis: int, dimensions: int) -> NDArray[Any]:
    """Shape a vector so that it multiplies along an axis."""
    shape = [1] * dimensions
    shape[axis] = len(values)
    return values.reshape(shape)


def _part(dimensions: int, axis: int, begin: int | None, end: int | None) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(begin, end),) + (slice(None),) * (dimensions - axis - 1)


def _to_front(data: Complexes, axis: int, grid: int) -> Complexes:
    """Return a copy of `grid` points with the centre at index 0."""
    have, count = data.shape[axis], data.ndim
    before = min(have // 2, grid // 2)
    after = min(have - have // 2, grid - grid // 2)
    shape = list(data.shape)
    shape[axis] = grid
    moved = (np.empty if before + after == grid else np.zeros)(shape, dtype=np.complex64)
    middle = have // 2
    moved[_part(count, axis, 0, after)] = data[_part(count, axis, middle, middle + after)]
    if before:
        moved[_part(count, axis, grid - before, None)] = data[
            _part(count, axis, middle - before, middle)
        ]
    return moved


def _to_middle(data: Complexes, axis: int, keep: int) -> Complexes:
    """Return a copy of the `keep` points around index 0, that one at keep // 2."""
    grid, count, before = data.shape[axis], data.ndim, keep // 2
    parts = [
        data[_part(count, axis, grid - before, None)],
        data[_part(count, axis, 0, keep - before)],
    ]
    return np.concatenate(parts if before else parts[1:], axis=axis)
