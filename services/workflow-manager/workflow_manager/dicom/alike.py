"""Headers of images that are alike: what is as in the image before is compared, not read again.

Images of a series have most of a header in common, byte for byte: a few elements differ (UID,
number, place). Once two were read it is known which; of the next one only those are decoded, and
whatever else differs sends it the way of all others (`tags.read_tags`).
"""

import threading
from collections.abc import Container
from struct import Struct
from typing import Any, NamedTuple, Self

from workflow_manager.dicom.tags import CHARACTER_SET_CODE, UIDS, WANTED, read_tags, value_of
from workflow_manager.dicom.walk import (
    PIXELS,
    UNDEFINED,
    Found,
    UnusualError,
    find,
    has_long_length,
)

Tags = tuple[dict[str, str], dict[str, Any]]
_MOST_KNOWN = 4
"""Kinds of headers that a thread remembers: one that indexes has several series in turn."""
_TRIES = 32
"""How often a thread learns for nothing: each header that is known pays for one more."""
_PIXEL_HEADER = 12
_SHORT, _LONG = Struct("<H"), Struct("<I")


class _Difference(NamedTuple):
    """An element that differs from image to image, and what is the same in front of it."""

    same: bytes
    """Up to the length of the element."""
    code: int
    vr: bytes
    header: int
    """Of the element, up to its length [byte]."""
    length: Struct


class _All(Container[int]):
    """Every element is wanted."""

    def __contains__(self, _code: object) -> bool:
        return True


class _Layout(NamedTuple):
    """The elements of a header, one behind the other."""

    head: bytes
    elements: dict[int, Found]
    end: int
    """Where the pixels begin, behind tag and VR."""

    @classmethod
    def of(cls, head: bytes, *, implicit: bool) -> Self | None:
        """Find them; None: the pixels are not in sight, or a tag is there twice."""
        try:
            elements = find(head, 0, len(head), _All(), implicit=implicit)
        except UnusualError:  # the head ends within an element
            return None
        place = 0
        for each in elements.values():
            if each.begin != place:
                return None
            place = each.end
        if int.from_bytes(head[place : place + 4], "little") not in PIXELS:
            return None
        if place + _PIXEL_HEADER > len(head):
            return None
        return cls(head, elements, place + (4 if implicit else 6))

    def bytes_of(self, code: int) -> bytes:
        """Return an element."""
        found = self.elements[code]
        return self.head[found.begin : found.end]


class Likeness:
    """What images have in common, and where they differ."""

    def __init__(self, layout: _Layout, different: set[int], tags: Tags, *, implicit: bool) -> None:
        self.codes = list(layout.elements)
        self.different = different
        self._uids, self._tags = tags
        self.series = self._uids.get("SeriesInstanceUID")
        self.implicit = implicit
        charset = layout.elements.get(CHARACTER_SET_CODE)
        self._charset = b"" if charset is None else layout.bytes_of(CHARACTER_SET_CODE)
        self._differences: list[_Difference] = []
        place = 0
        for code in self.codes:
            if code in different:
                found = layout.elements[code]
                length = _LONG if found.vr == b"" or has_long_length(found.vr) else _SHORT
                begin = found.value - length.size
                same, header = layout.head[place:begin], begin - found.begin
                self._differences.append(_Difference(same, code, found.vr, header, length))
                place = found.end
        self._rest = layout.head[place : layout.end]

    def read(self, head: bytes) -> Tags | None:
        """Return UIDs and tags of a header; None: it differs in more, or cannot be told so."""
        uids, tags = dict(self._uids), dict(self._tags)
        place = 0
        for same, code, vr, header, length in self._differences:
            if not head.startswith(same, place):
                return None
            place += len(same)
            value = place + length.size
            if value > len(head):
                return None
            (size,) = length.unpack_from(head, place)
            begin, place = place - header, value + size
            if size == UNDEFINED or place > len(head):
                return None
            wanted = WANTED.get(code)
            if wanted is None:
                continue
            keyword = wanted[0]
            into: dict[str, Any] = uids if keyword in UIDS else tags
            found = Found(begin, value, place, vr)
            new = value_of(head, code, found, self._charset, implicit=self.implicit)
            if new is None or new == "" or keyword not in into:
                return None
            into[keyword] = new
        if place + len(self._rest) + _PIXEL_HEADER > len(head):
            return None
        return (uids, tags) if head.startswith(self._rest, place) else None


class _Memory(threading.local):
    """What a thread has seen."""

    def __init__(self) -> None:
        self.known: list[Likeness] = []
        self.last: _Layout | None = None
        self.tries = _TRIES

    def learn(self, head: bytes, tags: Tags, *, implicit: bool) -> None:
        """Compare a header with the one before."""
        if self.tries <= 0:
            return
        self.tries -= 1
        layout, last = _Layout.of(head, implicit=implicit), self.last
        self.last = layout
        if layout is None or last is None or list(layout.elements) != list(last.elements):
            return
        vrs = zip(layout.elements.values(), last.elements.values(), strict=True)
        different = {c for c in layout.elements if layout.bytes_of(c) != last.bytes_of(c)}
        if any(a.vr != b.vr for a, b in vrs) or CHARACTER_SET_CODE in different:
            return
        codes = list(layout.elements)
        for one in self.known:
            if one.codes == codes and one.series == tags[0].get("SeriesInstanceUID"):
                different |= one.different
                self.known.remove(one)
                break
        self.known.insert(0, Likeness(layout, different, tags, implicit=implicit))
        del self.known[_MOST_KNOWN:]


_MEMORY = _Memory()


def read_like_before(head: bytes, end: int, *, implicit: bool) -> Tags:
    """Read UIDs and tags of a data set, as `read_tags` does; quickly where it is like one before.

    Args:
        head: The data set from its beginning.
        end: Where it ends.
        implicit: Whether VRs are left out.

    Raises:
        UnusualError: It needs a parser that takes its time.
        Exception: What pydicom raises of values that it cannot make sense of.
    """
    memory = _MEMORY
    for one in memory.known:
        tags = one.read(head) if one.implicit is implicit else None
        if tags is not None:
            memory.tries = min(_TRIES, memory.tries + 1)
            return tags
    tags = read_tags(head, 0, end, implicit=implicit)
    memory.learn(head, tags, implicit=implicit)
    return tags
