"""Values as text in DICOM JSON (PS3.18 annex F). Pure.

Nearly all values are a text or a number alone: those are written without a document in between. All
others go the way of `json_model`.
"""

from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from pydantic_core import to_json

from workflow_manager.dicomweb.json_model import element_of

Write = Callable[[Any], str]
_NUMBERS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
_TEXTS = frozenset(
    {"AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI"}  # these may have several values
)


def write_json(value: Any) -> str:
    """Return a value as JSON."""
    return to_json(value).decode()


@lru_cache(maxsize=4096)
def writer_of(tag: str, vr: str) -> Write:
    """Return what writes the values of an attribute, with its tag."""
    begin, nothing = f'"{tag}":{{"vr":"{vr}","Value":[', f'"{tag}":{{"vr":"{vr}"}}'

    def write(value: Any) -> str:
        if value is None or value == "":
            return nothing
        return f'"{tag}":{write_json(element_of(vr, value))}'

    if vr in _TEXTS:
        return _text_writer(begin, write)
    if vr == "PN":
        return _name_writer(begin, write)
    return _number_writer(begin, write) if vr in _NUMBERS else write


def _text_writer(begin: str, write_other: Write) -> Write:
    def write(value: Any) -> str:
        if type(value) is not str or not value or "\\" in value:
            return write_other(value)
        return f"{begin}{encode_basestring(value)}]}}"

    return write


def _name_writer(begin: str, write_other: Write) -> Write:
    def write(value: Any) -> str:
        if type(value) is not str or not value or "\\" in value or "=" in value:
            return write_other(value)
        return f'{begin}{{"Alphabetic":{encode_basestring(value)}}}]}}'

    return write


def _number_writer(begin: str, write_other: Write) -> Write:
    def write(value: Any) -> str:
        return f"{begin}{value}]}}" if type(value) is int else write_other(value)

    return write
