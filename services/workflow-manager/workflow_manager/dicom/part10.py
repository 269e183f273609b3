"""Read what the index needs of a DICOM file (PS3.10), never the pixels."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from workflow_manager.dicom.rules import NotStorableError, checked_uid

# Scanners send values that break the rules of their VR; the index takes them as they are and checks
# itself what it relies on.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_PREAMBLE = 128 + 4
_GROUP_LENGTH_ELEMENT = 12
_CHUNK = 1 << 20
# Attributes that queries ask for (PS3.18 section 10.6, PS3.4 annex C), that routing rules ask for,
# and a few for people.
KEPT_TAGS = (
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDescription",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "SeriesDate",
    "SeriesTime",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "ProtocolName",
    "BodyPartExamined",
    "Laterality",
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
    "InstitutionName",
    "ImageType",
    "InstanceNumber",
    "AcquisitionNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SliceLocation",
    "FrameOfReferenceUID",
    "RepetitionTime",
    "EchoTime",
    "FlipAngle",
    "MagneticFieldStrength",
    "ContentDate",
    "ContentTime",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionType",
    "CodeMeaning",
    "CodeValue",
    "ContrastBolusAgent",
    "DeviceSerialNumber",
    "DeviceUID",
    "ImageComments",
    "PatientAge",
    "RetrieveAETitle",
    "ScanningSequence",
    "SequenceName",
    "SequenceVariant",
    "SoftwareVersions",
    "StationAETitle",
)
_MAX_TEXT = 1024


@dataclass(frozen=True, slots=True)
class Header:
    """What the index keeps of one instance."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str
    """Of the data set without preamble and file meta: who sent it does not matter."""
    size: int
    tags: dict[str, Any]

    def text(self, keyword: str) -> str:
        """Return a tag as text; empty when it is absent."""
        value = self.tags.get(keyword)
        return "" if value is None else str(value)

    def number(self, keyword: str) -> int | None:
        """Return a tag as a number; None when it is absent or no number."""
        try:
            return int(self.tags[keyword])
        except (KeyError, TypeError, ValueError):
            return None


def read_header(source: Path | bytes) -> Header:
    """Read and check the header of a DICOM file.

    Raises:
        NotStorableError: It is none, or lacks what the index cannot do without.
    """
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        try:
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
            tags = _tags(dataset)
        except InvalidDicomError as error:
            raise NotStorableError("The file is no DICOM file (PS3.10).") from error
        except Exception as error:  # the parser of hostile bytes raises what it likes
            raise NotStorableError(f"The data set cannot be parsed: {error}") from error
        return _header(dataset, tags, file)


def _header(dataset: Dataset, tags: dict[str, Any], file: BinaryIO) -> Header:
    meta = dataset.file_meta
    if "TransferSyntaxUID" not in meta or "FileMetaInformationGroupLength" not in meta:
        raise NotStorableError("The file meta information lacks the transfer syntax.")
    start = _PREAMBLE + _GROUP_LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength)
    digest = hashlib.sha256(str(meta.TransferSyntaxUID).encode())
    file.seek(start)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return Header(
        study_instance_uid=checked_uid(dataset.get("StudyInstanceUID"), "Study Instance UID"),
        series_instance_uid=checked_uid(dataset.get("SeriesInstanceUID"), "Series Instance UID"),
        sop_instance_uid=checked_uid(dataset.get("SOPInstanceUID"), "SOP Instance UID"),
        sop_class_uid=checked_uid(dataset.get("SOPClassUID"), "SOP Class UID"),
        transfer_syntax_uid=checked_uid(meta.TransferSyntaxUID, "Transfer Syntax UID"),
        sha256=digest.hexdigest(),
        size=file.tell(),
        tags=tags,
    )


def _tags(dataset: Dataset) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    for keyword in KEPT_TAGS:
        if keyword not in dataset:
            continue
        value = dataset[keyword].value
        if value is None or value == "":
            continue
        tags[keyword] = _plain(value)
    return tags


def _plain(value: Any) -> Any:
    """Write a value as JSON can hold it."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, pydicom.multival.MultiValue | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value)
    return str(value).replace("\x00", "")[:_MAX_TEXT]
