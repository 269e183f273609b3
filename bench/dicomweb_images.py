"""The images of the DICOMweb bench: what their numbers stand for, and their files."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

_ROOT = "1.2.826.0.1.3680043.8.498.77"
FILLED = 100_000
"""Number of the first study that an index is filled with; their dates are before the others."""


def study_uid(study: int) -> str:
    """UID of a study by its number."""
    return f"{_ROOT}.{study}"


def series_uid(study: int, series: int = 1) -> str:
    """UID of a series by its number in a study."""
    return f"{_ROOT}.{study}.{series}"


def patient_id(study: int) -> str:
    """ID of the patient of a study."""
    return f"WEB{study:06d}"


def study_date(study: int) -> str:
    """Date of a study: days, years and months follow one another."""
    year = (2001 if study >= FILLED else 2015) + study // 28 % 10
    return f"{year}{1 + study // 280 % 12:02d}{1 + study % 28:02d}"


def images(study: int, count: int, edge: int) -> Iterator[bytes]:
    """Yield the files of a study with one series.

    Args:
        study: Its number.
        count: Images in it.
        edge: Rows and columns of each [pixel].
    """
    dataset = new_dataset(edge)
    for keyword, value in study_tags(study, 1).items():
        setattr(dataset, keyword, value)
    for number in range(1, count + 1):
        for keyword, value in image_tags(study, 1, number).items():
            setattr(dataset, keyword, value)
        pixels = np.random.default_rng(number).integers(0, 4096, edge * edge, dtype="<u2")
        dataset.PixelData = pixels.tobytes()
        yield encoded(dataset)


def encoded(dataset: Dataset) -> bytes:
    """Return the file of an image."""
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    target = BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()


def study_tags(study: int, series: int) -> dict[str, Any]:
    """Return what is the same for the images of a series."""
    return {
        "StudyInstanceUID": study_uid(study),
        "SeriesInstanceUID": series_uid(study, series),
        "StudyDate": study_date(study),
        "PatientID": patient_id(study),
        "PatientName": f"Name{study % 500:03d}^Given{study:06d}",
        "AccessionNumber": f"A{study:06d}",
        "StudyID": str(study),
        "SeriesNumber": series,
    }


def image_tags(study: int, series: int, number: int) -> dict[str, Any]:
    """Return what each image has of its own."""
    return {"SOPInstanceUID": f"{series_uid(study, series)}.{number}", "InstanceNumber": number}


def new_dataset(edge: int) -> Dataset:
    """Return an image without pixels."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = MRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.StudyTime, dataset.SeriesTime = "101500", "102000"
    dataset.ReferringPhysicianName, dataset.StudyDescription = "Zuweiser^Ärztin", "Head"
    dataset.PatientBirthDate, dataset.PatientSex = "19800229", "F"
    dataset.Modality, dataset.SeriesDescription, dataset.ProtocolName = "MR", "T2", "T2 TSE"
    dataset.BodyPartExamined, dataset.Manufacturer = "HEAD", "Bench"
    dataset.PerformedProcedureStepStartDate = "20260102"
    dataset.PerformedProcedureStepStartTime = "102000"
    dataset.FrameOfReferenceUID, dataset.MagneticFieldStrength = f"{_ROOT}.0", 3.0
    dataset.RepetitionTime, dataset.EchoTime, dataset.FlipAngle = 4000.0, 90.0, 120.0
    dataset.SliceThickness, dataset.PixelSpacing = 3.0, [1.0, 1.0]
    dataset.ImagePositionPatient = [0.0, 0.0, 0.0]
    dataset.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    dataset.Rows = dataset.Columns = edge
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.add_new("PixelData", "OW", b"")
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset
