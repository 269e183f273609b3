"""The job `smooth`: an example of a job that makes images of images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from scanhub_jobs.declaring import Skip, job
from scanhub_jobs.images.series import Series
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.parameters import JobParameters

_SIGMAS_TO_FWHM = 2 * np.sqrt(2 * np.log(2))
_REACH = 4.0
"""How far the kernel goes, in standard deviations."""
_DIMENSIONS = 3
_KINDS = {"MR": "mr", "CT": "ct"}


class Smoothing(JobParameters):
    """What `smooth` can be told."""

    fwhm_mm: float = Field(
        4.0,
        gt=0,
        le=50,
        title="Width",
        description="Full width at half maximum of the Gaussian kernel",
        json_schema_extra={"unit": "mm"},
    )
    between_slices: bool = Field(
        True, title="Between slices", description="Smooth in all three directions, or in planes"
    )
    description: str = Field(
        "",
        max_length=64,
        title="Series description",
        description="Empty: the source's with the width",
    )


@job("smooth", version="1.0.0", timeout="1h")
def smooth(ctx: JobContext[Smoothing]) -> dict[str, Any]:
    """Smooth a series with a Gaussian kernel; the result is a derived series."""
    metadata, output = ctx.series.metadata(), ctx.series.to_nifti().primary()
    image = output.load()
    values = np.asarray(image.dataobj, dtype=np.float64)
    sizes_mm = [float(size) for size in image.header.get_zooms()[:_DIMENSIONS]]
    axes = range(_DIMENSIONS if ctx.params.between_slices else _DIMENSIONS - 1)
    for axis in axes:
        ctx.check_cancelled()
        ctx.progress(0.1 + 0.6 * axis / len(axes), "smoothing")
        sigma = ctx.params.fwhm_mm / _SIGMAS_TO_FWHM / sizes_mm[axis]
        values = smoothed(values, axis, sigma)
    words = f"{metadata.series_description} smoothed {ctx.params.fwhm_mm:g} mm".strip()
    made = ctx.dicom.from_nifti(
        type(image)(values, image.affine),
        like=ctx.series,
        kind=_KINDS[metadata.modality],
        description=ctx.params.description or words,
    )
    return {"images": len(ctx.keep(made))}


@smooth.when
def _wanted(series: Series, _params: Smoothing) -> bool | Skip:
    modality = series.metadata().modality
    return True if modality in _KINDS else Skip(reason=f"It smooths MR and CT, not {modality}.")


def smoothed(values: NDArray[np.float64], axis: int, sigma: float) -> NDArray[np.float64]:
    """Convolve with a Gaussian along an axis; beyond the edges the values of the edge go on.

    Args:
        values: Any shape.
        axis: Along which.
        sigma: Standard deviation [voxels].
    """
    reach = max(1, int(np.ceil(_REACH * sigma)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    moved = np.moveaxis(values, axis, 0)
    padded = np.pad(moved, [(reach, reach)] + [(0, 0)] * (moved.ndim - 1), mode="edge")
    total = np.zeros_like(moved)
    for offset, weight in enumerate(weights):
        total += weight * padded[offset : offset + len(moved)]
    return np.moveaxis(total, 0, axis)
