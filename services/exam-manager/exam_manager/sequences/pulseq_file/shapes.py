"""Shapes: the run-length coded derivative of a waveform, unfolded without a loop over samples."""

import re
from collections.abc import Mapping

import numpy as np

from exam_manager.sequences.pulseq_file.sections import (
    Floats,
    Ints,
    Line,
    PulseqTextError,
    Section,
    fast_numbers,
)

MAX_SAMPLES = 2**24
"""Samples of all shapes together: 128 MiB. A file that asks for more is refused."""
_CODED = 3
"""A run takes three numbers."""
_HEADING = re.compile(rb"^[ \t]*shape_id\b[^\n]*$", re.MULTILINE)
_COUNT = re.compile(rb"\s*([^\n]*)(?:\n|$)")


def read_shapes(section: Section, *, may_be_plain: bool) -> Mapping[int, Floats]:
    """Read all shapes.

    Args:
        section: [SHAPES].
        may_be_plain: Since 1.4, as many numbers as samples are the samples themselves.

    Raises:
        PulseqTextError: With the line.
    """
    body = section.body
    heads = list(_HEADING.finditer(body))
    before = body[: heads[0].start()] if heads else body
    line = _first_line(before, section.header.number)
    if line is not None:
        raise line.error(f"here must stand shape_id, not {line.text[:40]!r}")
    shapes: dict[int, Floats] = {}
    total, number, last = 0, section.header.number, 0
    ends = [*(head.start() for head in heads[1:]), len(body)][: len(heads)]
    for head, end in zip(heads, ends, strict=True):
        number, last = number + body.count(b"\n", last, head.start()), head.start()
        title = Line(number, head.group().decode().strip())
        shape_id = _value(title, "shape_id")
        if shape_id in shapes:
            raise title.error(f"shape {shape_id} is defined twice")
        values, samples, at = _packed(title, body[head.end() : end], shape_id)
        total += samples
        if total > MAX_SAMPLES:
            raise at.error(
                f"the shapes have more than {MAX_SAMPLES} samples",
                "Use fewer or shorter shapes, or play one shape in several blocks.",
            )
        plain = may_be_plain and values.size == samples
        shapes[shape_id] = values if plain else _unfold(values, samples, at, shape_id)
    return shapes


def _first_line(text: bytes, number: int) -> Line | None:
    for offset, raw in enumerate(text.split(b"\n")):
        if raw.strip():
            return Line(number + offset, raw.decode().strip())
    return None


def _value(line: Line, name: str) -> int:
    key, value = line.words(2, name)
    if key != name:
        raise line.error(f"here must stand {name}, not {key[:40]!r}")
    return line.whole(value)


def _packed(title: Line, text: bytes, shape_id: int) -> tuple[Floats, int, Line]:
    """Return the numbers of a shape, how many samples they stand for, and the last line."""
    count = _COUNT.match(text)
    if count is None or not count.group(1).strip():
        raise title.error(f"shape {shape_id} ends here; is the file cut off?")
    at = title.number + text.count(b"\n", 0, count.start(1))
    line = Line(at, count.group(1).decode().strip())
    samples = _value(line, "num_samples")
    numbers = text[count.end() :]
    values = fast_numbers(numbers)
    if (
        values is None
        or numbers.count(b"\n") + 1 < values.size
        or len(numbers.split()) != (values.size)
    ):
        raise _blame(numbers, at + 1)
    last = at + 1 + numbers.rstrip().count(b"\n") if values.size else at
    return values, samples, Line(last, "")


def _blame(numbers: bytes, first: int) -> PulseqTextError:
    try:
        for offset, raw in enumerate(numbers.split(b"\n")):
            if raw.strip():
                line = Line(first + offset, raw.decode().strip())
                line.number_of(line.text)
    except PulseqTextError as error:
        return error
    return PulseqTextError(first, "the shape cannot be read")


def _unfold(values: Floats, samples: int, at: Line, shape_id: int) -> Floats:
    """Undo the coding: two equal steps, then how many more of them; then sum up the steps."""
    marks = _runs(values)
    more = values[marks + 2]
    if marks.size and not bool(np.all((more >= 0) & (more == np.floor(more)))):
        raise at.error(f"shape {shape_id} repeats a value a negative or broken number of times")
    total = float(values.size - _CODED * marks.size + (more + 2).sum())
    if total != samples:
        raise at.error(
            f"shape {shape_id} has {total:.0f} samples here, not {samples}; is the file cut off?"
        )
    counts = np.ones(values.size, dtype=np.int64)
    counts[marks] = more.astype(np.int64) + 2
    counts[marks + 1] = 0
    counts[marks + 2] = 0
    return np.cumsum(np.repeat(values, counts))


def _runs(values: Floats) -> Ints:
    """Return where a run begins; a pair inside of a run begins none."""
    pairs = np.flatnonzero(values[:-2] == values[1:-1])
    if bool(np.all(np.diff(pairs) >= _CODED)):
        return pairs.astype(np.int64)
    runs, free = [], 0
    for pair in pairs.tolist():
        if pair >= free:
            runs.append(pair)
            free = pair + _CODED
    return np.array(runs, dtype=np.int64)
