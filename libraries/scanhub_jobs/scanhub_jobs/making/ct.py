"""Voxels as CT Image Storage, one object for each slice (PS3.3 section A.3)."""

from typing import Any

from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.head import Order, copy_elements
from scanhub_jobs.making.pixels import put_rescale
from scanhub_jobs.making.quantisation import quantised
from scanhub_jobs.making.slices import slice_head, slices_of

_ACQUISITION = (  # CT Image (PS3.3 C.8.2.1) and General Acquisition
    "KVP", "ScanOptions", "DataCollectionDiameter", "ReconstructionDiameter",
    "DistanceSourceToDetector", "DistanceSourceToPatient", "GantryDetectorTilt", "TableHeight",
    "RotationDirection", "ExposureTime", "XRayTubeCurrent", "Exposure", "FilterType",
    "GeneratorPower", "FocalSpots", "ConvolutionKernel", "ProtocolName", "PatientPosition",
    "AcquisitionDate", "AcquisitionTime",
)  # fmt: skip
_EMPTY = ("KVP", "PositionReferenceIndicator", "Laterality", "PatientPosition")


def ct_images(voxels: NDArray[Any], grid: Grid, order: Order) -> list[Dataset]:
    """Return one data set for each slice of each volume.

    Args:
        voxels: Hounsfield units, indexed [slice, row, column] or [slice, row, column, volume].
        grid: Where they lie.
        order: What is asked for.

    Raises:
        PixelValueError: The values cannot be stored.
    """
    stored = quantised(voxels, fill=order.fill)
    head = slice_head(order, grid, stored, "CT")
    head.SOPClassUID = CTImageStorage
    head.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    copy_elements(order.like[0], head, _ACQUISITION)
    for keyword in _EMPTY:
        if keyword not in head:
            setattr(head, keyword, None)
    put_rescale(head, stored, kind="HU")
    return slices_of(head, grid, stored, order)
