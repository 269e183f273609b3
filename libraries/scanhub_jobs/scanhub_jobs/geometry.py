"""Where an image lies in the patient, in DICOM's terms (LPS, millimetres; PS3.3 C.7.6.2)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.errors import JobInputError

Vector = NDArray[np.float64]
_TOLERANCE = 0.01

# The way people look at a slice: (towards the right of the screen, towards its bottom), by the
# patient axis that is nearest to the slice normal. Axial and coronal show patient right on the
# left; sagittal shows the front on the left; the head is up.
_DISPLAY = {
    0: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    1: ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    2: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
}


@dataclass(frozen=True)
class Plane:
    """One slice: where its pixel [0, 0] lies and where rows and columns lead."""

    origin: Vector
    """Centre of the first pixel [mm], ImagePositionPatient."""
    across: Vector
    """Direction of increasing column index."""
    down: Vector
    """Direction of increasing row index."""
    pixel_across: float
    """Distance between columns [mm]."""
    pixel_down: float
    """Distance between rows [mm]."""
    thickness: float
    """[mm]"""

    @property
    def normal(self) -> Vector:
        """The slice normal as a viewer computes it."""
        return np.cross(self.across, self.down)

    @property
    def depth(self) -> float:
        """Position along the normal [mm]; slices of a stack are sorted by it."""
        return float(self.origin @ self.normal)


def checked_directions(read: Vector, phase: Vector, slice_: Vector) -> tuple[Vector, ...]:
    """Return the three directions as exact unit vectors, or say that they are none."""
    vectors = [np.asarray(v, dtype=np.float64) for v in (read, phase, slice_)]
    lengths = [float(np.linalg.norm(v)) for v in vectors]
    if any(abs(length - 1) > _TOLERANCE for length in lengths):
        raise JobInputError("The directions in the readouts are no unit vectors.")
    read, phase, slice_ = (v / n for v, n in zip(vectors, lengths, strict=True))
    if max(abs(read @ phase), abs(read @ slice_), abs(phase @ slice_)) > _TOLERANCE:
        raise JobInputError("Read, phase and slice direction in the readouts are not orthogonal.")
    phase = phase - (phase @ read) * read
    phase /= np.linalg.norm(phase)
    normal = np.cross(read, phase)
    return read, phase, normal if normal @ slice_ > 0 else -normal


def for_display(pixels: NDArray[np.float32], plane: Plane) -> tuple[NDArray[np.float32], Plane]:
    """Turn and flip a slice so that it stands on a screen as radiologists expect.

    Pixels and geometry move together: every pixel keeps its place in the patient.
    """
    right, bottom = (
        np.array(v) for v in _DISPLAY[int(np.argmax(np.abs(plane.normal)))]
    )  # fmt: skip
    if abs(plane.down @ right) > abs(plane.across @ right):
        pixels = pixels.T
        plane = Plane(
            plane.origin, plane.down, plane.across, plane.pixel_down, plane.pixel_across,
            plane.thickness,
        )  # fmt: skip
    if plane.across @ right < 0:
        last = plane.origin + plane.across * plane.pixel_across * (pixels.shape[1] - 1)
        pixels = pixels[:, ::-1]
        plane = Plane(
            last, -plane.across, plane.down, plane.pixel_across, plane.pixel_down, plane.thickness
        )
    if plane.down @ bottom < 0:
        last = plane.origin + plane.down * plane.pixel_down * (pixels.shape[0] - 1)
        pixels = pixels[::-1, :]
        plane = Plane(
            last, plane.across, -plane.down, plane.pixel_across, plane.pixel_down, plane.thickness
        )
    return np.ascontiguousarray(pixels), plane
