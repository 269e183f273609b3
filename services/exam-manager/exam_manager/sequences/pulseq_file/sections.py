"""Cuts the text of a Pulseq file into its sections and reads tables of numbers at full speed.

A table is read in one go; only when that fails is it gone through line by line, to name the line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LARGEST = 1e15
"""No number of a sequence is larger; its square and its sums stay finite."""
_LARGEST_WHOLE = 2**53
_COMMENT = re.compile(rb"^[ \t]*#[^\n]*", re.MULTILINE)
_HEADER = re.compile(rb"^[ \t]*(\[[^\n]*|extension [^\n]*)$", re.MULTILINE)
_SHOWN = 40
MAX_SECTIONS = 1000
_WHOLE = b"0123456789 \t\n"


CORRECT_IT = (
    "Write the file again with the toolbox it comes from, and upload it whole; "
    "if it was edited by hand, correct this line."
)


class PulseqTextError(ValueError):
    """A line of the file is wrong."""

    def __init__(self, line: int, message: str, remedy: str = CORRECT_IT) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message
        self.remedy = remedy
        self.section = ""
        """Header of the section, if the line is in one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that says something."""

    number: int
    text: str

    def error(self, message: str, remedy: str = CORRECT_IT) -> PulseqTextError:
        """Return the error that this line is wrong."""
        return PulseqTextError(self.number, message, remedy)

    def words(self, count: int, what: str) -> list[str]:
        """Return the columns."""
        words = self.text.split()
        if len(words) != count:
            raise self.error(f"{what} has {count} columns, here are {len(words)}")
        return words

    def whole(self, word: str) -> int:
        """Return a whole number that is not negative."""
        if not (word.isascii() and word.isdigit()):
            raise self.error(f"{word[:_SHOWN]!r} is not a whole number")
        if len(word) > len(str(_LARGEST_WHOLE)) or int(word) > _LARGEST_WHOLE:
            raise self.error(f"{word[:_SHOWN]!r} is too large")
        return int(word)

    def number_of(self, word: str) -> float:
        """Return a finite number."""
        try:
            value = float(word.replace("_", "x"))  # 2_5 is a number in Python only
        except ValueError as error:
            raise self.error(f"{word[:_SHOWN]!r} is not a number") from error
        if not isfinite(value):
            raise self.error(f"{word[:_SHOWN]!r} is not a finite number")
        if abs(value) > LARGEST:
            raise self.error(f"{word[:_SHOWN]!r} is too large")
        return value


@dataclass(frozen=True)
class Section:
    """A header with the text below it, comments blanked out."""

    header: Line
    body: bytes
    offset: int
    """Where the header stands in the file [byte]."""

    @classmethod
    def empty(cls) -> "Section":
        """Return a section that the file does not have."""
        return cls(Line(0, ""), b"", 0)

    @property
    def name(self) -> str:
        """The header without the number of an extension."""
        text = self.header.text
        return " ".join(text.split()[:2]) if text.startswith("extension ") else text

    def lines(self) -> Iterator[Line]:
        """Yield the lines that say something."""
        for number, raw in enumerate(self.body.split(b"\n"), start=self.header.number):
            text = raw.decode().strip()
            if text:
                yield Line(number, text)

    @cached_property
    def _line_list(self) -> list[Line]:
        return list(self.lines())

    def line(self, row: int) -> Line:
        """Return the line of a row; the last one for -1."""
        return self._line_list[row] if self._line_list else self.header

    def table(self, columns: int, what: str) -> "Table":
        """Read rows of numbers.

        Raises:
            PulseqTextError: The first line that is no such row.
        """
        values = fast_numbers(self.body)
        if values is None or not _rectangular(self.body, values.size, columns):
            raise self._blame(columns, what)
        return Table(self, what, values.reshape(-1, columns))

    def _blame(self, columns: int, what: str) -> PulseqTextError:
        try:
            for line in self.lines():
                for word in line.words(columns, what):
                    line.number_of(word)
        except PulseqTextError as error:
            return error
        return self.header.error(f"{what} cannot be read")


def fast_numbers(body: bytes) -> Floats | None:
    """Return all numbers of a text, or None if one is none, not finite, or far too large."""
    if not body.strip():
        return np.empty(0)
    whole = not body.translate(None, delete=_WHOLE)  # read ten times as fast
    try:
        read = np.fromstring(body, dtype=np.int64 if whole else np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    values: Floats = read.astype(np.float64)
    inside = bool(np.all(np.abs(values) <= LARGEST))  # not so for NaN either
    return values if inside else None


def _rectangular(body: bytes, count: int, columns: int) -> bool:
    """Return whether every line that says something has so many words."""
    if count % columns:
        return False
    letters = np.frombuffer(body, np.uint8)
    starts = letters > ord(" ")
    starts[1:] &= letters[:-1] <= ord(" ")
    positions = np.flatnonzero(starts)
    if positions.size != count:
        return False
    of_line = np.searchsorted(np.flatnonzero(letters == ord("\n")), positions).reshape(-1, columns)
    same = bool(np.all(of_line[:, 0] == of_line[:, -1]))
    return same and bool(np.all(np.diff(of_line[:, 0]) > 0))


@dataclass(frozen=True)
class Table:
    """The rows of a section."""

    section: Section
    what: str
    values: Floats

    def whole(self, column: int, lowest: int = 0) -> Ints:
        """Return a column of whole numbers.

        Raises:
            PulseqTextError: The first row where it is none.
        """
        values = self.values[:, column]
        wrong = (values != np.floor(values)) | (values < lowest) | (values > _LARGEST_WHOLE)
        self.refuse(wrong, column, "is not a whole number")
        return values.astype(np.int64)

    def not_negative(self, *columns: int) -> None:
        """Refuse a row where one of these is negative."""
        for column in columns:
            self.refuse(self.values[:, column] < 0, column, "is negative")

    def refuse(self, wrong: NDArray[np.bool_], column: int, message: str) -> None:
        """Raise for the first row that is wrong, with the word that stands there."""
        if wrong.any():
            line = self.section.line(int(np.argmax(wrong)))
            raise line.error(f"{line.text.split()[column][:_SHOWN]!r} {message}")

    def numbers(self) -> Ints:
        """Return the numbers of the rows, in the first column.

        Raises:
            PulseqTextError: Two rows have the same.
        """
        numbers = self.whole(0)
        if bool(np.all(np.diff(numbers) > 0)):
            return numbers
        order = np.argsort(numbers, kind="stable")
        again = np.zeros(numbers.size, dtype=bool)
        again[order[1:]] = np.diff(numbers[order]) == 0
        if again.any():
            row = int(np.argmax(again))
            raise self.section.line(row).error(f"{self.what} {numbers[row]} is defined twice")
        return numbers


def cut_sections(data: bytes) -> list[Section]:
    """Cut a text into its sections.

    Raises:
        PulseqTextError: It is no text, begins with something else, or repeats a section.
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise PulseqTextError(data.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from error
    text = _COMMENT.sub(b"", data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    headers = list(islice(_HEADER.finditer(text), MAX_SECTIONS + 1))
    if len(headers) > MAX_SECTIONS:
        place = text.count(b"\n", 0, headers[-1].start()) + 1
        raise PulseqTextError(place, f"the file has more than {MAX_SECTIONS} sections")
    _check_begin(text[: headers[0].start()] if headers else text)
    if not headers:
        raise PulseqTextError(1, "no section such as [VERSION]; no Pulseq file?")
    sections: list[Section] = []
    number, last = 1, 0
    ends = [header.start() for header in headers[1:]] + [len(text)]
    for header, end in zip(headers, ends, strict=True):
        number, last = number + text.count(b"\n", last, header.start()), header.start()
        line = Line(number, header.group(1).decode().strip())
        sections.append(Section(line, text[header.end() : end], header.start()))
    _check_once(sections)
    return sections


def _check_begin(text: bytes) -> None:
    for number, raw in enumerate(text.split(b"\n"), start=1):
        if raw.strip():
            shown = raw.decode().strip()[:_SHOWN]
            message = f"{shown!r} stands before the first section; no Pulseq file?"
            raise PulseqTextError(number, message)


def _check_once(sections: list[Section]) -> None:
    names: set[str] = set()
    for section in sections:
        if section.name in names:
            raise section.header.error(f"{section.name[:_SHOWN]} stands twice")
        names.add(section.name)
