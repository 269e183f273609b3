"""Where voxels lie in the patient: from NIfTI's affine to DICOM's planes, in any orientation.

NIfTI counts towards right, anterior, superior (RAS), DICOM towards left, posterior, superior (LPS,
PS3.3 section C.7.6.2.1.1); both in millimetres.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from scanhub_jobs.errors import GeometryError
from scanhub_jobs.images.sorting import vector

Vector = NDArray[np.float64]
_MOST_SHEAR = 1e-4
"""Largest cosine between two axes that counts as a right angle."""
_SMALLEST_MM = 1e-6
_PLANE = 0.9
"""Cosine above which an axis counts as the normal of the reference's planes."""
_DIMENSIONS = (3, 4)

# Towards the right of the screen and its bottom, by the patient axis nearest to the slice normal:
# the way people look at slices. Axial and coronal with the patient's right on the left.
_DISPLAY = {
    0: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    1: ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    2: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
}


@dataclass(frozen=True)
class Grid:
    """A stack of planes; an array over it is indexed [slice, row, column] or with a volume last."""

    origin: Vector
    """Centre of voxel [0, 0, 0] (mm, LPS)"""
    across: Vector
    """Unit vector of increasing column index"""
    down: Vector
    """Unit vector of increasing row index"""
    step: Vector
    """From one slice to the next [mm]"""
    row_mm: float
    """Distance between rows"""
    column_mm: float
    """Distance between columns"""

    @property
    def slice_mm(self) -> float:
        """Distance between slices."""
        return float(np.linalg.norm(self.step))

    @property
    def normal(self) -> Vector:
        """Unit vector of increasing slice index."""
        return np.cross(self.across, self.down)

    def position(self, number: int) -> Vector:
        """Return ImagePositionPatient of a slice [mm]."""
        return self.origin + number * self.step

    @property
    def affine(self) -> NDArray[np.float64]:
        """From array indices [slice, row, column] to LPS [mm]."""
        found = np.eye(4)
        found[:3, 0], found[:3, 3] = self.step, self.origin
        found[:3, 1], found[:3, 2] = self.down * self.row_mm, self.across * self.column_mm
        return found


def to_grid(
    array: NDArray[Any], affine: NDArray[np.float64], like: Dataset | None
) -> tuple[NDArray[Any], Grid]:
    """Turn voxels so that they are planes to look at; each keeps its place in the patient.

    The planes are those of the reference where an axis of the array is near its normal, else the
    array's own last spatial axis counts the slices. Rows and columns go as in the reference, or as
    people look at such a plane. Nothing is interpolated.

    Args:
        array: Indexed [i, j, k] or [i, j, k, volume], as NIfTI has it.
        affine: From i, j, k to RAS [mm], 4 x 4.
        like: A data set with ImageOrientationPatient; none: how people look.

    Raises:
        GeometryError: The axes are not at right angles, have no length, or are too few.
    """
    if array.ndim not in _DIMENSIONS or 0 in array.shape:
        raise GeometryError(f"The image has the shape {array.shape}; 3 or 4 dimensions are needed.")
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine, dtype=np.float64)
    lengths = _checked(lps)
    directions = lps[:3, :3] / lengths
    slices, columns, rows = _axes(directions, like)
    across_wanted, down_wanted = _wanted(directions[:, slices], like)
    order = [slices, rows, columns]
    turned = array.transpose(*order, *range(3, array.ndim))
    origin, vectors = lps[:3, 3].copy(), [lps[:3, axis].copy() for axis in order]

    def flip(place: int) -> None:
        nonlocal turned, origin
        origin = origin + vectors[place] * (turned.shape[place] - 1)
        vectors[place] = -vectors[place]
        turned = np.flip(turned, place)

    if vectors[1] @ down_wanted < 0:
        flip(1)
    if vectors[2] @ across_wanted < 0:
        flip(2)
    if vectors[0] @ np.cross(vectors[2], vectors[1]) < 0:
        flip(0)
    across = vectors[2] / lengths[columns]
    down = vectors[1] / lengths[rows]
    down = down - (down @ across) * across
    grid = Grid(
        origin=origin,
        across=across,
        down=down / np.linalg.norm(down),
        step=vectors[0],
        row_mm=float(lengths[rows]),
        column_mm=float(lengths[columns]),
    )
    return turned, grid


def _checked(lps: NDArray[np.float64]) -> Vector:
    """Return the lengths of the axes [mm], if they are axes."""
    if lps.shape != (4, 4) or not np.isfinite(lps).all():
        raise GeometryError("The affine is no 4 x 4 matrix of finite numbers.")
    lengths: Vector = np.linalg.norm(lps[:3, :3], axis=0)
    if lengths.min() < _SMALLEST_MM:
        raise GeometryError("The affine has an axis without length.")
    unit = lps[:3, :3] / lengths
    shear = float(np.abs(unit.T @ unit - np.eye(3)).max())
    if shear > _MOST_SHEAR:
        raise GeometryError(
            f"The axes are not at right angles (cosine {shear:.2g}): resample the image first, "
            "DICOM's planes cannot be sheared."
        )
    return lengths


def _plane_of(like: Dataset | None) -> tuple[Vector, Vector] | None:
    orientation = None if like is None else vector(like, "ImageOrientationPatient", 6)
    return None if orientation is None else (orientation[:3], orientation[3:])


def _wanted(normal: Vector, like: Dataset | None) -> tuple[Vector, Vector]:
    """Return where the screen's right and bottom are to point."""
    plane = _plane_of(like)
    if plane is not None and abs(np.cross(*plane) @ normal) > _PLANE:
        return plane
    right, bottom = _DISPLAY[int(np.argmax(np.abs(normal)))]
    return np.array(right), np.array(bottom)


def _axes(directions: NDArray[np.float64], like: Dataset | None) -> tuple[int, int, int]:
    """Return which axis of the array counts slices, which columns, which rows."""
    plane, slices = _plane_of(like), 2
    if plane is not None:
        cosines = np.abs(np.cross(*plane) @ directions)
        if cosines.max() > _PLANE:
            slices = int(np.argmax(cosines))
    right, _ = _wanted(directions[:, slices], like)
    first, second = (axis for axis in range(3) if axis != slices)
    if abs(directions[:, first] @ right) >= abs(directions[:, second] @ right):
        return slices, first, second
    return slices, second, first
