"""A data set without what leads to the patient."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import SecondaryCaptureImageStorage

from scanhub_jobs.deidentification.profile import Action, Options, action_for, basic_action
from scanhub_jobs.deidentification.pseudonyms import Pseudonyms, moved_date
from scanhub_jobs.deidentification.texts import cleaned, identifying_words
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.images.identity import patient_key
from scanhub_jobs.making.files import file_meta

_CURVES, _OVERLAYS, _LAST_OF_THEM = 0x5000, 0x6000, 0xFF
_FIRST_DATA = 0x1000
"""Element number of the first private data element; below are the creators."""
_DUMMIES: dict[str, Any] = {
    "AE": "REMOVED", "AS": "000Y", "CS": "REMOVED", "DA": "19000101", "DS": "0",
    "DT": "19000101000000", "FD": 0.0, "FL": 0.0, "IS": "0", "LO": "REMOVED", "LT": "REMOVED",
    "OB": b"\0\0", "OW": b"\0\0", "PN": "REMOVED", "SH": "REMOVED", "SL": 0, "SS": 0,
    "ST": "REMOVED", "TM": "000000", "UC": "REMOVED", "UL": 0, "UN": b"\0\0", "US": 0,
    "UT": "REMOVED",
}  # fmt: skip
_CANNOT = {
    "ContentSequence": "it is a structured report, whose content may name the patient",
    "EncapsulatedDocument": "it holds a document, which may name the patient",
    "GraphicAnnotationSequence": "it holds annotations, which may name the patient",
}
_PHOTOGRAPHIC = frozenset(("ES", "GM", "OP", "OT", "US", "XC"))
"""Modalities whose images often show texts."""


class NotDeidentifiedError(JobInputError):
    """An object that cannot be made anonymous by its attributes."""


@dataclass(frozen=True)
class _Patient:
    """What is the same in all items of a data set."""

    key: str
    days: int
    words: frozenset[str]

    def moved(self, value: str) -> str:
        """Return a date some days away."""
        return moved_date(value, self.days)

    def cleaned(self, value: str) -> str:
        """Return a text without what names somebody."""
        return cleaned(value, self.words)


class Deidentifier:
    """Applies the profile; the same originals always become the same."""

    def __init__(self, options: Options, pseudonyms: Pseudonyms) -> None:
        self.options = options
        self._pseudonyms = pseudonyms

    def apply(self, original: Dataset) -> Dataset:
        """Return a copy without what leads to the patient; pixels stay as they are.

        Raises:
            NotDeidentifiedError: It is a kind of object whose content itself may name somebody.
        """
        for keyword, why in _CANNOT.items():
            if keyword in original:
                raise NotDeidentifiedError(f"It cannot be made anonymous: {why}.")
        dataset = deepcopy(original)
        key = patient_key(original)
        cleans = self.options.descriptors or self.options.patient
        words = identifying_words(original) if cleans else frozenset[str]()
        patient = _Patient(key, self._pseudonyms.days(key), words)
        self._treat(dataset, patient)
        self._sign(dataset, patient)
        syntax = original.file_meta.TransferSyntaxUID
        dataset.file_meta = file_meta(dataset, syntax)
        dataset.preamble = b"\0" * 128
        return dataset

    def _treat(self, dataset: Dataset, patient: _Patient) -> None:
        for tag in _private_to_remove(dataset, self.options):
            del dataset[tag]
        for element in list(dataset):
            if element.tag.is_private:
                action = Action.KEEP
            elif _shapeless(element) or not element.keyword:
                action = Action.REMOVE
            else:
                action = action_for(element, self.options)
            self._do(action, dataset, element, patient)

    def _do(
        self, action: Action, dataset: Dataset, element: DataElement, patient: _Patient
    ) -> None:
        if action is Action.REMOVE:
            del dataset[element.tag]
        elif action is Action.EMPTY:
            element.value = [] if element.VR == "SQ" else None
        elif action is Action.DUMMY:
            self._dummy(element)
        elif action is Action.UID:
            _each(element, self._pseudonyms.uid)
        elif action is Action.KEEP:
            for item in element.value if element.VR == "SQ" else ():
                self._treat(item, patient)
        else:
            _each(element, patient.moved if action is Action.SHIFT else patient.cleaned)
            if not any(_several(element.value)):
                self._do(basic_action(element), dataset, element, patient)

    def _dummy(self, element: DataElement) -> None:
        """Put something in its place; of a sequence, into its items."""
        if element.VR == "UI":
            _each(element, self._pseudonyms.uid)
        elif element.VR == "SQ":
            for item in element.value:
                for inner in item:
                    self._dummy(inner)
        else:
            element.value = _DUMMIES.get(element.VR, "")

    def _sign(self, dataset: Dataset, patient: _Patient) -> None:
        """Write who it is now, and what was done (PS3.15 section E.1.1)."""
        dataset.PatientID = dataset.PatientName = self._pseudonyms.patient_id(patient.key)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "PS3.15 Annex E, table E.1-1 of edition 2026c"
        ours = self.options.code_items()
        known = {value for value, _ in self.options.codes()}
        before = dataset.get("DeidentificationMethodCodeSequence") or []
        others = [item for item in before if item.get("CodeValue") not in known]
        dataset.DeidentificationMethodCodeSequence = [*others, *ours]
        told = {"remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED"}
        dataset.LongitudinalTemporalInformationModified = told[self.options.dates]


def warnings_of(dataset: Dataset) -> list[str]:
    """Return what speaks against giving an image away that attributes do not tell."""
    found = []
    burned_in = str(dataset.get("BurnedInAnnotation") or "")
    if burned_in == "YES":
        found.append("It says that the patient is named in its pixels (BurnedInAnnotation).")
    photographic = str(dataset.get("Modality") or "") in _PHOTOGRAPHIC
    captured = dataset.SOPClassUID == SecondaryCaptureImageStorage
    if not burned_in and (photographic or captured):
        found.append("It does not say whether the patient is named in its pixels; such images do.")
    if dataset.get("RecognizableVisualFeatures") == "YES":
        found.append("It says that the patient can be recognised in it.")
    return found


def _shapeless(element: DataElement) -> bool:
    """Say whether it belongs to a curve or an overlay."""
    group = element.tag.group
    return _CURVES <= group <= _CURVES + _LAST_OF_THEM or (
        _OVERLAYS <= group <= _OVERLAYS + _LAST_OF_THEM
    )


def _private_to_remove(dataset: Dataset, options: Options) -> list[BaseTag]:
    """Return the tags of private elements that are not safe, and of creators without any."""
    private = [tag for tag in dataset.keys() if tag.is_private]  # noqa: SIM118 - the tags alone
    safe = {tag for tag in private if _key_of(dataset, tag) in options.safe_private}
    creators = {(tag.group, tag.element >> 8) for tag in safe}
    return [tag for tag in private if tag not in safe and (tag.group, tag.element) not in creators]


def _key_of(dataset: Dataset, tag: BaseTag) -> tuple[int, int, str] | None:
    """Return what a private data element is: group, last byte, creator; None: it is none."""
    creator = dataset.get((tag.group, tag.element >> 8))
    if tag.element < _FIRST_DATA or creator is None:
        return None
    return tag.group, tag.element & 0xFF, str(creator.value).strip()


def _each(element: DataElement, change: Callable[[str], str]) -> None:
    """Change each value of an element."""
    several = isinstance(element.value, MultiValue | list | tuple)
    values = [change(str(value or "")) for value in _several(element.value)]
    element.value = values if several else values[0]


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]
