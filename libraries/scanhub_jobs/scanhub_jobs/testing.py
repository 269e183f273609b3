"""Images for tests of jobs: a series of known values, as sound as a scanner's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from scanhub_jobs.making.ct import ct_images
from scanhub_jobs.making.files import save_dicom
from scanhub_jobs.making.grid import to_grid
from scanhub_jobs.making.head import Described, Maker, Order
from scanhub_jobs.making.mr import mr_images
from scanhub_jobs.uids import derived_uid


def write_series(
    folder: Path | str,
    values: NDArray[Any],
    *,
    affine: NDArray[np.float64] | None = None,
    modality: Literal["MR", "CT"] = "MR",
    series: int = 1,
    **elements: Any,
) -> Path:
    """Write values as a DICOM series, a file for each slice, and return the folder.

    Whole numbers within 16 bits are stored as they are. UIDs follow from `series`: the same call
    writes the same files.

    Args:
        folder: Made if it is not there.
        values: Indexed [i, j, k] or [i, j, k, volume], as NIfTI has it.
        affine: From i, j, k to RAS [mm]; none: voxels of a millimetre.
        modality: Of the series.
        series: Its number; another number is another series of the same study.
        **elements: Elements of all images by keyword, in place of what they would say.

    Raises:
        GeometryError: DICOM cannot say where the voxels are.
        PixelValueError: The values cannot be stored.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    array, grid = to_grid(np.asarray(values), np.eye(4) if affine is None else affine, None)
    like = _somebody()
    order = Order(
        like=[like],
        maker=Maker("test", "1", datetime(2026, 1, 2, tzinfo=UTC), derived_uid("test", series)),
        described=Described(f"Test {series}", series),
        frame_of_reference=derived_uid("test", "frame"),
    )
    for dataset in (mr_images if modality == "MR" else ct_images)(array, grid, order):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M" if modality == "MR" else "AXIAL"]
        for keyword in ("SourceImageSequence", "DerivationDescription"):
            del dataset[keyword]
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        save_dicom(dataset, target / f"{series:03d}-{dataset.InstanceNumber:04d}.dcm")
    return target


def _somebody() -> Dataset:
    """Return what says for whom the images are."""
    dataset = Dataset()
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = dataset.SeriesInstanceUID = derived_uid("test", "nothing")
    dataset.StudyInstanceUID = derived_uid("test", "study")
    dataset.PatientID, dataset.PatientName = "TEST-1", "Test^Patient"
    dataset.StudyDate, dataset.StudyTime = "20260102", "101112"
    return dataset
