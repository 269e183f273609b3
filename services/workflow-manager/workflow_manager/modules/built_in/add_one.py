"""A module that adds one to each pixel, in series of their own: the self-test looks for it."""

import os
from pathlib import Path

import numpy as np
from pydicom import dcmread


def main() -> None:
    """Read the folder of images, and write what comes of them."""
    source, target = Path(os.environ["MERCURE_IN_DIR"]), Path(os.environ["MERCURE_OUT_DIR"])
    paths = sorted(source.glob("*.dcm"))
    for path in paths:
        image = dcmread(path)
        pixels = image.pixel_array
        image.PixelData = (pixels + np.ones_like(pixels)).tobytes()
        image.SeriesInstanceUID += ".1"
        image.SOPInstanceUID += ".1"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(target / f"{image.SOPInstanceUID}.dcm", enforce_file_format=True)
    print(len(paths), "images, one more in each pixel")  # noqa: T201 - a module talks so


if __name__ == "__main__":
    main()
