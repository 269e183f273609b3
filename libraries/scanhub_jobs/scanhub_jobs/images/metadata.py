"""What the headers of images say, in JSON; the patient only where it is asked for."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from scanhub_jobs.images.identity import PATIENT, VISIT
from scanhub_jobs.images.sorting import vector, whole_number

_BULK = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_META_GROUP = 0x0002
_PIXELS = frozenset(("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
_AGE_UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}


class Age(BaseModel):
    """An age with its unit (VR AS, PS3.5 section 6.2)."""

    model_config = ConfigDict(frozen=True)

    value: int
    unit: str
    """day, week, month or year"""


class SeriesMetadata(BaseModel):
    """What a series is; nothing that names the patient."""

    model_config = ConfigDict(frozen=True)

    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str | None
    modality: str
    sop_class_uids: list[str]
    series_number: int | None
    series_description: str
    protocol_name: str
    body_part_examined: str
    image_type: list[str]
    manufacturer: str
    manufacturer_model_name: str
    instances: int
    rows: int | None
    columns: int | None
    pixel_spacing_mm: tuple[float, float] | None
    """Between rows, between columns"""
    slice_thickness_mm: float | None
    patient_age: Age | None


def parsed_age(text: str) -> Age | None:
    """Return what an age string says; None when it is none: 006M is six months."""
    text = text.strip()
    if not text[:-1].isdigit() or text[-1:] not in _AGE_UNITS:
        return None
    return Age(value=int(text[:-1]), unit=_AGE_UNITS[text[-1]])


def series_metadata(headers: Sequence[Dataset]) -> SeriesMetadata:
    """Return what a series is, by its first image; SOP classes of all.

    Args:
        headers: Of all images, at least one.
    """
    first = headers[0]
    spacing, thickness = vector(first, "PixelSpacing", 2), first.get("SliceThickness")
    return SeriesMetadata(
        series_instance_uid=str(first.SeriesInstanceUID),
        study_instance_uid=str(first.StudyInstanceUID),
        frame_of_reference_uid=str(first.get("FrameOfReferenceUID") or "") or None,
        modality=str(first.get("Modality") or ""),
        sop_class_uids=sorted({str(header.SOPClassUID) for header in headers}),
        series_number=whole_number(first, "SeriesNumber"),
        series_description=str(first.get("SeriesDescription") or ""),
        protocol_name=str(first.get("ProtocolName") or ""),
        body_part_examined=str(first.get("BodyPartExamined") or ""),
        image_type=[str(v) for v in _several(first.get("ImageType"))],
        manufacturer=str(first.get("Manufacturer") or ""),
        manufacturer_model_name=str(first.get("ManufacturerModelName") or ""),
        instances=len(headers),
        rows=whole_number(first, "Rows"),
        columns=whole_number(first, "Columns"),
        pixel_spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        slice_thickness_mm=None if thickness in {None, ""} else float(str(thickness)),
        patient_age=parsed_age(str(first.get("PatientAge") or "")),
    )


def _several(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def summary(dataset: Dataset, *, patient: bool = False) -> dict[str, Any]:
    """Return the elements of a data set by keyword, as JSON values.

    Nested items stay nested and pixels are left out. Several values are a list; an age is a value
    with its unit; a person's name is its text with all groups. Private elements have no keyword:
    `full` has them.

    Args:
        dataset: Any.
        patient: With what names persons, the patient and the visit; without, the age stays.
    """
    return {
        element.keyword: _value(element, patient)
        for element in dataset
        if element.keyword
        and element.VR not in _BULK
        and element.tag.group != _META_GROUP
        and (patient or not _names_somebody(element))
    }


def full(dataset: Dataset, *, patient: bool = False) -> dict[str, Any]:
    """Return a data set in the DICOM JSON model (PS3.18 annex F), with private elements.

    Args:
        dataset: Any.
        patient: With what names persons, the patient and the visit. Private elements stay in any
            case, and may name one all the same.
    """
    return _kept(dataset, patient).to_json_dict(suppress_invalid_tags=True)


def _kept(dataset: Dataset, patient: bool) -> Dataset:
    kept = Dataset()
    for element in dataset:
        if element.keyword in _PIXELS or (not patient and _names_somebody(element)):
            continue
        if element.VR == "SQ":
            kept.add_new(element.tag, "SQ", [_kept(item, patient) for item in element.value])
        else:
            kept.add(element)
    return kept


def _names_somebody(element: DataElement) -> bool:
    if element.VR == "AS":
        return False
    return element.VR == "PN" or element.keyword in PATIENT or element.keyword in VISIT


def _value(element: DataElement, patient: bool) -> Any:
    if element.VR == "SQ":
        return [summary(item, patient=patient) for item in element.value]
    if element.VR == "AS":
        age = parsed_age(str(element.value or ""))
        return None if age is None else age.model_dump()
    values = [_plain(element.VR, v) for v in _several(element.value)]
    if len(values) > 1:
        return values
    return values[0] if values else None


def _plain(vr: str, value: Any) -> Any:
    if isinstance(value, PersonName):
        return str(value)
    if vr in {"DS", "FL", "FD"}:
        return float(value)
    if vr in {"IS", "SL", "SS", "SV", "UL", "US", "UV"}:
        return int(value)
    return str(value)
