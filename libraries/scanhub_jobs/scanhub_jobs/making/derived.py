"""Data sets that a job made, as a derived series of the reference's study."""

import copy as copying
from collections.abc import Sequence

from pydicom.dataset import Dataset

from scanhub_jobs.images.identity import PATIENT, STUDY
from scanhub_jobs.making.files import file_meta
from scanhub_jobs.making.head import (
    Described,
    Maker,
    copy_elements,
    new_series,
    source_items,
)
from scanhub_jobs.making.sources import same_place
from scanhub_jobs.making.tag_policy import TagPolicy, impose, lender

_FRAME_OF_REFERENCE = ("FrameOfReferenceUID", "PositionReferenceIndicator")


def derived_series(
    datasets: Sequence[Dataset],
    like: Sequence[Dataset],
    maker: Maker,
    described: Described,
    copy: TagPolicy,
) -> list[Dataset]:
    """Return copies of data sets as one derived series.

    Args:
        datasets: What was made.
        like: Headers of what it was made from.
        maker: Who made it.
        described: What the series is.
        copy: What else is taken of the reference, in place of what the data sets say.
    """
    found = []
    for number, original in enumerate(datasets, start=1):
        dataset = Dataset()
        dataset.update(copying.deepcopy(_decoded(original)))
        modality = str(original.get("Modality") or like[0].get("Modality") or "OT")
        nth = number - 1 if len(datasets) == len(like) else 0
        impose(dataset, lender(original, like, nth), copy)
        _put_head(dataset, new_series(like[0], maker, described, modality))
        if "ImagePositionPatient" in dataset:
            for keyword in _FRAME_OF_REFERENCE:
                if keyword not in dataset and keyword in like[0]:
                    dataset[keyword] = copying.deepcopy(like[0][keyword])
        kind = [str(v) for v in original.get("ImageType") or ()][2:]
        dataset.ImageType = ["DERIVED", "SECONDARY", *kind]
        dataset.SOPInstanceUID = maker.uid("instance", number)
        dataset.InstanceNumber = number
        at_place = same_place(dataset, like)
        sources = at_place or list(like)
        dataset.SourceImageSequence = source_items(sources, preserved=bool(at_place))
        syntax = getattr(original, "file_meta", Dataset()).get("TransferSyntaxUID")
        dataset.file_meta = file_meta(dataset, syntax) if syntax else file_meta(dataset)
        found.append(dataset)
    return found


def _decoded(original: Dataset) -> Dataset:
    """Return a data set whose texts hold no encoding; pixels are not copied twice."""
    found = Dataset()
    copy_elements(original, found, {e.keyword for e in original if e.keyword})
    for element in original:
        if not element.keyword:
            found.add(element)  # private, or unknown
    return found


def _put_head(dataset: Dataset, head: Dataset) -> None:
    for element in list(dataset):
        if element.keyword in PATIENT | STUDY:
            del dataset[element.tag]
    dataset.update(head)
