"""The DICOM JSON model (PS3.18 annex F), for answers of the index and for whole data sets. Pure."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from workflow_manager.dicom.columns import readable

Json = dict[str, Any]
BulkUri = Callable[[str], str]
"""Makes the address of a value from its path in the data set."""
BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_WHOLE = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
_REAL = frozenset({"DS", "FD", "FL"})
_NOT_SPLIT = frozenset({"LT", "ST", "UT", "UR"})
_PRIVATE = re.compile(r"[0-9A-F]{3}[13579BDF][0-9A-F]{4}", re.ASCII)
INLINE_BYTES = 1024
"""Longer binary values are told by their address."""
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PIXELS = 0x7FE00010
_FILE_META = 0x0002


def json_of_values(values: Mapping[str, Any]) -> Json:
    """Return values by keyword as DICOM JSON, in the order of their tags."""
    found: dict[str, Json] = {}
    for keyword, value in values.items():
        tag, vr = told_as(keyword)
        if tag:
            found[tag] = element_of(vr, value)
    return dict(sorted(found.items()))


@lru_cache(maxsize=4096)
def told_as(keyword: str) -> tuple[str, str]:
    """Return tag and VR of an attribute; empty: the standard knows none of that keyword.

    A private one goes by its tag; the index keeps its values as texts.
    """
    if _PRIVATE.fullmatch(keyword):
        return keyword, "UC"
    tag = tag_for_keyword(keyword)
    return ("", "") if tag is None else (f"{tag:08X}", dictionary_VR(tag).split(" ")[0])


def element_of(vr: str, value: Any) -> Json:
    """Return the value or values of an attribute as an element of DICOM JSON."""
    if isinstance(value, str) and vr not in _NOT_SPLIT:
        value = value.split("\\") if value else []
    items = value if isinstance(value, list) else [value]
    if vr == "SQ":
        return {"vr": vr, "Value": [json_of_values(i) for i in items if isinstance(i, dict)]}
    written = [_value(vr, item) for item in items]
    while written and written[-1] is None:
        written.pop()
    return {"vr": vr, "Value": written} if written else {"vr": vr}


def _value(vr: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if vr == "PN":
        groups = zip(_GROUPS, str(value).split("="), strict=False)
        return {name: group for name, group in groups if group}
    try:
        if vr in _WHOLE:
            return int(value)
        if vr in _REAL:
            return _finite(float(value))
    except (TypeError, ValueError, OverflowError):
        return str(value)  # PS3.18 F.2.3: a number that is none stays a text
    return str(value)


def _finite(number: float) -> float | str:
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
        return str(number)
    return number


def json_of_dataset(dataset: Dataset, bulk: BulkUri, path: str = "") -> Json:
    """Return a data set as DICOM JSON; long binary values are told by their address."""
    found: Json = {}
    for tag in sorted(dataset.keys()):
        if (
            tag.group == _FILE_META or tag.element == 0
        ):  # file meta and group lengths are not of the set
            continue
        name = f"{tag:08X}"
        try:
            element = dataset[tag]
            found[name] = _json_of_element(element, bulk, f"{path}{name}")
        except Exception:  # noqa: BLE001 - a value that cannot be read costs no other one
            found[name] = {"vr": "UN"}
    return found


def _json_of_element(element: DataElement, bulk: BulkUri, path: str) -> Json:
    vr = str(element.VR).split(" ")[0]
    if vr == "SQ":
        items = [json_of_dataset(d, bulk, f"{path}/{n}/") for n, d in enumerate(element.value)]
        return {"vr": vr, "Value": items}
    if vr in BINARY:
        return _binary(vr, element.value, bulk, path)
    if vr == "AT":
        return {"vr": vr, "Value": [f"{int(tag):08X}" for tag in _items(element.value)]}
    values = [_plain(vr, item) for item in _items(element.value)]
    return {"vr": vr, "Value": values} if any(v is not None for v in values) else {"vr": vr}


def _binary(vr: str, value: Any, bulk: BulkUri, path: str) -> Json:
    if not value:
        return {"vr": vr}
    if len(value) > INLINE_BYTES or path == f"{_PIXELS:08X}":
        return {"vr": vr, "BulkDataURI": bulk(path)}
    return {"vr": vr, "InlineBinary": b64encode(bytes(value)).decode()}


def _items(value: Any) -> Iterator[Any]:
    if value is None or isinstance(value, str | bytes | PersonName | int | float):
        yield value
    else:
        yield from value


def _plain(vr: str, value: Any) -> Any:
    if isinstance(value, PersonName):
        groups = (value.alphabetic, value.ideographic, value.phonetic)
        return {n: readable(str(g)) for n, g in zip(_GROUPS, groups, strict=True) if g} or None
    return _value(vr, value)
