"""Voxels as MR Image Storage, one object for each slice (PS3.3 section A.4)."""

from typing import Any

from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.head import Order, copy_elements
from scanhub_jobs.making.pixels import put_rescale
from scanhub_jobs.making.quantisation import Stored, quantised
from scanhub_jobs.making.slices import slice_head, slices_of

_ACQUISITION = (
    "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "RepetitionTime",
    "EchoTime", "EchoTrainLength", "InversionTime", "FlipAngle", "MagneticFieldStrength",
    "ImagingFrequency", "ImagedNucleus", "SequenceName", "NumberOfAverages", "ProtocolName",
    "PatientPosition", "EchoNumbers", "AcquisitionDate", "AcquisitionTime",
)  # fmt: skip
_EMPTY = (
    "ScanOptions", "RepetitionTime", "EchoTime", "EchoTrainLength", "MRAcquisitionType",
    "PositionReferenceIndicator", "Laterality", "PatientPosition",
)  # fmt: skip


def mr_images(voxels: NDArray[Any], grid: Grid, order: Order) -> list[Dataset]:
    """Return one data set for each slice of each volume.

    Args:
        voxels: Indexed [slice, row, column] or [slice, row, column, volume].
        grid: Where they lie.
        order: What is asked for.

    Raises:
        PixelValueError: The values cannot be stored.
    """
    stored = quantised(voxels, fill=order.fill)
    return slices_of(_head(order, grid, stored), grid, stored, order)


def _head(order: Order, grid: Grid, stored: Stored) -> Dataset:
    head = slice_head(order, grid, stored, "MR")
    head.SOPClassUID = MRImageStorage
    head.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    copy_elements(order.like[0], head, _ACQUISITION)
    for keyword, value in (("ScanningSequence", "RM"), ("SequenceVariant", "NONE")):
        if not head.get(keyword):
            setattr(head, keyword, value)
    for keyword in _EMPTY:
        if keyword not in head:
            setattr(head, keyword, None)
    if stored.rescaled:
        put_rescale(head, stored)
    return head
