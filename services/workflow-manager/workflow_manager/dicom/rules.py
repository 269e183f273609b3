"""What may be stored, and where. Pure."""

import re

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*", re.ASCII)
_LENIENT_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_MAX_UID = 64

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000


class NotStorableError(Exception):
    """The bytes cannot be indexed; they are kept in quarantine with this reason."""


def checked_uid(value: object, keyword: str) -> str:
    """Return a UID that can be part of a path: digits and dots only (PS3.5 section 9).

    Components with leading zeros break the standard, but scanners send them and they do no harm.
    """
    text = "" if value is None else str(value)
    if len(text) > _MAX_UID or not _LENIENT_UID.fullmatch(text):
        raise NotStorableError(f"{keyword} is {text[:80]!r}, which is no DICOM UID.")
    return text


def is_standard_uid(text: str) -> bool:
    """Say whether a UID follows the standard to the letter."""
    return len(text) <= _MAX_UID and bool(_UID.fullmatch(text))


def instance_key(study: str, series: str, sop: str) -> str:
    """Return where an instance lies, below the root of the lake."""
    return f"dicom/{study}/{series}/{sop}.dcm"


def conflict_key(sop: str, sha256: str) -> str:
    """Return where a second object under a known UID is kept aside."""
    return f"dicom/conflicts/{sop}.{sha256[:16]}.dcm"


def quarantine_key(sha256: str) -> str:
    """Return where bytes are kept that cannot be indexed."""
    return f"dicom/quarantine/{sha256}.dcm"
