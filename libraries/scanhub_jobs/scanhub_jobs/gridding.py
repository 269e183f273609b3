"""Transforms between an image and samples anywhere in k-space, by gridding.

A sample is spread over the nearest points of a grid twice as fine as the image asks for, with the
kernel of Kaiser and Bessel; the transform of the grid is divided by the kernel's (J. I. Jackson et
al., IEEE Trans Med Imaging 10:473-478, 1991; the width of the kernel's window after P. J. Beatty,
D. G. Nishimura, J. M. Pauly, IEEE Trans Med Imaging 24:799-808, 2005).
"""

import numpy as np
import scipy.fft
import scipy.sparse
import scipy.special
from numpy.typing import NDArray

from scanhub_jobs.transform import WORKERS, Complexes, along

_FINER = 2
_WIDTHS = {1: 6, 2: 6, 3: 4}
_ENTRY_BYTES = 8
_DCF_STEPS = 20
Floats = NDArray[np.float32]


def gridding_bytes(samples: int, dimensions: int) -> int:
    """Return what the table of a `Gridding` takes of memory [bytes]."""
    return int(samples * _WIDTHS[dimensions] ** dimensions * _ENTRY_BYTES)


class Gridding:
    """The transform for one trajectory.

    Args:
        k: Where the samples lie, [sample, axis], in cycles per field of view, axes x, y or x, y, z.
        pixels: Of the image along the same axes.
    """

    def __init__(self, k: Floats, pixels: tuple[int, ...]) -> None:
        self._pixels = pixels
        self._grid = tuple(_FINER * n for n in pixels)
        self._width = _WIDTHS[len(pixels)]
        ratio = self._width / _FINER * (_FINER - 0.5)
        self._beta = float(np.pi * np.sqrt(ratio**2 - 0.8))
        self._spread = self._table(k)

    def adjoint(self, samples: NDArray[np.complex64]) -> Complexes:
        """Sum the waves of samples [sample, coil]: an image [coil, (z,) y, x]."""
        coils = samples.shape[1]
        shape = tuple(reversed(self._grid))
        grid = np.ascontiguousarray((self._spread.T @ samples).T).reshape(coils, *shape)
        axes = tuple(range(1, grid.ndim))
        image = scipy.fft.ifftn(grid, axes=axes, norm="forward", overwrite_x=True, workers=WORKERS)
        for axis, count in zip(axes, reversed(self._pixels), strict=True):
            at = np.arange(count) - count // 2
            image = np.take(image, at, axis=axis, mode="wrap")
            image /= along(self._fall(count), axis, image.ndim)
        return np.asarray(image, dtype=np.complex64)

    def forward(self, image: Complexes) -> Complexes:
        """Return the samples of an image [(z,) y, x]."""
        grid = np.zeros(tuple(reversed(self._grid)), dtype=np.complex64)
        places = []
        for axis, count in enumerate(reversed(self._pixels)):
            places.append(np.arange(count) - count // 2)
            image = image / along(self._fall(count), axis, image.ndim)
        grid[np.ix_(*places)] = image
        k = scipy.fft.fftn(grid, overwrite_x=True, workers=WORKERS)
        return np.asarray(self._spread @ k.ravel(), dtype=np.complex64)

    def _fall(self, count: int) -> Floats:
        """Return the kernel's transform over the pixels of an axis."""
        x = (np.arange(count) - count // 2) / (_FINER * count)
        z = np.sqrt(self._beta**2 - (np.pi * self._width * x) ** 2)
        return np.asarray(self._width * np.sinh(z) / z, dtype=np.float32)

    def _table(self, k: Floats) -> scipy.sparse.csr_array:
        """Return the weights [sample, point of the grid], x the fastest."""
        count = len(k)
        points = np.zeros((count, 1), dtype=np.int64)
        weights = np.ones((count, 1), dtype=np.float32)
        for axis in reversed(range(len(self._grid))):
            size = self._grid[axis]
            place = k[:, axis].astype(np.float64) * _FINER
            first = np.ceil(place - self._width / 2).astype(np.int64)
            near = first[:, None] + np.arange(self._width)
            away = np.clip(1 - ((near - place[:, None]) / (self._width / 2)) ** 2, 0, None)
            kernel = scipy.special.i0(self._beta * np.sqrt(away)).astype(np.float32)
            points = (points[:, :, None] * size + (near % size)[:, None, :]).reshape(count, -1)
            weights = (weights[:, :, None] * kernel[:, None, :]).reshape(count, -1)
        starts = np.arange(count + 1) * points.shape[1]
        return scipy.sparse.csr_array(
            (weights.ravel(), points.ravel(), starts), shape=(count, int(np.prod(self._grid)))
        )


def density_compensation(k: Floats, pixels: tuple[int, ...]) -> Floats:
    """Return weights that make samples count for the part of k-space that they stand for.

    J. G. Pipe and P. Menon, Magn Reson Med 41:179-186, 1999: weights are divided by their own
    convolution until that is 1. The kernel is the transform of the overlap of two discs of the
    field of view (K. O. Johnson and J. G. Pipe, Magn Reson Med 61:439-447, 2009), so that the
    point spread is right as far as two points of an image can be apart.

    Args:
        k: As of `Gridding`.
        pixels: As of `Gridding`.

    Returns:
        [sample], their mean is 1.
    """
    wide = Gridding(2 * k, tuple(2 * n for n in pixels))
    window = _overlap(pixels)
    weights = np.ones(len(k), dtype=np.float32)
    for _ in range(_DCF_STEPS):
        spread = wide.adjoint(weights[:, None].astype(np.complex64))[0] * window
        around = np.abs(wide.forward(spread))
        weights /= np.maximum(around / around.mean(), np.finfo(np.float32).eps)
        weights /= weights.mean()
    return weights


def _overlap(pixels: tuple[int, ...]) -> Floats:
    """Return how much two discs (balls) of the field of view overlap when they are apart."""
    squared = np.zeros((1,) * len(pixels))
    for axis, count in enumerate(reversed(pixels)):
        at = (np.arange(2 * count) - count) / count
        squared = squared + along(at**2, axis, len(pixels))
    apart = np.minimum(np.sqrt(squared), 1.0)
    if len(pixels) == 2:  # noqa: PLR2004 - a disc
        overlap = 2 / np.pi * (np.arccos(apart) - apart * np.sqrt(1 - apart**2))
    else:
        overlap = (1 - apart) ** 2 * (1 + apart / 2)
    return np.asarray(overlap, dtype=np.float32)
