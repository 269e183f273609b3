"""Checks the text of a Pulseq file line by line, so that an error names its line.

After the Pulseq specification 1.2 to 1.5 (pulseq.github.io): sections, columns, and that whatever
an entry refers to is there. What the events mean is pypulseq's business.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from math import isfinite

V1_2_1, V1_4, V1_5, NEWEST = (1, 2, 1), (1, 4, 0), (1, 5, 0), (1, 6, 0)
OLDEST = (1, 2, 0)
_HALF_RASTER = "-1"
"""A time shape that is none: samples on half the gradient raster (1.5)."""
_RF, _GRADIENT, _ADC = "RF", "gradient", "ADC"
_EXTENSION, _SHAPE, _DELAY = "extension", "shape", "delay"


class PulseqTextError(ValueError):
    """A line of the file is wrong."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Line:
    """A line that says something."""

    number: int
    text: str

    def error(self, message: str) -> PulseqTextError:
        """Return the error that this line is wrong."""
        return PulseqTextError(self.number, message)

    def words(self, count: int, what: str) -> list[str]:
        """Return the columns."""
        words = self.text.split()
        if len(words) != count:
            raise self.error(f"{what} has {count} columns, here are {len(words)}")
        return words

    def whole(self, word: str) -> int:
        """Return a whole number that is not negative."""
        if not (word.isascii() and word.isdigit()):
            raise self.error(f"{word[:40]!r} is not a whole number")
        return int(word)

    def number_of(self, word: str) -> float:
        """Return a finite number."""
        try:
            value = float(word)
        except ValueError as error:
            raise self.error(f"{word[:40]!r} is not a number") from error
        if not isfinite(value):
            raise self.error(f"{word[:40]!r} is not a finite number")
        return value


@dataclass(slots=True)
class _Content:
    """What the file defines, and what it refers to."""

    labels: Collection[str]
    version: tuple[int, int, int] = (0, 0, 0)
    defined: dict[str, set[int]] = field(default_factory=dict)
    references: list[tuple[Line, str, str, int]] = field(default_factory=list)
    blocks: int = 0

    def define(self, line: Line, kind: str, number: int) -> None:
        known = self.defined.setdefault(kind, set())
        if number in known:
            raise line.error(f"{kind} {number} is defined twice")
        known.add(number)

    def refer(self, line: Line, what: str, kind: str, number: int) -> None:
        if number:
            self.references.append((line, what, kind, number))


def check_text(text: str, labels: Collection[str]) -> None:
    """Refuse a text that is no whole Pulseq file.

    Args:
        text: The file.
        labels: The labels that may be set and increased.

    Raises:
        PulseqTextError: With the line.
    """
    content = _Content(labels)
    last = 1
    for header, lines in _sections(text):
        last = lines[-1].number if lines else header.number
        _section(content, header, lines)
    if not content.blocks:
        raise PulseqTextError(last, "the file ends without any block; is it cut off?")
    for line, what, kind, number in content.references:
        if number not in content.defined.get(kind, ()):
            raise line.error(f"{what} uses {kind} {number}, which the file does not define")


def _sections(text: str) -> Iterator[tuple[Line, list[Line]]]:
    """Yield the header of every section with its lines, comments and blank lines left out."""
    header: Line | None = None
    lines: list[Line] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = Line(number, raw.strip())
        if not line.text or line.text.startswith("#"):
            continue
        if line.text.startswith("[") or line.text.startswith("extension "):
            if header is not None:
                yield header, lines
            header, lines = line, []
        elif header is None:
            raise line.error(f"{line.text[:40]!r} stands before the first section; no Pulseq file?")
        else:
            lines.append(line)
    if header is None:
        raise PulseqTextError(1, "no section such as [VERSION]; no Pulseq file?")
    yield header, lines


def _section(content: _Content, header: Line, lines: list[Line]) -> None:
    name = header.text
    if name in _FREE:
        return
    if name == "[VERSION]":
        _version(content, header, lines)
        return
    if content.version == (0, 0, 0):
        raise header.error(f"{name} stands before [VERSION]")
    if name == "[SHAPES]":
        _shapes(content, lines)
        return
    if name == "[BLOCKS]":
        content.blocks = len(lines)
    key = " ".join(name.split()[:2]) if name.startswith("extension ") else name
    check = _ENTRIES.get(key)
    if check is None:
        raise header.error(f"unknown section {name[:40]!r}")
    for line in lines:
        check(content, line)


def _version(content: _Content, header: Line, lines: list[Line]) -> None:
    found = {}
    for line in lines:
        key, value = line.words(2, "an entry of [VERSION]")
        found[key] = line.whole(value[:1] if key == "revision" else value)
    missing = [key for key in ("major", "minor", "revision") if key not in found]
    if missing:
        raise header.error(f"[VERSION] lacks {', '.join(missing)}")
    content.version = (found["major"], found["minor"], found["revision"])
    if not OLDEST <= content.version < NEWEST:
        text = ".".join(map(str, content.version))
        raise header.error(f"Pulseq {text} cannot be read, only 1.2.0 to 1.5.x")


def _block(content: _Content, line: Line) -> None:
    words = line.words(7 if content.version <= V1_2_1 else 8, "a block")
    number, duration, *events = [line.whole(word) for word in words]
    content.define(line, "block", number)
    kinds = (_RF, _GRADIENT, _GRADIENT, _GRADIENT, _ADC, _EXTENSION)
    for kind, event in zip(kinds, events, strict=False):
        content.refer(line, f"block {number}", kind, event)
    if content.version < V1_4:
        content.refer(line, f"block {number}", _DELAY, duration)


def _entry(
    kind: str,
    columns: Callable[[tuple[int, int, int]], int],
    shapes: Callable[[tuple[int, int, int]], tuple[int, ...]] = lambda _version: (),
) -> Callable[[_Content, Line], None]:
    """Return the check of an entry of numbers, some of them shapes."""

    def check(content: _Content, line: Line) -> None:
        words = line.words(columns(content.version), f"an entry of {kind}")
        number = line.whole(words[0])
        content.define(line, kind, number)
        named = kind == _RF and content.version >= V1_5
        for word in words[1:-1] if named else words[1:]:
            line.number_of(word)
        if named and words[-1] not in "erispou":
            raise line.error(f"{words[-1][:40]!r} is no use of an RF pulse")
        for column in shapes(content.version):
            shape = 0 if words[column] == _HALF_RASTER else line.whole(words[column])
            content.refer(line, f"{kind} {number}", _SHAPE, shape)

    return check


def _by_version(newest: int, middle: int, oldest: int) -> Callable[[tuple[int, int, int]], int]:
    def choose(version: tuple[int, int, int]) -> int:
        if version >= V1_5:
            return newest
        return middle if version >= V1_4 else oldest

    return choose


def _extension(content: _Content, line: Line) -> None:
    number, _kind, _reference, following = (
        line.whole(word) for word in line.words(4, "an extension")
    )
    content.define(line, _EXTENSION, number)
    content.refer(line, f"extension {number}", _EXTENSION, following)


def _label(content: _Content, line: Line) -> None:
    number, value, label = line.words(3, "a label")
    line.whole(number)
    line.number_of(value)
    if label not in content.labels:
        raise line.error(f"{label[:40]!r} is no label")


def _trigger(_content: _Content, line: Line) -> None:
    for word in line.words(5, "a trigger"):
        line.whole(word)


def _soft_delay(_content: _Content, line: Line) -> None:
    words = line.words(5, "a soft delay")
    for word in words[:4]:
        line.number_of(word)


def _shapes(content: _Content, lines: list[Line]) -> None:
    """Check every shape: its two headings, its numbers, and that they unfold to the length."""
    index = 0
    while index < len(lines):
        head = lines[index]
        number = _heading(head, "shape_id")
        content.define(head, _SHAPE, number)
        if index + 1 >= len(lines):
            raise head.error(f"shape {number} ends here; is the file cut off?")
        samples = _heading(lines[index + 1], "num_samples")
        index += 2
        start = index
        while index < len(lines) and not lines[index].text.startswith("shape_id"):
            index += 1
        values = [line.number_of(line.text) for line in lines[start:index]]
        uncompressed = content.version >= V1_4 and len(values) == samples
        if not uncompressed and _unfolded(values) != samples:
            last = lines[index - 1]
            raise last.error(
                f"shape {number} has {_unfolded(values)} samples here, not {samples}; "
                "is the file cut off?"
            )


def _heading(line: Line, name: str) -> int:
    key, value = line.words(2, name)
    if key != name:
        raise line.error(f"here must stand {name}, not {key[:40]!r}")
    return line.whole(value)


def _unfolded(values: list[float]) -> int:
    """Return the length of a run-length coded shape: two equal numbers, then how many more."""
    total, index = 0, 0
    while index < len(values):
        if index + 2 < len(values) and values[index] == values[index + 1]:
            total += 2 + int(values[index + 2])
            index += 3
        else:
            total += 1
            index += 1
    return total


def _gradient_shapes(version: tuple[int, int, int]) -> tuple[int, ...]:
    if version >= V1_5:
        return (4, 5)
    return (2, 3) if version >= V1_4 else (2,)


_FREE = frozenset({"[DEFINITIONS]", "[SIGNATURE]"})
_ENTRIES: dict[str, Callable[[_Content, Line], None]] = {
    "[BLOCKS]": _block,
    "[RF]": _entry(
        _RF,
        _by_version(12, 8, 7),
        lambda version: (2, 3, 4) if version >= V1_4 else (2, 3),
    ),
    "[GRADIENTS]": _entry(_GRADIENT, _by_version(7, 5, 4), _gradient_shapes),
    "[TRAP]": _entry(_GRADIENT, _by_version(6, 6, 6)),
    "[ADC]": _entry(_ADC, _by_version(9, 6, 6), lambda version: (8,) if version >= V1_5 else ()),
    "[DELAYS]": _entry(_DELAY, _by_version(2, 2, 2)),
    "[EXTENSIONS]": _extension,
    "extension LABELSET": _label,
    "extension LABELINC": _label,
    "extension TRIGGERS": _trigger,
    "extension DELAYS": _soft_delay,
}
