"""Voxels as MR Image Storage, one object for each slice (PS3.3 section A.4)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from scanhub_jobs.making.files import file_meta
from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.head import (
    Order,
    copy_elements,
    new_series,
    on_head,
    source_items,
)
from scanhub_jobs.making.pixels import orientation, position, put_pixels, put_rescale, put_window
from scanhub_jobs.making.pixels import spacing as pixel_spacing
from scanhub_jobs.making.quantisation import Stored, quantised
from scanhub_jobs.making.sources import sources_of_slices
from scanhub_jobs.making.text import decimal, fitted

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
    head = _head(order, grid, stored)
    head.FrameOfReferenceUID = order.frame_of_reference
    volumes = stored.pixels if stored.pixels.ndim == 4 else stored.pixels[..., np.newaxis]  # noqa: PLR2004 - with volumes
    sources = sources_of_slices(grid, len(volumes), order.like)
    if any(not there for _, there in sources):
        head.SourceImageSequence = source_items(order.like, preserved=False)
    found: list[Dataset] = []
    for volume in range(volumes.shape[3]):
        for number in range(len(volumes)):
            dataset = on_head(head)
            _describe_volume(dataset, volume, volumes.shape[3], order.repetition_s)
            dataset.InstanceNumber = len(found) + 1
            dataset.SOPInstanceUID = order.maker.uid("instance", len(found) + 1)
            dataset.ImagePositionPatient = position(grid, number)
            dataset.SliceLocation = decimal(round(float(grid.position(number) @ grid.normal), 6))
            at_place, there = sources[number]
            if there:
                dataset.SourceImageSequence = source_items(at_place, preserved=True)
            put_pixels(dataset, volumes[number, :, :, volume])
            dataset.file_meta = file_meta(dataset)
            found.append(dataset)
    return found


def _head(order: Order, grid: Grid, stored: Stored) -> Dataset:
    head = new_series(order.like[0], order.maker, order.described, "MR")
    head.SOPClassUID = MRImageStorage
    head.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    head.DerivationDescription = fitted(order.maker.title, 1024)
    copy_elements(order.like[0], head, _ACQUISITION)
    for keyword, value in (("ScanningSequence", "RM"), ("SequenceVariant", "NONE")):
        if not head.get(keyword):
            setattr(head, keyword, value)
    for keyword in _EMPTY:
        if keyword not in head:
            setattr(head, keyword, None)
    head.ImageOrientationPatient = orientation(grid)
    head.PixelSpacing = pixel_spacing(grid)
    head.SliceThickness = head.SpacingBetweenSlices = decimal(grid.slice_mm)
    if stored.rescaled:
        put_rescale(head, stored)
    put_window(head, stored)
    return head


def _describe_volume(
    dataset: Dataset, volume: int, volumes: int, repetition_s: float | None
) -> None:
    dataset.AcquisitionNumber = volume + 1
    if volumes > 1:
        dataset.TemporalPositionIdentifier = volume + 1
        dataset.NumberOfTemporalPositions = volumes
        if repetition_s:
            dataset.TemporalResolution = decimal(repetition_s * 1000)
