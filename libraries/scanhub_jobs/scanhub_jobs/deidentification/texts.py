"""Descriptors without what names somebody (PS3.15 section E.3.5)."""

import re
from collections.abc import Iterator

from pydicom.dataset import Dataset

_IDENTIFYING = frozenset(
    (
        "PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "AdmissionID",
        "ServiceEpisodeID", "RequestedProcedureID", "ScheduledProcedureStepID",
        "PerformedProcedureStepID", "InstitutionName", "InstitutionAddress",
        "InstitutionalDepartmentName", "StationName", "DeviceSerialNumber", "PatientAddress",
        "PatientTelephoneNumbers", "IssuerOfPatientID", "ResponsibleOrganization",
        "PatientBirthDate", "MilitaryRank", "MedicalRecordLocator", "ReferringPhysicianAddress",
        "ReferringPhysicianTelephoneNumbers", "PatientInstitutionResidence",
        "CurrentPatientLocation", "RequestingService",
    )
)  # fmt: skip
_WORD = re.compile(r"\w+")
_SHORTEST = 2
_NUMBER = re.compile(r"\d{4,}")
_PLACE_IN_THE_NET = re.compile(r"\S*(?:@|://|\\\\)\S*")
_GAPS = re.compile(r"\s*,(?:\s*,)+\s*")
_DATE = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")
_TITLE = re.compile(r"\b(?:mrs|mr|ms|miss|dr|prof|frau|herr)\b\.?\s+\w+", re.IGNORECASE)


def identifying_words(dataset: Dataset) -> frozenset[str]:
    """Return the words of a data set, and of its items, that name persons, cases and places."""
    return frozenset(_words_of(dataset))


def _words_of(dataset: Dataset) -> Iterator[str]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _words_of(item)
        elif element.VR == "PN" or element.keyword in _IDENTIFYING:
            for word in _WORD.findall(str(element.value).replace("_", " ").casefold()):
                if len(word) >= _SHORTEST:
                    yield word


def cleaned(text: str, words: frozenset[str]) -> str:
    """Return a text without words that name somebody.

    Also left out are numbers of four digits and more, dates, addresses in the net, and whatever
    word stands behind a title such as Dr.

    Args:
        text: Any.
        words: In small letters.
    """
    for pattern in (_PLACE_IN_THE_NET, _DATE, _TITLE):
        text = pattern.sub(" ", text)

    def kept(found: re.Match[str]) -> str:
        parts = [part for part in found[0].split("_") if not _named(part, words)]
        return "_".join(parts)

    return _GAPS.sub(", ", " ".join(_WORD.sub(kept, text).split())).strip(" ,;:-_/()")


def _named(word: str, words: frozenset[str]) -> bool:
    return word.casefold() in words or _NUMBER.search(word) is not None
