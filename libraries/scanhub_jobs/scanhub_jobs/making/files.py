"""DICOM files: written the same way for the same data set, and never half."""

import io
from pathlib import Path
from uuid import uuid4

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from scanhub_jobs.uids import derived_uid

IMPLEMENTATION_UID = UID(derived_uid("implementation"))
IMPLEMENTATION_NAME = "SCANHUB_JOBS_1"


def file_meta(dataset: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> FileMetaDataset:
    """Return the file meta information of a data set (PS3.10 section 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return meta


def save_dicom(dataset: Dataset, path: Path) -> None:
    """Write a data set as a DICOM file, in one step."""
    part = path.with_name(f".{uuid4().hex}.part")
    part.write_bytes(dicom_bytes(dataset))
    part.replace(path)


def dicom_bytes(dataset: Dataset) -> bytes:
    """Return a data set as a DICOM file; one without file meta information gets some."""
    if not hasattr(dataset, "file_meta") or "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta = file_meta(dataset)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
