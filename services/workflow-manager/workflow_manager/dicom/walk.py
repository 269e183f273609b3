"""Find elements of a data set (PS3.5 section 7.1) without decoding any. Pure.

It answers where it is sure, and gives up where a data set is unusual: big endian, VRs that the
standard does not know, lengths beyond the end, sequences that are none. A parser that takes its
time then reads the whole; see `part10`.
"""

import mmap
from collections.abc import Container, Iterator
from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary  # the only list of VRs
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

Data = bytes | mmap.mmap
_EXPLICIT = Struct("<I2sH").unpack_from
_IMPLICIT = Struct("<II").unpack_from
_LENGTH = Struct("<I").unpack_from
_SHORT = frozenset(str(vr).encode() for vr in EXPLICIT_VR_LENGTH_16)
_LONG = frozenset(str(vr).encode() for vr in EXPLICIT_VR_LENGTH_32)
_HEADER, _LONG_HEADER = 8, 12
UNDEFINED = 0xFFFFFFFF
_DEEPEST = 16
_AT_PIXELS = -1
_PREFIX = 128
_GROUP_LENGTH = b"DICM\x02\x00\x00\x00UL\x04\x00"
"""What stands behind the preamble, before the length of the file meta information (PS3.10 7.1)."""
META = _PREFIX + len(_GROUP_LENGTH) + 4
"""Where the elements of the file meta information begin, behind their length."""


def has_long_length(vr: bytes) -> bool:
    """Say whether the length of an element with a VR takes four bytes (PS3.5 section 7.1.2)."""
    return vr in _LONG


def code_of(tag: int) -> int:
    """Return a tag as its four bytes read as one number, which is how elements are looked up."""
    return (tag & 0xFFFF) << 16 | tag >> 16


_ITEM, _ITEM_END, _END = code_of(0xFFFEE000), code_of(0xFFFEE00D), code_of(0xFFFEE0DD)
PIXELS = frozenset(code_of(tag) for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010))
_SEQUENCES = frozenset(code_of(t) for t, entry in DicomDictionary.items() if entry[0] == "SQ")


class UnusualError(Exception):
    """This data set needs a parser that takes its time."""


class Found(NamedTuple):
    """Where an element is."""

    begin: int
    """Its first byte."""
    value: int
    """The first byte of its value."""
    end: int
    """The first byte behind it."""
    vr: bytes
    """As it is written; empty where it is not."""


def data_set_begin(head: Data | bytearray) -> int | None:
    """Return where the data set of a file begins; None: it has too little to say, or no length."""
    if len(head) < META or head[_PREFIX : META - 4] != _GROUP_LENGTH:
        return None
    return META + int.from_bytes(head[META - 4 : META], "little")


def find(
    data: Data, begin: int, end: int, wanted: Container[int], *, implicit: bool
) -> dict[int, Found]:
    """Find elements of a data set before its pixels. Of several with one tag, the last counts.

    Args:
        data: What holds the data set; little endian.
        begin: Where the data set begins.
        end: Where the data set ends. `data` may hold less of it, but all in front of the pixels.
        wanted: Codes of the elements to find, see `code_of`.
        implicit: Whether VRs are left out.

    Raises:
        UnusualError: It is not what it looks like, or something is in it that is seldom.
    """
    held = min(end, len(data))
    if begin + _HEADER <= held and implicit == _has_vr(data, begin):
        raise UnusualError("The data set is not written as its transfer syntax says.")
    find_in = _find_implicit if implicit else _find_explicit
    found: dict[int, Found] = {}
    try:
        behind = find_in(data, begin, held, wanted, found)
    except struct_error as error:
        raise UnusualError("The data set ends within an element.") from error
    if behind not in {end, _AT_PIXELS}:
        raise UnusualError("The data set ends before its end.")
    return found


def _has_vr(data: Data, place: int) -> bool:
    return 0x40 < data[place + 4] < 0x5B and 0x40 < data[place + 5] < 0x5B  # noqa: PLR2004 - A to Z


def _find_explicit(
    data: Data, place: int, end: int, wanted: Container[int], found: dict[int, Found]
) -> int:
    while place + _HEADER <= end:
        code, vr, length = _EXPLICIT(data, place)
        if code in PIXELS and place + _LONG_HEADER <= end:
            return _AT_PIXELS
        begin = place
        if vr in _SHORT:
            value = place + _HEADER
            place = value + length
        elif vr in _LONG:
            value = place + _LONG_HEADER
            (length,) = _LENGTH(data, place + _HEADER)
            place = value + length
            if length == UNDEFINED:
                place = _behind_undefined(data, value, end, vr)
        else:
            raise UnusualError("A VR is unknown.")
        if place > end:
            raise UnusualError("An element goes beyond the end.")
        if code in wanted:
            found[code] = Found(begin, value, place, vr)
    return place


def _behind_undefined(data: Data, value: int, end: int, vr: bytes) -> int:
    if vr not in {b"SQ", b"UN"}:
        raise UnusualError("A value has no length.")
    return _behind_sequence(data, value, end, implicit=False, depth=0)


def _find_implicit(
    data: Data, place: int, end: int, wanted: Container[int], found: dict[int, Found]
) -> int:
    while place + _HEADER <= end:
        code, length = _IMPLICIT(data, place)
        if code in PIXELS:
            return _AT_PIXELS
        begin, value = place, place + _HEADER
        place = value + length
        if length == UNDEFINED:
            if not _is_sequence(data, code, value, end):
                raise UnusualError("A value has no length.")
            place = _behind_sequence(data, value, end, implicit=True, depth=0)
        if place > end or code == _ITEM_END:
            raise UnusualError("An element goes beyond the end.")
        if code in wanted:
            found[code] = Found(begin, value, place, b"")
    return place


def _is_sequence(data: Data, code: int, value: int, end: int) -> bool:
    """Say whether a value of undefined length without VR is a sequence; private ones look so."""
    if code in _SEQUENCES:
        return True
    is_private = bool(code & 1)
    return is_private and value + _HEADER <= end and _IMPLICIT(data, value)[0] == _ITEM


def _behind_sequence(data: Data, place: int, end: int, *, implicit: bool, depth: int) -> int:
    """Return what comes behind a sequence of undefined length (PS3.5 section 7.5)."""
    if depth == _DEEPEST:
        raise UnusualError("Sequences are deep.")
    while place + _HEADER <= end:
        code, length = _IMPLICIT(data, place)
        place += _HEADER
        if code == _END:
            return place
        if code != _ITEM:
            raise UnusualError("A sequence holds something that is no item.")
        if length == UNDEFINED:
            place = _behind_item(data, place, end, implicit=implicit, depth=depth)
        else:
            place += length
    raise UnusualError("A sequence has no end.")


def items_of(data: Data, found: Found, *, implicit: bool) -> Iterator[tuple[int, int]]:
    """Yield where the items of a sequence begin and end, without what delimits them.

    Raises:
        UnusualError: It holds something else.
    """
    place = found.value
    while place + _HEADER <= found.end:
        code, length = _IMPLICIT(data, place)
        place += _HEADER
        if code == _END:
            return
        if code != _ITEM:
            raise UnusualError("A sequence holds something that is no item.")
        if length == UNDEFINED:
            behind = _behind_item(data, place, found.end, implicit=implicit, depth=0)
            yield place, behind - _HEADER
        else:
            behind = place + length
            yield place, behind
        if behind > found.end:
            raise UnusualError("An item goes beyond the end.")
        place = behind


def _behind_item(data: Data, place: int, end: int, *, implicit: bool, depth: int) -> int:
    """Return what comes behind an item of undefined length."""
    implicit = implicit or (place + _HEADER <= end and not _has_vr(data, place))
    while place + _HEADER <= end:
        code, vr, short = _EXPLICIT(data, place)
        if code == _ITEM_END:
            return place + _HEADER
        value = place + _HEADER
        if implicit:
            (length,) = _LENGTH(data, place + 4)
        elif vr in _SHORT:
            length = short
        elif vr in _LONG:
            (length,) = _LENGTH(data, place + _HEADER)
            value += 4
        else:
            raise UnusualError("A VR is unknown.")
        if length != UNDEFINED:
            place = value + length
        elif _is_sequence(data, code, value, end) if implicit else vr in {b"SQ", b"UN"}:
            place = _behind_sequence(data, value, end, implicit=implicit, depth=depth + 1)
        else:
            raise UnusualError("A value has no length.")
    raise UnusualError("An item has no end.")
