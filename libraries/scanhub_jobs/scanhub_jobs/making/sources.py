"""Which images of the reference lie where a plane lies."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from scanhub_jobs.images.sorting import vector
from scanhub_jobs.making.grid import Grid

_PARALLEL = 0.999
_SAME_MM = 1e-3


def sources_of_slices(
    grid: Grid, slices: int, like: Sequence[Dataset]
) -> list[tuple[list[Dataset], bool]]:
    """Return for each slice the images at its place, and whether they are there.

    An image is at the place of a slice when it is parallel to it and nearer than half the distance
    between slices. Where there is none, all images are the sources of the slice.
    """
    near: list[list[Dataset]] = [[] for _ in range(slices)]
    for dataset in like:
        number = _slice_of(dataset, grid)
        if number is not None and 0 <= number < slices:
            near[number].append(dataset)
    return [(found, True) if found else (list(like), False) for found in near]


def _slice_of(dataset: Dataset, grid: Grid) -> int | None:
    plane, place = vector(dataset, "ImageOrientationPatient", 6), None
    if plane is not None:
        place = vector(dataset, "ImagePositionPatient", 3)
    if plane is None or place is None:
        return None
    if abs(np.cross(plane[:3], plane[3:]) @ grid.normal) < _PARALLEL:
        return None
    return round(float((place - grid.origin) @ grid.normal) / grid.slice_mm)


def same_place(dataset: Dataset, like: Sequence[Dataset]) -> list[Dataset]:
    """Return the images that lie exactly where an image lies."""
    own = _place_of(dataset)
    if own is None:
        return []
    return [
        other
        for other in like
        if (place := _place_of(other)) is not None and np.abs(place - own).max() < _SAME_MM
    ]


def _place_of(dataset: Dataset) -> NDArray[np.float64] | None:
    orientation = vector(dataset, "ImageOrientationPatient", 6)
    place = vector(dataset, "ImagePositionPatient", 3)
    return None if orientation is None or place is None else np.concatenate([orientation, place])
