"""The order of the images of a series: along their normal, then by number."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

_SAME_DIRECTION = 1e-3
_DEPTH_DIGITS = 3
T = TypeVar("T")


def vector(dataset: Dataset, keyword: str, length: int) -> NDArray[np.float64] | None:
    """Return numbers of a data set; None when they are missing or not as many as they must be."""
    try:
        values = np.array([float(v) for v in dataset.get(keyword) or ()])
    except (TypeError, ValueError):
        return None
    return values if len(values) == length and np.isfinite(values).all() else None


def whole_number(dataset: Dataset, keyword: str) -> int | None:
    """Return an integer of a data set; None when it is missing or none."""
    try:
        return int(dataset.get(keyword))
    except (TypeError, ValueError):
        return None


def sorted_images(images: Sequence[tuple[Dataset, T]]) -> list[tuple[Dataset, T]]:
    """Sort images as they lie in the patient.

    Images of one orientation stand together, the orientation of the lowest InstanceNumber first;
    within it they go along the slice normal (PS3.3 C.7.6.2.1.1), those at the same place by
    InstanceNumber and then by SOPInstanceUID. Images without geometry come last, by number.
    """
    numbered = sorted(images, key=lambda image: _number(image[0]))
    orientations: list[NDArray[np.float64]] = []
    keys = {}
    for dataset, _ in numbered:
        keys[id(dataset)] = (*_place(dataset, orientations), *_number(dataset))
    return sorted(numbered, key=lambda image: keys[id(image[0])])


def _number(dataset: Dataset) -> tuple[bool, int, str]:
    number = whole_number(dataset, "InstanceNumber")
    return number is None, number or 0, str(dataset.get("SOPInstanceUID", ""))


def _place(dataset: Dataset, orientations: list[NDArray[np.float64]]) -> tuple[int, float]:
    """Return the number of the orientation and the depth [mm]; orientations seen are noted."""
    orientation = vector(dataset, "ImageOrientationPatient", 6)
    position = vector(dataset, "ImagePositionPatient", 3)
    if orientation is None or position is None:
        return 1 << 30, 0.0
    normal = np.cross(orientation[:3], orientation[3:])
    for number, seen in enumerate(orientations):
        if np.abs(seen - orientation).max() < _SAME_DIRECTION:
            first_normal = np.cross(seen[:3], seen[3:])
            return number, round(float(position @ first_normal), _DEPTH_DIGITS)
    orientations.append(orientation)
    return len(orientations) - 1, round(float(position @ normal), _DEPTH_DIGITS)
