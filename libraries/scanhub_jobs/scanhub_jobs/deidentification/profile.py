"""The table of the profile (PS3.15 table E.1-1), and what its options make of it (section E.3)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from scanhub_jobs.making.head import code

Dates = Literal["remove", "shift", "keep"]


class Action(StrEnum):
    """What is done with an element."""

    KEEP = "keep"
    """A sequence stays, and its items are treated"""
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    UID = "uid"
    SHIFT = "shift"
    CLEAN = "clean"


@dataclass(frozen=True)
class Options:
    """Options of the profile (PS3.15 section E.3); by default the Basic Profile alone."""

    uids: bool = False
    """Retain UIDs (E.3.9)"""
    dates: Dates = "remove"
    """Retain Longitudinal Temporal Information, with modified or full dates (E.3.6)"""
    patient: bool = False
    """Retain Patient Characteristics (E.3.7)"""
    device: bool = False
    """Retain Device Identity (E.3.8)"""
    institution: bool = False
    """Retain Institution Identity (E.3.11)"""
    descriptors: bool = False
    """Clean Descriptors (E.3.5)"""
    safe_private: frozenset[tuple[int, int, str]] = frozenset()
    """Retain Safe Private (E.3.10): group, last byte of the element, private creator"""

    def codes(self) -> list[tuple[str, str]]:
        """Return code and meaning of what is done (PS3.16 CID 7050)."""
        wanted = (
            (True, "113100", "Basic Application Confidentiality Profile"),
            (self.descriptors, "113105", "Clean Descriptors Option"),
            (self.dates == "keep", "113106",
             "Retain Longitudinal Temporal Information Full Dates Option"),
            (self.dates == "shift", "113107",
             "Retain Longitudinal Temporal Information Modified Dates Option"),
            (self.patient, "113108", "Retain Patient Characteristics Option"),
            (self.device, "113109", "Retain Device Identity Option"),
            (self.uids, "113110", "Retain UIDs Option"),
            (bool(self.safe_private), "113111", "Retain Safe Private Option"),
            (self.institution, "113112", "Retain Institution Identity Option"),
        )  # fmt: skip
        return [(value, meaning) for given, value, meaning in wanted if given]

    def code_items(self) -> list[Dataset]:
        """Return the codes as items of a DeidentificationMethodCodeSequence."""
        return [code(value, "DCM", meaning) for value, meaning in self.codes()]


@dataclass(frozen=True)
class Rule:
    """A row of the table."""

    basic: str
    """Of the Basic Profile: D, Z, X, U and their combinations (PS3.15 table E.1-1a)"""
    options: frozenset[str] = frozenset()
    """Options that say something else"""


_TIMES = frozenset(("DA", "TM", "DT"))
_BASIC = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.UID,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.KEEP,
}
"""Of several, the one that is right whatever type the attribute has in its IOD."""
_SEQUENCES = {"X/D": Action.REMOVE, "X/Z/D": Action.REMOVE, "Z/D": Action.EMPTY}
"""There is no dummy of a sequence where there need not be one."""


@cache
def table() -> dict[int, Rule]:
    """Return the rows by tag."""
    text = files("scanhub_jobs.deidentification").joinpath("profile.tsv").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            tag, _, basic, options = line.split("\t")
            found[int(tag, 16)] = Rule(basic, frozenset(options.split()) - {"-"})
    return found


def action_for(element: DataElement, options: Options) -> Action:
    """Return what is done with a public element; what the table does not name stays.

    Dates, times and names of persons that the table does not name are treated as those it does.
    """
    rule = table().get(int(element.tag)) or _unnamed(element)
    if rule is None:
        return Action.KEEP
    return _retained(element, rule, options) or basic_action(element)


def basic_action(element: DataElement) -> Action:
    """Return what the Basic Profile does with a public element."""
    rule = table().get(int(element.tag)) or _unnamed(element)
    if rule is None:
        return Action.KEEP
    if element.VR == "SQ" and rule.basic in _SEQUENCES:
        return _SEQUENCES[rule.basic]
    return _BASIC[rule.basic]


def _unnamed(element: DataElement) -> Rule | None:
    if element.VR in _TIMES:
        return Rule("X", frozenset(("dates",)))
    return Rule("Z") if element.VR == "PN" else None


def _retained(element: DataElement, rule: Rule, options: Options) -> Action | None:
    """Return what an option that is chosen says; None: none says anything."""
    kept = (
        ("uids", options.uids),
        ("patient", options.patient),
        ("device", options.device),
        ("institution", options.institution),
    )
    if any(chosen and name in rule.options for name, chosen in kept):
        return Action.KEEP
    if "dates" in rule.options and options.dates != "remove":
        return _of_time(element, options.dates)
    cleaned = (("descriptors", options.descriptors), ("patient-clean", options.patient))
    text = element.VR != "SQ"
    if text and any(chosen and name in rule.options for name, chosen in cleaned):
        return Action.CLEAN
    return None


def _of_time(element: DataElement, dates: Dates) -> Action | None:
    if dates == "keep" or element.VR in {"TM", "SH"}:  # SH: TimezoneOffsetFromUTC
        return Action.KEEP
    return Action.SHIFT if element.VR in _TIMES else None
