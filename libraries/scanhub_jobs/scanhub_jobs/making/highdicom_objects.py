"""Segmentations and parametric maps, which highdicom writes."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from scanhub_jobs.errors import PixelValueError
from scanhub_jobs.extras import load
from scanhub_jobs.images.identity import PATIENT, STUDY
from scanhub_jobs.making.grid import Grid
from scanhub_jobs.making.head import Maker, Order, copied_item, new_series
from scanhub_jobs.making.quantisation import finite

HIGHDICOM_ROOT = "1.2.826.0.1.3680043.10.511.3."
"""Of the UIDs that it makes up; ours take their place, so that a job makes the same again."""
_MOST_SEGMENTS = 65535
_TISSUE = Code("85756007", "SCT", "Tissue")
NO_UNITS = Code("1", "UCUM", "no units")


@dataclass(frozen=True)
class Segment:
    """What the voxels of one label are."""

    label: str
    category: Code = _TISSUE
    kind: Code = _TISSUE


def segmentation(
    labels: NDArray[Any], grid: Grid, order: Order, segments: Mapping[int, Segment]
) -> Dataset:
    """Return a binary Segmentation with a segment for each label (PS3.3 section A.51).

    Args:
        labels: Whole numbers, 0 is nothing; indexed [slice, row, column].
        grid: Where they lie.
        order: What is asked for.
        segments: What the labels are; those that are not there are named by their number.

    Raises:
        PixelValueError: The labels are no whole numbers, negative, or all 0.
    """
    highdicom = load("highdicom")
    labels = finite(labels, None)
    found = _labels(labels)
    stack = np.stack([labels == n for n in found], axis=-1).astype(np.uint8)
    descriptions = []
    for number, label in enumerate(found, start=1):
        segment = segments.get(label) or Segment(f"Label {label}")
        descriptions.append(
            highdicom.seg.SegmentDescription(
                number,
                segment.label[:64],
                segment.category,
                segment.kind,
                algorithm_type="AUTOMATIC",
                algorithm_identification=_algorithm(highdicom, order.maker),
            )
        )
    volume = _volume(highdicom, stack, grid, order.frame_of_reference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts of the reference, which ours replace
        dataset = highdicom.seg.Segmentation(
            source_images=_placed(order),
            pixel_array=volume,
            segmentation_type="BINARY",
            segment_descriptions=descriptions,
            **_common(order.maker),
        )
    return _finished(dataset, order, "SEG")


def _labels(labels: NDArray[Any]) -> list[int]:
    """Return which labels there are."""
    if (labels != np.rint(labels)).any() or labels.min() < 0 or labels.max() > _MOST_SEGMENTS:
        raise PixelValueError("Labels of a segmentation are whole numbers from 0 to 65535.")
    found = [int(n) for n in np.unique(labels) if n > 0]
    if not found:
        raise PixelValueError("The segmentation is empty: no voxel has a label.")
    return found


def parametric_map(
    values: NDArray[Any], grid: Grid, order: Order, unit: Code = NO_UNITS
) -> Dataset:
    """Return a Parametric Map with values as 32 bit floating point (PS3.3 section A.75).

    Args:
        values: Indexed [slice, row, column].
        grid: Where they lie.
        order: What is asked for.
        unit: Of the values, a UCUM code.

    Raises:
        PixelValueError: The values cannot be stored.
    """
    highdicom = load("highdicom")
    stored = finite(values, order.fill).astype(np.float32)
    low, high = float(stored.min()), float(stored.max())
    mapping = highdicom.pm.RealWorldValueMapping(
        lut_label="1",
        lut_explanation=(order.described.description or order.maker.job)[:64],
        unit=unit,
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts of the reference, which ours replace
        dataset = highdicom.pm.ParametricMap(
            source_images=_placed(order),
            pixel_array=_volume(highdicom, stored, grid, order.frame_of_reference),
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            window_center=(low + high) / 2,
            window_width=max(high - low, 1e-6),
            **_common(order.maker),
        )
    dataset.Laterality = None
    return _finished(dataset, order, "MR")


def _algorithm(highdicom: Any, maker: Maker) -> Any:
    family = Code("110001", "DCM", "Image Processing")
    return highdicom.AlgorithmIdentificationSequence(
        name=maker.job[:64], family=family, version=maker.version[:64]
    )


def _volume(highdicom: Any, array: NDArray[Any], grid: Grid, frame_of_reference: str) -> Any:
    channels = None
    if array.ndim > 3:  # noqa: PLR2004 - segments come last
        channels = {"SegmentNumber": list(range(1, array.shape[3] + 1))}
    return highdicom.Volume(
        np.ascontiguousarray(array),
        grid.affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=frame_of_reference,
        channels=channels,
    )


def _common(maker: Maker) -> dict[str, Any]:
    return {
        "series_instance_uid": maker.uid("series"),
        "series_number": 1,
        "sop_instance_uid": maker.uid("instance", 1),
        "instance_number": 1,
        "manufacturer": maker.manufacturer,
        "manufacturer_model_name": maker.job[:64],
        "software_versions": maker.version[:64],
        "device_serial_number": "none",
    }


def _placed(order: Order) -> list[Dataset]:
    """Return copies of the references with what highdicom asks of them."""
    found = []
    for dataset in order.like:
        placed = copied_item(dataset)
        placed.SpecificCharacterSet = "ISO_IR 192"
        placed.FrameOfReferenceUID = order.frame_of_reference
        for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "PatientName"):
            if keyword not in placed:
                setattr(placed, keyword, "")
        for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName"):
            if keyword not in placed:
                setattr(placed, keyword, "")
        if hasattr(dataset, "file_meta"):
            placed.file_meta = dataset.file_meta
        found.append(placed)
    return found


def _finished(dataset: Dataset, order: Order, modality: str) -> Dataset:
    """Put our head on an object of highdicom's, and our UIDs into it."""
    head = new_series(order.like[0], order.maker, order.described, modality)
    for element in list(dataset):
        if element.keyword in PATIENT | STUDY:
            del dataset[element.tag]
    dataset.update(head)
    if dataset.SOPClassUID.endswith(".66.4"):
        dataset.Modality = "SEG"
    made: dict[str, str] = {}

    def ours(_: Dataset, element: Any) -> None:
        if element.VR == "UI" and str(element.value).startswith(HIGHDICOM_ROOT):
            uid = str(element.value)
            element.value = made.setdefault(uid, order.maker.uid("made", len(made)))

    dataset.walk(ours)
    return dataset
