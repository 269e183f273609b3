"""Voxels as Enhanced MR Image Storage, one object with a frame for each slice (PS3.3 A.36)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from scanhub_jobs.making.files import file_meta
from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.head import (
    Maker,
    Order,
    code,
    new_series,
    reference,
    source_items,
)
from scanhub_jobs.making.pixels import orientation, position, put_pixels, put_rescale, put_window
from scanhub_jobs.making.pixels import spacing as pixel_spacing
from scanhub_jobs.making.quantisation import Stored, quantised
from scanhub_jobs.making.sources import sources_of_slices
from scanhub_jobs.making.text import decimal, fitted

_STACK = "1"
_FRAME_TYPE = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]


def enhanced_mr_image(voxels: NDArray[Any], grid: Grid, order: Order) -> Dataset:
    """Return one multi-frame data set: slices of the first volume, then of the next.

    Args:
        voxels: Indexed [slice, row, column] or [slice, row, column, volume].
        grid: Where they lie.
        order: What is asked for.

    Raises:
        PixelValueError: The values cannot be stored.
    """
    stored = quantised(voxels, fill=order.fill)
    volumes = stored.pixels if stored.pixels.ndim == 4 else stored.pixels[..., np.newaxis]  # noqa: PLR2004 - with volumes
    dataset = new_series(order.like[0], order.maker, order.described, "MR")
    dataset.SOPClassUID = EnhancedMRImageStorage
    dataset.SOPInstanceUID = order.maker.uid("instance", 1)
    dataset.FrameOfReferenceUID = order.frame_of_reference
    dataset.PositionReferenceIndicator = None
    _describe_image(dataset)
    dataset.PatientPosition = order.like[0].get("PatientPosition") or None
    _describe_dimensions(dataset, order.maker)
    sources = sources_of_slices(grid, len(volumes), order.like)
    dataset.SharedFunctionalGroupsSequence = [_shared(grid, stored)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame(grid, number, volume, sources[number], order.maker)
        for volume in range(volumes.shape[3])
        for number in range(len(volumes))
    ]
    dataset.SourceImageEvidenceSequence = [_evidence(order.like)]
    put_pixels(dataset, volumes.transpose(3, 0, 1, 2).reshape(-1, *volumes.shape[1:3]))
    dataset.NumberOfFrames = volumes.shape[0] * volumes.shape[3]
    dataset.file_meta = file_meta(dataset)
    return dataset


def _describe_image(dataset: Dataset) -> None:
    dataset.InstanceNumber = 1
    dataset.ImageType = list(_FRAME_TYPE)
    _describe_type(dataset)
    dataset.ContentQualification = "RESEARCH"
    dataset.BurnedInAnnotation = "NO"
    dataset.ApplicableSafetyStandardAgency = "NONE"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.AcquisitionContextSequence = []


def _describe_type(dataset: Dataset) -> None:
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.ComplexImageComponent = "MAGNITUDE"
    dataset.AcquisitionContrast = "UNKNOWN"


def _describe_dimensions(dataset: Dataset, maker: Maker) -> None:
    """Frames are counted by stack, place in it, and time (PS3.3 section C.7.6.17)."""
    organisation = Dataset()
    organisation.DimensionOrganizationUID = maker.uid("dimensions")
    dataset.DimensionOrganizationSequence = [organisation]
    indices = []
    for pointer in (0x00209056, 0x00209057, 0x00209128):
        index = Dataset()
        index.DimensionOrganizationUID = organisation.DimensionOrganizationUID
        index.DimensionIndexPointer = pointer
        index.FunctionalGroupPointer = 0x00209111
        indices.append(index)
    dataset.DimensionIndexSequence = indices


def _shared(grid: Grid, stored: Stored) -> Dataset:
    measures, plane, values, window, kind = (Dataset() for _ in range(5))
    measures.PixelSpacing = pixel_spacing(grid)
    measures.SliceThickness = measures.SpacingBetweenSlices = decimal(grid.slice_mm)
    plane.ImageOrientationPatient = orientation(grid)
    put_rescale(values, stored)
    put_window(window, stored)
    kind.FrameType = list(_FRAME_TYPE)
    _describe_type(kind)
    anatomy = Dataset()
    anatomy.FrameLaterality = "U"
    region = code("38266002", "SCT", "Entire body")
    anatomy.AnatomicRegionSequence = [region]
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [plane]
    shared.PixelValueTransformationSequence = [values]
    shared.FrameVOILUTSequence = [window]
    shared.MRImageFrameTypeSequence = [kind]
    shared.FrameAnatomySequence = [anatomy]
    return shared


def _frame(
    grid: Grid, number: int, volume: int, sources: tuple[list[Dataset], bool], maker: Maker
) -> Dataset:
    content, place, derivation = Dataset(), Dataset(), Dataset()
    content.StackID = _STACK
    content.InStackPositionNumber = number + 1
    content.TemporalPositionIndex = volume + 1
    content.DimensionIndexValues = [1, number + 1, volume + 1]
    place.ImagePositionPatient = position(grid, number)
    frame = Dataset()
    frame.FrameContentSequence = [content]
    frame.PlanePositionSequence = [place]
    at_place, there = sources
    if there:
        derivation.SourceImageSequence = source_items(at_place, preserved=True)
        derivation.DerivationCodeSequence = [code("110001", "DCM", "Image Processing")]
        derivation.DerivationDescription = fitted(maker.title, 1024)
        frame.DerivationImageSequence = [derivation]
    return frame


def _evidence(like: Sequence[Dataset]) -> Dataset:
    """Return what a SourceImageEvidenceSequence says of the images (PS3.3 section C.8.13.2.1)."""
    study = Dataset()
    study.StudyInstanceUID = like[0].StudyInstanceUID
    groups: dict[str, list[Dataset]] = {}
    for dataset in like:
        groups.setdefault(str(dataset.SeriesInstanceUID), []).append(dataset)
    items = []
    for uid, members in groups.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        item.ReferencedSOPSequence = [reference(member) for member in members]
        items.append(item)
    study.ReferencedSeriesSequence = items
    return study
