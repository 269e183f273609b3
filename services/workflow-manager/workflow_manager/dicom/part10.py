"""Read what the index needs of a DICOM file (PS3.10), never the pixels."""

import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom import filereader
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from workflow_manager.dicom.columns import readable
from workflow_manager.dicom.rules import NotStorableError, checked_uid

# Scanners send values that break the rules of their VR; the index takes them as they are and checks
# itself what it relies on.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_PREAMBLE = 128 + 4
_GROUP_LENGTH_ELEMENT = 12
_CHUNK = 1 << 20
_META_GROUP = 0x0002
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_MAX_INFLATED = 16 * 2**20
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
    "TimezoneOffsetFromUTC",
    "PatientSize",
    "PatientWeight",
    "OtherPatientIDs",
    "PatientPosition",
)
# Of an item of the Request Attributes Sequence, which QIDO-RS answers for a series.
_REQUEST = ("ScheduledProcedureStepID", "RequestedProcedureID")
_MAX_TEXT = 1024
_MAX_ITEMS = 16


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
        dataset, tags = _parse(file)
        meta = dataset.file_meta
        if "TransferSyntaxUID" not in meta or "FileMetaInformationGroupLength" not in meta:
            raise NotStorableError("The file meta information lacks the transfer syntax.")
        start = _PREAMBLE + _GROUP_LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength)
        digest = hashlib.sha256(str(meta.TransferSyntaxUID).encode())
        file.seek(start)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        size = file.tell()
    return _header(dataset, tags, str(meta.TransferSyntaxUID), digest.hexdigest(), size)


def read_received(path: Path, transfer_syntax_uid: str, *, sha256: str, size: int) -> Header:
    """Read the header of a file whose bytes were counted as they came.

    Raises:
        NotStorableError: It lacks what the index cannot do without.
    """
    with path.open("rb") as file:
        dataset, tags = _parse(file)
    return _header(dataset, tags, transfer_syntax_uid, sha256, size)


def _parse(file: BinaryIO) -> tuple[Dataset, dict[str, Any]]:
    try:
        filereader.read_preamble(file, force=False)
        meta = filereader.read_dataset(
            file, is_implicit_VR=False, is_little_endian=True, stop_when=_behind_meta
        )
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            dataset = _inflated(file)
            dataset.file_meta = FileMetaDataset(meta)
        else:
            file.seek(0)
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
        return dataset, _tags(dataset)
    except InvalidDicomError as error:
        raise NotStorableError("The file is no DICOM file (PS3.10).") from error
    except NotStorableError:
        raise
    except Exception as error:  # the parser of hostile bytes raises what it likes
        raise NotStorableError(f"The data set cannot be parsed: {error}") from error


def _behind_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != _META_GROUP


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in _PIXELS


def _inflated(file: BinaryIO) -> Dataset:
    """Read a deflated header (PS3.5 section A.5). A few bytes can inflate to gigabytes.

    Raises:
        NotStorableError: The header is larger than any header is.
    """
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    data = bytearray()
    while len(data) < _MAX_INFLATED and (chunk := inflate.unconsumed_tail or file.read(_CHUNK)):
        data += inflate.decompress(chunk, _MAX_INFLATED - len(data))
    read = BytesIO(data)
    dataset = filereader.read_dataset(
        read, is_implicit_VR=False, is_little_endian=True, stop_when=_at_pixels
    )
    if len(data) == _MAX_INFLATED and read.tell() == _MAX_INFLATED:
        raise NotStorableError(f"The header inflates to more than {_MAX_INFLATED} bytes.")
    return dataset


def _header(
    dataset: Dataset, tags: dict[str, Any], transfer_syntax_uid: str, sha256: str, size: int
) -> Header:
    return Header(
        study_instance_uid=checked_uid(dataset.get("StudyInstanceUID"), "Study Instance UID"),
        series_instance_uid=checked_uid(dataset.get("SeriesInstanceUID"), "Series Instance UID"),
        sop_instance_uid=checked_uid(dataset.get("SOPInstanceUID"), "SOP Instance UID"),
        sop_class_uid=checked_uid(dataset.get("SOPClassUID"), "SOP Class UID"),
        transfer_syntax_uid=checked_uid(transfer_syntax_uid, "Transfer Syntax UID"),
        sha256=sha256,
        size=size,
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
    requests = dataset.get("RequestAttributesSequence")
    if requests:
        items = [{k: _plain(item[k].value) for k in _REQUEST if k in item} for item in requests]
        tags["RequestAttributesSequence"] = items[:_MAX_ITEMS]
    return tags


def _plain(value: Any) -> Any:
    """Write a value as JSON can hold it."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, pydicom.multival.MultiValue | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value)
    return readable(str(value))[:_MAX_TEXT]
