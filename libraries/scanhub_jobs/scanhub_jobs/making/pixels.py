"""Elements of the pixels, and of the place of one plane."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.quantisation import Stored
from scanhub_jobs.making.text import decimal, decimals


def put_pixels(dataset: Dataset, pixels: NDArray[Any]) -> None:
    """Write stored values [row, column] or [frame, row, column], 8 or 16 bits."""
    bits = pixels.dtype.itemsize * 8
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    content = np.ascontiguousarray(pixels).tobytes()
    dataset.add_new("PixelData", "OW", content + b"\0" * (len(content) % 2))


def put_window(dataset: Dataset, stored: Stored) -> None:
    """Write how to show the values."""
    dataset.WindowCenter, dataset.WindowWidth = stored.window


def put_rescale(dataset: Dataset, stored: Stored, *, kind: str = "US") -> None:
    """Write what makes values of pixels (PS3.3 section C.11.1)."""
    dataset.RescaleIntercept, dataset.RescaleSlope = stored.intercept, stored.slope
    dataset.RescaleType = kind


def orientation(grid: Grid) -> list[str]:
    """Return ImageOrientationPatient."""
    return decimals([*grid.across, *grid.down])


def position(grid: Grid, number: int) -> list[str]:
    """Return ImagePositionPatient of a slice."""
    return decimals(grid.position(number))


def spacing(grid: Grid) -> list[str]:
    """Return PixelSpacing: between rows, then between columns."""
    return [decimal(grid.row_mm), decimal(grid.column_mm)]
