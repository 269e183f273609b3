"""Partial Fourier: what was not measured follows from what was, as far as the phase is smooth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.transform import (
    Complexes,
    along,
    hann,
    image_to_kspace,
    kspace_to_image,
)


@dataclass(frozen=True)
class Extent:
    """The part of one axis of k-space that was measured."""

    size: int
    first: int
    end: int
    """Behind the last."""

    @property
    def below(self) -> int:
        """How far it reaches from the centre downwards."""
        return self.size // 2 - self.first

    @property
    def above(self) -> int:
        """How far it reaches from the centre upwards."""
        return self.end - 1 - self.size // 2

    @property
    def reach(self) -> int:
        """How far it reaches on the side where it reaches further."""
        return max(self.below, self.above)

    @property
    def partial(self) -> bool:
        """One side lacks more than the one line that an even matrix has more on the other."""
        return self.size > 1 and abs(self.below - self.above) > 1

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which points were measured."""
        at = np.arange(self.size)
        return (self.first <= at) & (at < self.end)

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """Which points lie within the reach, on either side."""
        return np.abs(np.arange(self.size) - self.size // 2) <= self.reach

    def symmetric_window(self) -> NDArray[np.float32]:
        """Return a smooth window over what was measured on both sides."""
        return hann(self.size, min(self.below, self.above))


def complete(data: Complexes, extents: dict[int, Extent], iterations: int) -> Complexes:
    """Estimate what was not measured by projection onto convex sets.

    The image has the phase that the symmetric middle of k-space gives, and the k-space that was
    measured: both are imposed by turns (E. M. Haacke, E. D. Lindskog, W. Lin: A fast, iterative,
    partial-Fourier technique capable of local phase recovery, J Magn Reson 92:126-145, 1991).

    Args:
        data: K-space along the axes named, image along all others.
        extents: Of the axes of which only a part was measured.
        iterations: How often.
    """
    axes = tuple(extents)
    known = np.ones((1,) * data.ndim, dtype=np.bool_)
    within = known
    middle = data
    for axis, extent in extents.items():
        known = known & along(extent.measured, axis, data.ndim)
        within = within & along(extent.mirrored, axis, data.ndim)
        middle = middle * along(extent.symmetric_window(), axis, data.ndim)
    phase = kspace_to_image(middle, axes)
    size = np.abs(phase)
    phase /= np.maximum(size, np.finfo(np.float32).tiny)
    estimate = data
    for _ in range(iterations):
        image = kspace_to_image(estimate, axes)
        estimate = image_to_kspace(np.abs(image) * phase, axes)
        estimate = np.where(known, data, np.where(within, estimate, np.complex64(0)))
    return estimate
