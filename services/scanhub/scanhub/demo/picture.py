"""Turns a received image into a PNG that a person can open."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

_SCALE = 3


def write_pictures(images: Sequence[Path], folder: Path) -> dict[str, tuple[Path, int, int]]:
    """Write the middle image of each series as PNG.

    Returns:
        By the description of the series: the file, its rows and its columns.
    """
    series: dict[str, list[Path]] = {}
    for path in images:
        description = str(pydicom.dcmread(path, stop_before_pixels=True).SeriesDescription)
        series.setdefault(description, []).append(path)
    made = {}
    for description, paths in series.items():
        png = folder / f"{description.lower().replace(' ', '-')}.png"
        made[description] = (png, *write_png(paths[len(paths) // 2], png))
    return made


def write_png(dicom_file: Path, png: Path) -> tuple[int, int]:
    """Write the image of a DICOM file as PNG, windowed from its own grey values.

    Returns:
        Rows and columns of the image.
    """
    dataset = pydicom.dcmread(dicom_file)
    pixels = dataset.pixel_array.astype(np.float64)
    high = float(np.percentile(pixels, 99.5)) or 1.0
    grey = np.clip(pixels / high * 255.0, 0, 255).astype(np.uint8)
    rows, columns = grey.shape
    image = Image.fromarray(grey).resize(
        (columns * _SCALE, rows * _SCALE), Image.Resampling.BICUBIC
    )
    png.parent.mkdir(parents=True, exist_ok=True)
    image.save(png)
    return rows, columns
