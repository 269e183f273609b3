"""The Range header of a request for a part of a file (RFC 9110, section 14). Pure."""

import re
from collections.abc import Sequence

from scanhub_libraries.errors import BadRequestError, RangeNotSatisfiableError

MOST_RANGES = 100
_PART = re.compile(r"(\d{0,18})-(\d{0,18})", re.ASCII)
Span = tuple[int, int]
"""First byte, and the one after the last."""


def parse_ranges(header: str, size: int) -> list[Span]:
    """Return the parts of a file that are asked for, in order; none: the whole of it.

    A unit that is not bytes is ignored, as RFC 9110 wants it, and so are more than a hundred
    ranges, which nobody needs. Parts that overlap or touch come as one.

    Args:
        header: The header's value.
        size: Bytes of the file.

    Raises:
        BadRequestError: The header is not what RFC 9110 describes.
        RangeNotSatisfiableError: Nothing of it is in the file.
    """
    unit, equals, text = header.partition("=")
    if not equals:
        raise _malformed(header)
    if unit.strip().lower() != "bytes":
        return []
    parts = [part.strip(" \t") for part in text.split(",") if part.strip(" \t")]
    if len(parts) > MOST_RANGES:
        return []
    if not parts:
        raise _malformed(header)
    asked = [_span(part, size, header) for part in parts]
    found = sorted(span for span in asked if span[0] < span[1])
    if not found:
        raise RangeNotSatisfiableError(
            f"Range: the file has {size} bytes, and nothing of it was asked for.",
            content_range=f"bytes */{size}",
        )
    return _merged(found)


def _span(part: str, size: int, header: str) -> Span:
    """Return a part as it is in the file; empty where it is not in it."""
    found = _PART.fullmatch(part)
    if found is None or part == "-":
        raise _malformed(header)
    first, last = found[1], found[2]
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        raise _malformed(header)
    return int(first), min(size, int(last) + 1) if last else size


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged = [spans[0]]
    for first, end in spans[1:]:
        if first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((first, end))
    return merged


def _malformed(header: str) -> BadRequestError:
    return BadRequestError(
        f"Range: {header[:80]!r} is none: write bytes=FIRST-LAST, bytes=FIRST- or bytes=-LAST.",
        field="Range",
    )
