"""What all objects of a new series share: patient and study of the reference, who made it, when."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import PersonName

from scanhub_jobs.images.identity import PATIENT, STUDY
from scanhub_jobs.images.sorting import whole_number
from scanhub_jobs.making.text import fitted
from scanhub_jobs.uids import derived_uid

_MOST_NUMBER = 2**31 - 1
_DAYS_AS_DAYS, _MONTHS_AS_MONTHS = 61, 24
_DAYS_A_MONTH, _DAYS_A_YEAR = 30.4375, 365.25
_MOST_AGE = 999
_ALWAYS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
_DIGITS = 8
_OFFSET_LENGTH = 5


@dataclass(frozen=True)
class Maker:
    """Who makes objects, when, and how their UIDs come out the same when the job runs again."""

    job: str
    version: str
    made_at: datetime
    seed: str
    ordinal: int = 1
    """Counts the series that a job makes"""
    manufacturer: str = "scanhub-jobs"

    @property
    def title(self) -> str:
        """Name and version, as a DerivationDescription."""
        return f"{self.job} {self.version}"

    def uid(self, *parts: object) -> UID:
        """Return the UID of something that this makes."""
        return UID(derived_uid(self.seed, *parts))


@dataclass(frozen=True)
class Described:
    """What a job says of a series that it makes."""

    description: str = ""
    number: int | None = None


@dataclass(frozen=True)
class Order:
    """What is to be made of voxels: everything but the voxels and their place."""

    like: Sequence[Dataset]
    """Headers of what they were made from, at least one"""
    maker: Maker
    described: Described
    frame_of_reference: str
    """FrameOfReferenceUID"""
    fill: float | None = None
    """What NaN and infinite values become; None: they are an error"""
    repetition_s: float | None = None
    """From volume to volume [s]"""


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence (PS3.3 section 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def new_series(like: Dataset, maker: Maker, described: Described, modality: str) -> Dataset:
    """Return what all objects of a new series in the reference's study share.

    Args:
        like: An object of that study; it is not changed.
        maker: Who makes it.
        described: What it is.
        modality: Of the new series.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"  # holds whatever the reference's sets could say
    copy_elements(like, dataset, PATIENT | STUDY)
    for keyword in _ALWAYS:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    if "StudyInstanceUID" not in dataset:
        dataset.StudyInstanceUID = maker.uid("study")
    age = computed_age(str(like.get("PatientBirthDate") or ""), str(like.get("StudyDate") or ""))
    if age:
        dataset.PatientAge = age
    dataset.Modality = modality
    dataset.SeriesInstanceUID = maker.uid("series")
    dataset.SeriesNumber = described.number or _number(like, maker)
    if described.description:
        dataset.SeriesDescription = fitted(described.description, 64)
    if "BodyPartExamined" in like:
        dataset.BodyPartExamined = like.BodyPartExamined
    _describe_times(dataset, maker.made_at)
    _describe_equipment(dataset, like, maker)
    return dataset


def copy_elements(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    """Copy elements so that their texts come out right in the target's character set."""
    wanted = set(keywords)
    for element in source:
        if element.keyword in wanted:
            target.add(copied(element))


def copied(element: DataElement) -> DataElement:
    """Return an element of its own, with texts that hold no encoding."""
    if element.VR == "SQ":
        items = []
        for item in element.value:
            items.append(Dataset())
            for inner in item:
                items[-1].add(copied(inner))
        return DataElement(element.tag, "SQ", items)
    value = element.value
    if element.VR == "PN":
        several = isinstance(value, MultiValue)
        value = [PersonName(str(v)) for v in value] if several else PersonName(str(value or ""))
    elif isinstance(value, MultiValue):
        value = list(value)
    return DataElement(element.tag, element.VR, value)


def computed_age(born: str, on: str) -> str:
    """Return the age on a day as an age string (AS); "" when the dates do not tell.

    Args:
        born: PatientBirthDate, DA.
        on: StudyDate, DA.
    """
    try:
        first, last = (
            datetime.strptime(text[:_DIGITS], "%Y%m%d").replace(tzinfo=UTC).date()
            for text in (born, on)
        )
    except ValueError:
        return ""
    days = (last - first).days
    if days < 0:
        return ""
    years = _years(first, last)
    if days < _DAYS_AS_DAYS:
        return f"{days:03d}D"
    months = 12 * years + int((days - years * _DAYS_A_YEAR) / _DAYS_A_MONTH)
    if months < _MONTHS_AS_MONTHS:
        return f"{months:03d}M"
    return f"{min(years, _MOST_AGE):03d}Y"


def _years(first: date, last: date) -> int:
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def _number(like: Dataset, maker: Maker) -> int:
    """Return a SeriesNumber that shows where the series came from, and differs within the job."""
    source = whole_number(like, "SeriesNumber") or 0
    number = abs(source) * 100 + maker.ordinal
    return number if number <= _MOST_NUMBER else maker.ordinal


def _describe_times(dataset: Dataset, made_at: datetime) -> None:
    """Write when it was made, in the time zone that the study's own times are in."""
    zone = _zone(str(dataset.get("TimezoneOffsetFromUTC") or ""))
    local = made_at.astimezone(zone)
    for prefix in ("Series", "Content", "InstanceCreation"):
        setattr(dataset, f"{prefix}Date", local.strftime("%Y%m%d"))
        setattr(dataset, f"{prefix}Time", local.strftime("%H%M%S"))


def _zone(offset: str) -> timezone | None:
    if len(offset) != _OFFSET_LENGTH or not offset[1:].isdigit():
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _describe_equipment(dataset: Dataset, like: Dataset, maker: Maker) -> None:
    """Name the job as what made the object, and the scanner as what it was made from."""
    dataset.Manufacturer = maker.manufacturer
    dataset.ManufacturerModelName = fitted(maker.job, 64)
    dataset.DeviceSerialNumber = "none"
    dataset.SoftwareVersions = fitted(maker.version, 64)
    contributing = [copied_item(item) for item in like.get("ContributingEquipmentSequence") or ()]
    if like.get("Manufacturer"):
        scanner = Dataset()
        scanner.PurposeOfReferenceCodeSequence = [code("109101", "DCM", "Acquisition Equipment")]
        keywords = (
            "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
            "StationName", "InstitutionName",
        )  # fmt: skip
        copy_elements(like, scanner, keywords)
        contributing.append(scanner)
    ours = Dataset()
    ours.PurposeOfReferenceCodeSequence = [code("109102", "DCM", "Processing Equipment")]
    ours.Manufacturer = maker.manufacturer
    ours.ManufacturerModelName = fitted(maker.job, 64)
    ours.SoftwareVersions = fitted(maker.version, 64)
    ours.ContributionDateTime = maker.made_at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    ours.ContributionDescription = "Image processing"
    dataset.ContributingEquipmentSequence = [*contributing, ours]


def copied_item(item: Dataset) -> Dataset:
    """Return an item of a sequence, with texts that hold no encoding."""
    found = Dataset()
    for element in item:
        found.add(copied(element))
    return found


def on_head(head: Dataset) -> Dataset:
    """Return a data set that begins with what all of a series share."""
    dataset = Dataset()
    for element in head:
        dataset.add(copy.copy(element))
    return dataset


def reference(dataset: Dataset) -> Dataset:
    """Return an item that refers to an object."""
    item = Dataset()
    item.ReferencedSOPClassUID = dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    return item


def source_items(sources: Sequence[Dataset], *, preserved: bool) -> list[Dataset]:
    """Return the items of a SourceImageSequence (PS3.3 section C.7.6.1.1.4).

    Args:
        sources: The images that something was made from.
        preserved: Its pixels lie where theirs do.
    """
    items = []
    for source in sources:
        if "SOPInstanceUID" not in source:  # it says whose raw data something was made of
            continue
        item = reference(source)
        item.SpatialLocationsPreserved = "YES" if preserved else "NO"
        meaning = "Source image for image processing operation"
        item.PurposeOfReferenceCodeSequence = [code("121322", "DCM", meaning)]
        items.append(item)
    return items
