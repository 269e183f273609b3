"""Extensions: chains of triggers, labels, soft delays, rotations, shims."""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

from exam_manager.sequences.pulseq_file.model import (
    Extension,
    Label,
    RfShim,
    Rotation,
    SoftDelay,
    Trigger,
)
from exam_manager.sequences.pulseq_file.sections import Line, Section

LABELS = frozenset(
    (
        *("SLC", "SEG", "REP", "AVG", "SET", "ECO", "PHS", "LIN", "PAR", "ACQ", "NAV", "REV"),
        *("SMS", "REF", "IMA", "OFF", "NOISE", "PMC", "NOROT", "NOPOS", "NOSCL", "ONCE", "TRID"),
    )
)
_US = 1e-6
_UNIT_NORM = 1e-3
_LONGEST_CHAIN = 200
Chains = dict[int, tuple[Extension, ...]]


def _label(line: Line, *, increase: bool) -> Label:
    _number, value, name = line.words(3, "a label")
    if name not in LABELS:
        raise line.error(f"{name[:40]!r} is no label")
    amount = line.number_of(value)
    if amount != int(amount):
        raise line.error(f"{value[:40]!r} is not a whole number")
    return Label(name, int(amount), increase)


def _trigger(line: Line) -> Trigger:
    _number, kind, channel, delay, duration = (
        line.whole(word) for word in line.words(5, "a trigger")
    )
    return Trigger(kind, channel, delay * _US, duration * _US)


def _soft_delay(line: Line) -> SoftDelay:
    words = line.words(5, "a soft delay")
    number, offset, factor = (line.number_of(word) for word in words[1:4])
    if factor == 0:
        raise line.error("the factor of a soft delay is 0")
    return SoftDelay(int(number), offset * _US, factor, words[4])


def _rotation(line: Line) -> Rotation:
    w, x, y, z = (line.number_of(word) for word in line.words(5, "a rotation")[1:])
    norm = sqrt(w * w + x * x + y * y + z * z)
    if abs(norm - 1) > _UNIT_NORM:
        raise line.error(f"the quaternion has length {norm:g}, not 1")
    return Rotation((w / norm, x / norm, y / norm, z / norm))


def _shim(line: Line) -> RfShim:
    words = line.text.split()
    channels = line.whole(words[1]) if len(words) > 1 else 0
    numbers = [line.number_of(word) for word in line.words(2 + 2 * channels, "a shim")[2:]]
    return RfShim(tuple(numbers[::2]), tuple(numbers[1::2]))


READERS: dict[str, Callable[[Line], Extension]] = {
    "LABELSET": lambda line: _label(line, increase=False),
    "LABELINC": lambda line: _label(line, increase=True),
    "TRIGGERS": _trigger,
    "DELAYS": _soft_delay,
    "ROTATIONS": _rotation,
    "RF_SHIMS": _shim,
}


def read_extensions(
    chain: Section | None, kinds: list[Section], definitions: Mapping[str, Any]
) -> tuple[Chains, list[str]]:
    """Return what every entry of [EXTENSIONS] stands for, and notes on what was passed over.

    An extension that nobody knows is passed over, unless the file says that it is required.

    Raises:
        PulseqTextError: With the line.
    """
    entries: dict[int, dict[int, Extension]] = {}
    unknown: set[int] = set()
    notes: list[str] = []
    required = str(definitions.get("RequiredExtensions", "")).split()
    for section in kinds:
        words = section.header.words(3, "the header of an extension")
        kind = section.header.whole(words[2])
        if kind in entries or kind in unknown:
            raise section.header.error(f"extension type {kind} is defined twice")
        if words[1] in READERS:
            entries[kind] = _entries(section, READERS[words[1]])
        elif words[1] in required:
            raise section.header.error(f"the required extension {words[1][:40]!r} is unknown")
        else:
            unknown.add(kind)
            notes.append(f"extension {words[1][:40]!r} is unknown and was passed over")
    return _chains(chain, entries, unknown), notes


def _entries(section: Section, read: Callable[[Line], Extension]) -> dict[int, Extension]:
    found: dict[int, Extension] = {}
    for line in section.lines():
        number = line.whole(line.text.split()[0])
        if number in found:
            raise line.error(f"{section.name} {number} is defined twice")
        found[number] = read(line)
    return found


def _chains(
    section: Section | None, entries: dict[int, dict[int, Extension]], unknown: set[int]
) -> Chains:
    if section is None:
        return {}
    links: dict[int, tuple[Line, Extension | None, int]] = {}
    for line in section.lines():
        number, kind, reference, following = map(line.whole, line.words(4, "an extension"))
        if number in links:
            raise line.error(f"extension {number} is defined twice")
        if kind not in entries and kind not in unknown:
            raise line.error(f"extension {number} has type {kind}, which the file does not define")
        event = entries.get(kind, {}).get(reference)
        if event is None and kind in entries:
            raise line.error(
                f"extension {number} uses entry {reference} of type {kind}, "
                "which the file does not define"
            )
        links[number] = (line, event, following)
    return {number: _follow(number, links) for number in links}


def _follow(
    number: int, links: dict[int, tuple[Line, Extension | None, int]]
) -> tuple[Extension, ...]:
    """Walk a chain. It is stored last entry first."""
    found: list[Extension] = []
    seen: set[int] = set()
    at = number
    while at:
        if at not in links:
            raise links[number][0].error(f"the chain leads to extension {at}, which is not there")
        if at in seen or len(seen) == _LONGEST_CHAIN:
            raise links[number][0].error(f"the chain of extension {number} has no end")
        seen.add(at)
        _line, event, at = links[at]
        if event is not None:
            found.append(event)
    return tuple(reversed(found))
