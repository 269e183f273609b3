"""The quality report job: ``python -m scanhub_jobs.quality``.

Signal to noise, uniformity and ghosts of images of a homogeneous phantom, each by a procedure that
is published; of a patient they are numbers too, but not those of the scanner.
"""

from collections import defaultdict
from dataclasses import dataclass
from math import factorial, pi, prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import scipy.ndimage
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

from scanhub_jobs.command_line import report_job
from scanhub_jobs.dispatch import reconstruct_file
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.quality_parameters import QualityParameters

_OF_OBJECT = 0.25
"""The region of interest is the inner 75 % of the object (NEMA MS 1-2008, 2.2.3)."""
_FEWEST_PIXELS = 16
_BINS = 256
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Regions:
    inside: Mask
    air: Mask
    beside: dict[str, Mask]
    """Above, below, left and right of the object."""


def quality_report(source: Path, parameters: QualityParameters) -> dict[str, Any]:
    """Judge the images of a folder of DICOM files, or of an ISMRMRD file.

    Returns:
        `values`: for the whole, the medians over slices of what is known; `slices`: for each slice
        mean, standard_deviation, minimum, maximum (in the object), uniformity_percent, ghosting,
        snr_dual_region, snr_difference; `notes`.

    Raises:
        JobInputError: There are no images, or none shows an object.
    """
    stacks = _stacks(source)
    notes = set[str]()
    slices = [
        {"position_mm": place[0], **_judged(stacks[place], parameters, notes)}
        for place in sorted(stacks)
    ]
    known = [one for one in slices if one["mean"] is not None]
    if not known:
        raise JobInputError("No image shows an object that stands out from its surroundings.")
    values: dict[str, Any] = {"slices": len(slices)}
    for name in ("snr_dual_region", "snr_difference", "uniformity_percent", "ghosting"):
        numbers = [number for one in known if (number := one[name]) is not None]
        values[name] = float(np.median(numbers)) if numbers else None
    return {"values": values, "slices": slices, "notes": sorted(notes)}


def _stacks(source: Path) -> dict[tuple[float, int], list[Image]]:
    """Return the images at each place (and of each echo), in the order of their numbers."""
    stacks: dict[tuple[float, int], list[Image]] = defaultdict(list)
    if source.is_file():
        for made in reconstruct_file(source).slices:
            stacks[round(made.plane.depth, 3), made.contrast].append(made.pixels)
        return stacks
    found = [dataset for path in sorted(source.glob("*")) if (dataset := _read(path)) is not None]
    for dataset in sorted(found, key=lambda d: int(d.get("InstanceNumber") or 0)):
        position = np.array(dataset.ImagePositionPatient, dtype=np.float64)
        across, down = np.array(dataset.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
        depth = round(float(position @ np.cross(across, down)), 3)
        slope, intercept = dataset.get("RescaleSlope") or 1, dataset.get("RescaleIntercept") or 0
        pixels = dataset.pixel_array.astype(np.float32) * float(slope) + float(intercept)
        stacks[depth, int(dataset.get("EchoNumbers") or 0)].append(np.asarray(pixels))
    if not stacks:
        raise JobInputError(f"{source.name} holds no images of one frame with a position.")
    return stacks


def _read(path: Path) -> pydicom.Dataset | None:
    try:
        dataset = pydicom.dcmread(path)
    except (InvalidDicomError, OSError):
        return None
    wanted = ("PixelData", "ImagePositionPatient", "ImageOrientationPatient")
    grey = int(dataset.get("SamplesPerPixel") or 1) * int(dataset.get("NumberOfFrames") or 1) == 1
    return dataset if grey and all(keyword in dataset for keyword in wanted) else None


def _judged(
    images: list[Image], parameters: QualityParameters, notes: set[str]
) -> dict[str, float | None]:
    first = images[0]
    names = ("mean", "standard_deviation", "minimum", "maximum", "uniformity_percent", "ghosting")
    values: dict[str, float | None] = dict.fromkeys(
        (*names, "snr_dual_region", "snr_difference"), None
    )
    regions = _regions(first, parameters.margin_pixels)
    if regions is None:
        notes.add("Some slices show no object.")
        return values
    inside = first[regions.inside]
    numbers = (inside.mean(), inside.std(), inside.min(), inside.max())
    values.update(zip(names, map(float, numbers), strict=False))
    values["uniformity_percent"] = _uniformity(first, regions)
    values["ghosting"] = _ghosting(first, regions, notes)
    values["snr_dual_region"] = _dual_region(first, regions, parameters.receive_coils, notes)
    if len(images) > 1:
        values["snr_difference"] = _difference(images, regions, notes)
    return values


def _regions(image: Image, margin: int) -> _Regions | None:
    """Find object and air by Otsu's threshold; None: there is no object."""
    bright = image > _threshold(image)
    labels, count = scipy.ndimage.label(bright)
    if not count:
        return None
    largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    there = scipy.ndimage.binary_fill_holes(labels == largest)
    depth = scipy.ndimage.distance_transform_edt(np.pad(there, 1))[1:-1, 1:-1]
    inside = np.asarray(there & (depth >= np.quantile(depth[there], _OF_OBJECT)))
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    if np.count_nonzero(inside) < _FEWEST_PIXELS:
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    edge = margin + 1 if margin else 0
    boxes = {
        "above": (slice(margin, max(top - edge, 0)), slice(left, right)),
        "below": (slice(bottom + edge, image.shape[0] - margin), slice(left, right)),
        "left": (slice(top, bottom), slice(margin, max(left - edge, 0))),
        "right": (slice(top, bottom), slice(right + edge, image.shape[1] - margin)),
    }
    beside = {}
    for name, box in boxes.items():
        beside[name] = np.zeros(image.shape, dtype=np.bool_)
        beside[name][box] = True
    corners = np.ones(image.shape, dtype=np.bool_)
    corners[max(top - edge, 0) : bottom + edge] = False
    corners[:, max(left - edge, 0) : right + edge] = False
    return _Regions(inside, corners, beside)


def _threshold(image: Image) -> float:
    """Return the value that parts an image best (N. Otsu, IEEE Trans SMC 9:62-66, 1979)."""
    counts, edges = np.histogram(image, bins=_BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1 + int(np.nanargmax(apart))]) if np.isfinite(apart).any() else np.inf


def _uniformity(image: Image, regions: _Regions) -> float:
    """Return the percent integral uniformity of the smoothed image (NEMA MS 3-2008)."""
    kernel = np.array([1, 2, 1]) / 4
    smooth = scipy.ndimage.convolve1d(scipy.ndimage.convolve1d(image, kernel, 0), kernel, 1)
    low, high = float(smooth[regions.inside].min()), float(smooth[regions.inside].max())
    return 100 * (1 - (high - low) / (high + low)) if high + low > 0 else 0.0


def _ghosting(image: Image, regions: _Regions, notes: set[str]) -> float | None:
    """Return the ghosting ratio of the ACR's phantom test guidance, of the larger direction."""
    means = {}
    for name, mask in regions.beside.items():
        if np.count_nonzero(mask) < _FEWEST_PIXELS:
            notes.add("The object leaves no room for ghosts beside it.")
            return None
        means[name] = float(image[mask].mean())
    vertical, horizontal = means["above"] + means["below"], means["left"] + means["right"]
    return abs(vertical - horizontal) / (2 * float(image[regions.inside].mean()))


def _dual_region(image: Image, regions: _Regions, coils: int, notes: set[str]) -> float | None:
    """Return signal over noise of the air (NEMA MS 1-2008, method 4).

    Without signal the magnitude of `coils` channels has the mean sigma sqrt(pi / 2) (2 n - 1)!! /
    (2^(n - 1) (n - 1)!) (C. D. Constantinides et al., Magn Reson Med 38:852-857, 1997); with one,
    sigma is the mean over 1.25.
    """
    air = image[regions.air]
    mean = float(air.mean()) if air.size >= _FEWEST_PIXELS else 0.0
    if mean <= 0:
        notes.add("There is no air with noise in the corners: no SNR of one image.")
        return None
    odd = prod(range(1, 2 * coils, 2))
    factor = sqrt(pi / 2) * (odd / (2 ** (coils - 1) * factorial(coils - 1)))
    return float(image[regions.inside].mean()) * float(factor) / mean


def _difference(images: list[Image], regions: _Regions, notes: set[str]) -> float | None:
    """Return signal over noise of two images of one place (NEMA MS 1-2008, method 1)."""
    one, other = images[0], images[1]
    if one.shape != other.shape:
        notes.add("Images of one place differ in size: no SNR of their difference.")
        return None
    noise = float((one - other)[regions.inside].std(ddof=1)) / sqrt(2)
    if noise <= 0:
        notes.add("Images of one place are the same: no SNR of their difference.")
        return None
    return float((one + other)[regions.inside].mean()) / 2 / noise


def main(arguments: list[str] | None = None) -> int:
    """Run the job."""
    return report_job(arguments, "quality", QualityParameters, quality_report)


if __name__ == "__main__":
    raise SystemExit(main())
