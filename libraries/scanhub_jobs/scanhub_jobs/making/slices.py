"""One object for each slice of each volume: what classic MR and CT images have in common."""

from pydicom.dataset import Dataset

from scanhub_jobs.making.files import file_meta
from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.head import Order, new_series, on_head, source_items
from scanhub_jobs.making.pixels import orientation, position, put_pixels, put_window
from scanhub_jobs.making.pixels import spacing as pixel_spacing
from scanhub_jobs.making.quantisation import Stored
from scanhub_jobs.making.sources import sources_of_slices
from scanhub_jobs.making.text import decimal, fitted

_WITH_VOLUMES = 4


def slice_head(order: Order, grid: Grid, stored: Stored, modality: str) -> Dataset:
    """Return what all slices share: series, plane, window and how they were derived."""
    head = new_series(order.like[0], order.maker, order.described, modality)
    head.DerivationDescription = fitted(order.maker.title, 1024)
    head.ImageOrientationPatient = orientation(grid)
    head.PixelSpacing = pixel_spacing(grid)
    head.SliceThickness = head.SpacingBetweenSlices = decimal(grid.slice_mm)
    put_window(head, stored)
    head.FrameOfReferenceUID = order.frame_of_reference
    return head


def slices_of(head: Dataset, grid: Grid, stored: Stored, order: Order) -> list[Dataset]:
    """Return one data set for each slice of each volume.

    Args:
        head: What they share.
        grid: Where they lie.
        stored: Pixels [slice, row, column] or [slice, row, column, volume].
        order: What is asked for.
    """
    several = stored.pixels.ndim == _WITH_VOLUMES
    volumes = stored.pixels if several else stored.pixels[..., None]
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


def _describe_volume(
    dataset: Dataset, volume: int, volumes: int, repetition_s: float | None
) -> None:
    dataset.AcquisitionNumber = volume + 1
    if volumes > 1:
        dataset.TemporalPositionIdentifier = volume + 1
        dataset.NumberOfTemporalPositions = volumes
        if repetition_s:
            dataset.TemporalResolution = decimal(repetition_s * 1000)
