"""What the columns of the index hold of the tags of an image. Pure.

Values come as scanners write them, also against the rules of their VR: what a column cannot hold is
cut or left out there, and stays whole in the file.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from workflow_manager.dicom.attributes import COLUMNS, Attribute, Level

_LARGEST = 2**63 - 1
_LONGEST_KEY = 256  # an index of PostgreSQL takes 2704 bytes an entry
_ESCAPE = re.compile(r"\x1b[\x20-\x2f]+[\x30-\x7e]")
_OLD_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d{1,6})?", re.ASCII)
_OF_LEVEL = {level: [one for one in COLUMNS if one.level is level] for level in Level}


def columns_of(level: Level, tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of one level, by their names."""
    found: dict[str, Any] = {}
    for attribute in _OF_LEVEL[level]:
        found[attribute.column] = _value(attribute, tags.get(attribute.keyword))
        if attribute.person:
            found[f"{attribute.column}_key"] = person_key(found[attribute.column])
    return found


def _value(attribute: Attribute, value: Any) -> str | int | None:
    if attribute.length is None:
        return whole_number(value)
    text = as_text(value)
    if attribute.keyword.endswith("Date"):
        text = plain_date(text)
    elif attribute.keyword.endswith("Time"):
        text = plain_time(text)
    return text[: attribute.length]


def as_text(value: Any) -> str:
    """Return a tag as DICOM writes it: values apart by a backslash (PS3.5 section 6.4)."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "\\".join(as_text(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("\x00", "")


def readable(text: str) -> str:
    """Return a decoded text without zeros and the escape sequences that its decoder left in.

    Python's codec of ISO 2022 IR 58 (Chinese) does not know that of PS3.5 table C.12-4.
    """
    return _ESCAPE.sub("", text).replace("\x00", "")


def whole_number(value: Any) -> int | None:
    """Return a number that a column can hold, or None."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_LARGEST <= number <= _LARGEST else None


def plain_date(text: str) -> str:
    """Return a date as YYYYMMDD; ACR-NEMA wrote YYYY.MM.DD (PS3.5 section 6.2, DA)."""
    old = _OLD_DATE.fullmatch(text.strip())
    return "".join(old.groups()) if old else text.strip()


def plain_time(text: str) -> str:
    """Return a time as HHMMSS.FFFFFF, so that texts compare as times do; what is none stays."""
    time = _TIME.fullmatch(text.strip())
    if time is None:
        return text.strip()
    hours, minutes, seconds, fraction = time.groups()
    return f"{hours}{minutes or '00'}{seconds or '00'}{fraction or ''}"


def person_key(name: str) -> str:
    """Return what a person's name is compared by: no case, no accents, no empty ends.

    PS3.4 C.2.2.2.1 lets names match so. Component groups stay apart by `=`, components by `^`.
    """
    letters = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
    groups = (
        "^".join(part.strip() for part in group.split("^")).rstrip("^")
        for group in plain.split("=")
    )
    return "=".join(groups).rstrip("=")[:_LONGEST_KEY]
