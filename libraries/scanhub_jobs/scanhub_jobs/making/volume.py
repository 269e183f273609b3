"""What comes in as voxels: a nibabel image, a NIfTI file, or an array with its affine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.extras import load

_TEMPLATE_SPACES = frozenset((3, 4))
"""xform codes of Talairach and MNI: places in a template, not in the patient."""
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_FOUR = 4


@dataclass(frozen=True)
class Voxels:
    """An array with its place."""

    array: NDArray[Any]
    affine: NDArray[np.float64]
    """From i, j, k to RAS [mm]"""
    in_patient: bool = True
    """The place is one in the patient, not in a template"""
    repetition_s: float | None = None
    """From volume to volume [s]"""


def voxels_of(image: Any) -> Voxels:
    """Return the voxels of an image.

    Args:
        image: A nibabel image, the path of a NIfTI file, or a pair of array and affine.
    """
    if isinstance(image, tuple):
        array, affine = image
        return Voxels(np.asarray(array), np.asarray(affine, dtype=np.float64))
    if isinstance(image, str | Path):
        image = load("nibabel").load(image)
    header = getattr(image, "header", None)
    codes = {int(header[k]) for k in ("sform_code",)} if header and "sform_code" in header else {0}
    return Voxels(
        np.asanyarray(image.dataobj),
        np.asarray(image.affine, dtype=np.float64),
        in_patient=not codes & _TEMPLATE_SPACES,
        repetition_s=_repetition(header),
    )


def _repetition(header: Any) -> float | None:
    zooms: tuple[float, ...] = () if header is None else tuple(header.get_zooms())
    if len(zooms) < _FOUR or not zooms[3] > 0:
        return None
    unit = header.get_xyzt_units()[1] if hasattr(header, "get_xyzt_units") else "sec"
    return float(zooms[3]) * _SECONDS.get(unit, 1.0)
