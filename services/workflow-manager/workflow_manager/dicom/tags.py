"""Decode the few elements that the index keeps, as pydicom does, at a tenth of its time.

Plain values are decoded here; whatever is not plain goes through pydicom, once: images of a series
have most of their values in common, so the outcome is kept for the next one.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from struct import Struct
from typing import Any

import pydicom
from pydicom import filereader
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from workflow_manager.dicom.columns import readable
from workflow_manager.dicom.walk import Data, Found, code_of, find

# Scanners send values that break the rules of their VR; the index takes them as they are and checks
# itself what it relies on.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

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
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_REQUESTS = "RequestAttributesSequence"
# Of an item of the Request Attributes Sequence, which QIDO-RS answers for a series.
_REQUEST = ("ScheduledProcedureStepID", "RequestedProcedureID")
_MAX_TEXT = 1024
_MAX_ITEMS = 16
_LONGEST_KEPT = 512
"""Longer values are decoded each time; so what is kept has a bound [byte]."""
_CHARACTER_SET = "SpecificCharacterSet"
_US = Struct("<H")

Decoder = Callable[[bytes], Any]


def tags_of(dataset: Dataset) -> dict[str, Any]:
    """Return the tags that the index keeps of a parsed data set."""
    tags: dict[str, Any] = {}
    for keyword in KEPT_TAGS:
        if keyword in dataset:
            value = dataset[keyword].value
            if value is not None and value != "":
                tags[keyword] = plain(value)
    requests = dataset.get(_REQUESTS)
    if requests:
        items = [{k: plain(item[k].value) for k in _REQUEST if k in item} for item in requests]
        tags[_REQUESTS] = items[:_MAX_ITEMS]
    return tags


def plain(value: Any) -> Any:
    """Write a value as JSON can hold it."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, pydicom.multival.MultiValue | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return readable(str(value))[:_MAX_TEXT]


# Letters and signs that are the same in all character sets that DICOM has (PS3.5 section 6.1).
_IS_PLAIN = re.compile(rb"[0-9A-Za-z ._:+,()/-]*\x00?").fullmatch
_IS_UID = re.compile(rb"[0-9.]{1,64}[ \x00]*").fullmatch
_IS_INTEGER = re.compile(rb" *-?[0-9]{1,9} *").fullmatch
_ARE_DECIMALS = re.compile(
    rb" *[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)? *"
    rb"(\\ *[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)? *)*"
).fullmatch


def _text(value: bytes) -> str | None:
    return value.decode("ascii").rstrip(" \x00") if _IS_PLAIN(value) else None


def _uid(value: bytes) -> str | None:
    return value.decode("ascii").rstrip(" \x00") if _IS_UID(value) else None


def _integer(value: bytes) -> int | None:
    return int(value) if _IS_INTEGER(value) else None


def _decimals(value: bytes) -> float | list[float] | None:
    if not _ARE_DECIMALS(value):
        return None
    numbers = [float(part) for part in value.split(b"\\")]
    if not all(map(math.isfinite, numbers)):
        return None
    return numbers[0] if len(numbers) == 1 else numbers


def _unsigned(value: bytes) -> int | None:
    return int(_US.unpack(value)[0]) if len(value) == _US.size else None


PLAIN_DECODERS: dict[str, Decoder] = {
    **dict.fromkeys(("AS", "CS", "DA", "DT", "LO", "SH", "TM"), _text),
    "UI": _uid,
    "IS": _integer,
    "DS": _decimals,
    "US": _unsigned,
}
"""None: it is not plain."""


def _wanted() -> dict[int, tuple[str, bytes, Decoder | None]]:
    wanted = {}
    for keyword in (*UIDS, *KEPT_TAGS, _REQUESTS):
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise LookupError(keyword)
        vr = dictionary_VR(tag)
        wanted[code_of(tag)] = keyword, vr.encode(), PLAIN_DECODERS.get(vr)
    return wanted


WANTED = _wanted()
"""Keyword, VR and decoder of the elements that are read, by their codes."""
CHARACTER_SET_CODE = next(c for c, (k, _, _) in WANTED.items() if k == _CHARACTER_SET)


def read_tags(
    data: Data, begin: int, end: int, *, implicit: bool
) -> tuple[dict[str, str], dict[str, Any]]:
    """Read a data set that is little endian; return UIDs that are plain, and what the index keeps.

    Raises:
        UnusualError: It needs a parser that takes its time.
        Exception: What pydicom raises of values that it cannot make sense of.
    """
    found = find(data, begin, end, WANTED, implicit=implicit)
    charset = found.get(CHARACTER_SET_CODE)
    charset_element = b"" if charset is None else bytes(data[charset.begin : charset.end])
    uids: dict[str, str] = {}
    tags: dict[str, Any] = {}
    for code, place in found.items():
        keyword = WANTED[code][0]
        value = value_of(data, code, place, charset_element, implicit=implicit)
        if value is None or value == "":
            continue
        if keyword in UIDS:
            uids[keyword] = value
        else:
            tags[keyword] = value
    return uids, tags


def value_of(data: Data, code: int, place: Found, charset: bytes, *, implicit: bool) -> Any:
    """Return what an element that is wanted holds; None or empty: nothing.

    Args:
        data: What holds the data set.
        code: Of the element.
        place: Where it is.
        charset: The element that names the character set, or nothing.
        implicit: Whether VRs are left out.

    Raises:
        Exception: What pydicom raises of values that it cannot make sense of.
    """
    keyword, vr, decoder = WANTED[code]
    if place.value == place.end:
        return None
    value = None
    if decoder is not None and place.vr in {vr, b""}:
        value = _plainly(code, data[place.value : place.end])
    if value is None:
        value = _slowly(data, place, charset, keyword, implicit=implicit)
    return value


def _plainly(code: int, value: bytes) -> Any:
    return (_plain_value if len(value) <= _LONGEST_KEPT else _plain_value.__wrapped__)(code, value)


@lru_cache(maxsize=8192)
def _plain_value(code: int, value: bytes) -> Any:
    """Return what stands in an element, or None: images of a series have most of them alike."""
    decoder = WANTED[code][2]
    return None if decoder is None else decoder(value)


def _slowly(data: Data, place: Found, charset: bytes, keyword: str, *, implicit: bool) -> Any:
    element = bytes(data[place.begin : place.end])
    if keyword == _CHARACTER_SET:
        charset = b""
    read = _read if len(element) + len(charset) <= _LONGEST_KEPT else _read.__wrapped__
    return read(charset, element, keyword, implicit)


@lru_cache(maxsize=8192)
def _read(charset: bytes, element: bytes, keyword: str, implicit: bool) -> Any:
    """Return what pydicom makes of an element beside its character set."""
    dataset = filereader.read_dataset(
        BytesIO(charset + element), is_implicit_VR=implicit, is_little_endian=True
    )
    if keyword in UIDS:
        value = dataset.get(keyword)
        return None if value is None else str(value)
    return tags_of(dataset).get(keyword)
