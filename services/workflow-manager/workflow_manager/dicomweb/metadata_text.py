"""A data set as DICOM JSON (PS3.18 annex F), written straight from its encoded elements. Pure.

The outcome is that of `json_model.json_of_dataset`, in a fraction of its time: images of a series
have most of their elements in common, byte for byte, so what was written of one is kept for the
next one. What is not plain goes through pydicom, that element alone.
"""

import math
from base64 import b64encode
from collections.abc import Container, Mapping
from functools import lru_cache
from io import BytesIO
from struct import Struct
from typing import Any, NamedTuple

from pydicom import filereader
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from workflow_manager.dicom.tags import PLAIN_DECODERS, Decoder
from workflow_manager.dicom.walk import (
    Data,
    Found,
    UnusualError,
    code_of,
    find,
    items_of,
)
from workflow_manager.dicomweb.json_model import BINARY, INLINE_BYTES, json_of_dataset
from workflow_manager.dicomweb.json_text import write_json, writer_of

_CHARACTER_SET, _SIGNED = code_of(0x00080005), code_of(0x00280103)
_LONGEST_KEPT = 256
"""Longer elements are written each time; so what is kept has a bound [byte]."""
_DEEPEST = 16
_NUMBERS = {b"FD": "d", b"FL": "f", b"UL": "I", b"SS": "h", b"SL": "i"}


class _All(Container[int]):
    """Every element is wanted."""

    def __contains__(self, code: object) -> bool:
        return True


_ALL = _All()


class _Around(NamedTuple):
    """What the elements of a data set or an item are written by."""

    implicit: bool
    """VRs are left out."""
    context: bytes
    """Elements that say how others are read: character set, sign of the pixels."""
    bulk: str
    """Beginning of the addresses of values."""
    depth: int


def elements_of(
    data: Data, begin: int, end: int, *, implicit: bool, bulk: str
) -> tuple[dict[int, str], bool]:
    """Return the elements of a data set as texts, by their tags, and whether it has pixels.

    Args:
        data: What holds the data set, little endian, or all of it in front of the pixels.
        begin: Where the data set begins.
        end: Where it ends.
        implicit: Whether VRs are left out.
        bulk: Beginning of the addresses of long values.

    Raises:
        UnusualError: pydicom has to read the whole.
    """
    texts, behind = _written(data, begin, end, _Around(implicit, b"", bulk, 0))
    return texts, behind < end


def _written(data: Data, begin: int, end: int, around: _Around) -> tuple[dict[int, str], int]:
    """Write a data set, or an item; return also where the last element ends."""
    found = find(data, begin, end, _ALL, implicit=around.implicit)
    if _CHARACTER_SET in found or (around.implicit and _SIGNED in found):
        around = around._replace(context=_context(data, found, around))
    kept = around._replace(bulk="")
    texts: dict[int, str] = {}
    behind = begin
    for code, (start, value, stop, written) in found.items():
        behind = max(behind, stop)
        tag = (code & 0xFFFF) << 16 | code >> 16
        if not tag & 0xFFFF or tag >> 16 == 2:  # noqa: PLR2004 - group lengths, file meta
            continue
        vr = written or _vr_of(tag)
        short = stop - start <= _LONGEST_KEPT
        near = kept if short else around
        if vr in _UNKNOWN:
            near = _with_others(tag, near, data, found)
        write = _keep if short else _write
        texts[tag] = write(tag, vr, value - start, data[start:stop], near)
    return texts, behind


_UNKNOWN = frozenset({b"", b"UN"})
"""What the element is depends on others, and only pydicom knows how."""


def _context(data: Data, found: Mapping[int, Found], around: _Around) -> bytes:
    """Return what says how elements are read; an item has from above what it lacks itself."""
    above = find(around.context, 0, len(around.context), _ALL, implicit=around.implicit)
    context = b""
    for code in (_CHARACTER_SET, _SIGNED):
        if code in found:
            context += data[found[code].begin : found[code].end]
        elif code in above:
            context += around.context[above[code].begin : above[code].end]
    return context


@lru_cache(maxsize=8192)
def _vr_of(tag: int) -> bytes:
    """Return the VR of an attribute that is written without; empty: only pydicom knows."""
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return b""
    return b"" if " or " in vr else vr.encode()


def _with_others(tag: int, near: _Around, data: Data, found: Mapping[int, Found]) -> _Around:
    """Add what says what an element is: the creator of a private one."""
    if tag >> 16 & 1:
        creator = found.get(code_of(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8))
        if creator is None:
            return near
        return near._replace(context=near.context + data[creator.begin : creator.end])
    if _is_ambiguous(tag) and not (_is_of_pixels(tag) and _SIGNED in _codes(near)):
        raise UnusualError("What an element is depends on others.")
    return near


def _is_ambiguous(tag: int) -> bool:
    return dictionary_has_tag(tag) and " or " in dictionary_VR(tag)


def _is_of_pixels(tag: int) -> bool:
    """Say whether a number has the sign of the pixels, and nothing else decides on it."""
    return dictionary_VR(tag) == "US or SS"


def _codes(near: _Around) -> Container[int]:
    return find(near.context, 0, len(near.context), _ALL, implicit=near.implicit)


def _write(tag: int, vr: bytes, header: int, encoded: bytes, around: _Around) -> str:
    """Write an element; what is longer than is kept may have an address in it."""
    if vr == b"SQ":
        return _sequence(tag, header, encoded, around)
    if vr in _BINARY:
        return _binary(tag, vr, header, encoded, around)
    decoder = _DECODERS.get(vr)
    if decoder is not None:
        plain = decoder(encoded[header:])
        if plain is not None:
            return writer_of(f"{tag:08X}", vr.decode())(plain)
    return _by_pydicom(tag, encoded, around)


_keep = lru_cache(maxsize=8192)(_write)


def _sequence(tag: int, header: int, encoded: bytes, around: _Around) -> str:
    if around.depth == _DEEPEST:
        raise UnusualError("Sequences are deep.")
    place = Found(0, header, len(encoded), b"SQ")
    items = []
    for number, (begin, end) in enumerate(items_of(encoded, place, implicit=around.implicit)):
        bulk = f"{around.bulk}{tag:08X}/{number}/"
        within = around._replace(bulk=bulk, depth=around.depth + 1)
        texts, behind = _written(encoded, begin, end, within)
        if behind != end:
            raise UnusualError("An item has pixels, or does not end where it says.")
        items.append(text_of(texts))
    return f'"{tag:08X}":{{"vr":"SQ","Value":[{",".join(items)}]}}'


def _binary(tag: int, vr: bytes, header: int, encoded: bytes, around: _Around) -> str:
    begin, length = f'"{tag:08X}":{{"vr":"{vr.decode()}"', len(encoded) - header
    if not length:
        return f"{begin}}}"
    if length > INLINE_BYTES:
        return f'{begin},"BulkDataURI":{write_json(f"{around.bulk}{tag:08X}")}}}'
    return f'{begin},"InlineBinary":"{b64encode(encoded[header:]).decode()}"}}'


def _by_pydicom(tag: int, encoded: bytes, around: _Around) -> str:
    dataset = filereader.read_dataset(
        BytesIO(around.context + encoded), is_implicit_VR=around.implicit, is_little_endian=True
    )
    name = f"{tag:08X}"
    found = json_of_dataset(dataset, lambda place: f"{around.bulk}{place}")
    return f'"{name}":{write_json(found[name])}'


def text_of(texts: Mapping[int, str]) -> str:
    """Return elements as an object of DICOM JSON, in the order of their tags (PS3.18 F.2.2)."""
    return f"{{{','.join([texts[tag] for tag in sorted(texts)])}}}"


def _numbers(letter: str) -> Decoder:
    unpack, size = Struct(f"<{letter}").iter_unpack, Struct(f"<{letter}").size

    def decode(value: bytes) -> Any:
        if not value or len(value) % size:
            return None
        numbers = [number for (number,) in unpack(value)]
        return numbers if all(map(math.isfinite, numbers)) else None

    return decode


_DECODERS: dict[bytes, Decoder] = {
    **{vr.encode(): decoder for vr, decoder in PLAIN_DECODERS.items()},
    **{vr: _numbers(letter) for vr, letter in _NUMBERS.items()},
}
_BINARY = frozenset(vr.encode() for vr in BINARY - {"UN"})
