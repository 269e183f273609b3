"""Reconstructed images, and where they lie in the patient."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.encoding import Encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.geometry import Plane, Vector, checked_directions, for_display
from scanhub_jobs.mrd_header import Header

VOLUME_COUNTERS = ("slice", "contrast", "phase", "repetition", "set")
"""Readouts that agree in these are of one image, or of one volume."""
_SAME_PLACE_MM = 1e-3
Key = tuple[int, ...]


@dataclass(frozen=True)
class ImageSlice:
    """One reconstructed slice, standing as a radiologist expects it."""

    pixels: NDArray[np.float32]
    plane: Plane
    contrast: int
    repetition: int
    phase: int
    set: int


@dataclass(frozen=True)
class Reconstruction:
    """The images of one raw data file."""

    slices: list[ImageSlice]
    header: Header
    three_dimensional: bool
    spacing_mm: float
    """Distance between the centres of neighbouring slices."""
    warnings: list[str]


def volumes_of(heads: NDArray[Any]) -> dict[Key, NDArray[np.intp]]:
    """Sort readouts by `VOLUME_COUNTERS`; the values are their indices, ascending."""
    counters = np.stack([heads["idx"][name] for name in VOLUME_COUNTERS], axis=1)
    keys, inverse = np.unique(counters, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(inverse.ravel(), minlength=len(keys)))
    parts = np.split(order, ends[:-1])
    return {tuple(key): part for key, part in zip(keys.tolist(), parts, strict=True)}


def placed(
    image: NDArray[np.float32],
    encoding: Encoding,
    heads: NDArray[Any],
    key: Key,
    warnings: list[str],
) -> list[ImageSlice]:
    """Say where the slices of a volume [z, y, x] lie, and turn them for display.

    Args:
        image: Magnitude, z along the slice direction.
        encoding: The grid.
        heads: Of the readouts that the volume is made of.
        key: The counters of the volume, as in `VOLUME_COUNTERS`.
        warnings: Where to say what was assumed.

    Raises:
        JobInputError: The readouts contradict one another.
    """
    centre, directions = _placement(heads, warnings)
    _, contrast, phase, repetition, set_ = key
    made = []
    for index, plane in enumerate(_planes(encoding, centre, directions)):
        pixels, shown = for_display(image[index], plane)
        made.append(ImageSlice(pixels, shown, contrast, repetition, phase, set_))
    return made


def gathered(
    slices: list[ImageSlice], header: Header, encoding: Encoding, warnings: list[str]
) -> Reconstruction:
    """Sort all slices of a file."""
    spacing = _spacing(slices, encoding)
    slices.sort(key=lambda s: (s.contrast, s.repetition, s.phase, s.set, round(s.plane.depth, 3)))
    return Reconstruction(
        slices, header, encoding.three_dimensional, spacing, sorted(set(warnings))
    )


def _placement(heads: NDArray[Any], warnings: list[str]) -> tuple[Vector, tuple[Vector, ...]]:
    for name in ("position", "read_dir", "phase_dir", "slice_dir"):
        if not np.allclose(heads[name], heads[name][0], atol=1e-3):
            raise JobInputError(f"The readouts of one image disagree about {name}.")
    first = heads[0]
    vectors = [first[name].astype(np.float64) for name in ("read_dir", "phase_dir", "slice_dir")]
    if not any(v.any() for v in vectors):
        warnings.append("The raw data state no orientation; axial was assumed.")
        vectors = list(np.eye(3))
    read, phase, slice_ = vectors
    return first["position"].astype(np.float64), checked_directions(read, phase, slice_)


def _planes(encoding: Encoding, centre: Vector, directions: tuple[Vector, ...]) -> list[Plane]:
    read, phase, slice_ = directions
    count_x, count_y, count_z = encoding.recon_matrix
    voxel_x, voxel_y, voxel_z = encoding.voxel_mm
    corner = centre - read * voxel_x * (count_x // 2) - phase * voxel_y * (count_y // 2)
    return [
        Plane(
            corner + slice_ * voxel_z * (index - count_z // 2),
            read, phase, voxel_x, voxel_y, voxel_z,
        )
        for index in range(count_z)
    ]  # fmt: skip


def _spacing(slices: list[ImageSlice], encoding: Encoding) -> float:
    """Return the distance between slices; two slices at one place are a mistake of the writer."""
    first = slices[0]
    of_one_volume = [
        s
        for s in slices
        if (s.contrast, s.repetition, s.phase, s.set)
        == (first.contrast, first.repetition, first.phase, first.set)
    ]
    depths = sorted(s.plane.depth for s in of_one_volume)
    gaps = np.diff(depths)
    if gaps.size == 0:
        return encoding.voxel_mm[2]
    if gaps.min() < _SAME_PLACE_MM:
        raise JobInputError("Two slices state the same position; their place is not known.")
    return float(np.median(gaps))
