"""The sections of events as columns: [RF], [GRADIENTS], [TRAP], [ADC], [DELAYS], [BLOCKS]."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_file.sections import Floats, Ints, Section, Table

Version = tuple[int, int, int]
V1_2_1, V1_4, V1_5 = (1, 2, 1), (1, 4, 0), (1, 5, 0)
HALF_RASTER = -1
"""A time shape that is none: samples on half the gradient raster (1.5)."""
USES = "erispou"
_US, _NS = 1e-6, 1e-9
_USE = re.compile(rb"[ \t]+(\S)[ \t]*$", re.MULTILINE)
Shapes = Mapping[int, Floats]


@dataclass(frozen=True)
class RfTable:
    """Columns of [RF]; centre NaN where the file has none (before 1.5)."""

    numbers: Ints
    amplitude_hz: Floats
    magnitude: Ints
    phase: Ints
    time: Ints
    center_s: Floats
    delay_s: Floats
    frequency_ppm: Floats
    phase_ppm: Floats
    frequency_hz: Floats
    phase_rad: Floats
    use: NDArray[np.str_]


@dataclass(frozen=True)
class GradientTable:
    """Columns of [TRAP] and [GRADIENTS]; what does not apply is 0."""

    numbers: Ints
    trapezoid: NDArray[np.bool_]
    amplitude: Floats
    rise_s: Floats
    flat_s: Floats
    fall_s: Floats
    delay_s: Floats
    shape: Ints
    time: Ints
    first: Floats
    """At the start of an arbitrary gradient [Hz/m]; NaN where the file has none (before 1.5)."""
    last: Floats


@dataclass(frozen=True)
class AdcTable:
    """Columns of [ADC]."""

    numbers: Ints
    samples: Ints
    dwell_s: Floats
    delay_s: Floats
    frequency_ppm: Floats
    phase_ppm: Floats
    frequency_hz: Floats
    phase_rad: Floats
    shape: Ints


def refer(table: Table, used: Ints, defined: Ints, kind: str) -> None:
    """Refuse the first row that uses something that the file does not define."""
    missing = (used > 0) & ~np.isin(used, defined)
    if missing.any():
        row = int(np.argmax(missing))
        line = table.section.line(row)
        number = line.text.split()[0]
        raise line.error(
            f"{table.what} {number} uses {kind} {used[row]}, which the file does not define"
        )


def _shape_column(table: Table, column: int, shapes: Shapes, *, needed: bool = False) -> Ints:
    used = table.whole(column, lowest=1 if needed else 0)
    refer(table, used, np.fromiter(shapes, np.int64, len(shapes)), "shape")
    return used


def _same_length(table: Table, one: Ints, other: Ints, shapes: Shapes) -> None:
    """Refuse a row whose two shapes differ in length."""
    lengths = {number: shape.size for number, shape in shapes.items()}
    for row in np.flatnonzero((one > 0) & (other > 0)).tolist():
        left, right = lengths[int(one[row])], lengths[int(other[row])]
        if left != right:
            raise table.section.line(row).error(
                f"{table.what} has shapes of {left} and {right} samples; they must be equal"
            )


def _not_empty(table: Table, used: Ints, shapes: Shapes, fewest: int) -> None:
    short = np.array([n for n, shape in shapes.items() if shape.size < fewest], dtype=np.int64)
    wrong = np.isin(used, short) & (used > 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise table.section.line(row).error(
            f"{table.what} uses shape {used[row]}, which has fewer than {fewest} samples"
        )


def _increasing(table: Table, times: Ints, shapes: Shapes) -> None:
    wrong = {
        number
        for number in np.unique(times[times > 0]).tolist()
        if shapes[number][0] < 0 or not bool(np.all(np.diff(shapes[number]) > 0))
    }
    for row in np.flatnonzero(np.isin(times, sorted(wrong))).tolist():
        raise table.section.line(row).error(
            f"{table.what} uses shape {times[row]} as times, but they do not increase from 0"
        )


def read_rf(section: Section | None, version: Version, shapes: Shapes) -> RfTable:
    """Read [RF]."""
    uses: list[str] = []
    if section is not None and version >= V1_5:
        section, uses = _cut_uses(section)
    columns = 11 if version >= V1_5 else 8 if version >= V1_4 else 7
    table = _table(section, columns, "RF")
    values = table.values
    zeros = np.zeros(len(values))
    magnitude = _shape_column(table, 2, shapes, needed=True)
    phase = _shape_column(table, 3, shapes)
    time = _shape_column(table, 4, shapes) if version >= V1_4 else zeros.astype(np.int64)
    _same_length(table, magnitude, phase, shapes)
    _same_length(table, magnitude, time, shapes)
    _not_empty(table, magnitude, shapes, 1)
    _increasing(table, time, shapes)
    new = version >= V1_5
    delay = 6 if new else 5 if version >= V1_4 else 4
    table.not_negative(delay, *([5] if new else []))
    return RfTable(
        table.numbers(),
        values[:, 1],
        magnitude,
        phase,
        time,
        values[:, 5] * _US if new else np.full(len(values), np.nan),
        values[:, delay] * _US,
        values[:, 7] if new else zeros,
        values[:, 8] if new else zeros,
        values[:, -2],
        values[:, -1],
        np.array(uses if new else ["u"] * len(values), dtype="U1"),
    )


def _cut_uses(section: Section) -> tuple[Section, list[str]]:
    """Take the last column off, a letter."""
    uses = [match.decode(errors="replace") for match in _USE.findall(section.body)]
    body = _USE.sub(b"", section.body)
    if all(use in USES for use in uses) and len(uses) == sum(1 for _ in section.lines()):
        return replace(section, body=body), uses
    for line in section.lines():
        words = line.words(12, "an entry of RF")
        if len(words[-1]) != 1 or words[-1] not in USES:
            raise line.error(f"{words[-1][:40]!r} is no use of an RF pulse")
    raise section.header.error("the uses of the RF pulses cannot be read")


def _table(section: Section | None, columns: int, what: str) -> Table:
    if section is None:
        return Table(_NOTHING, what, np.empty((0, columns)))
    return section.table(columns, what)


def read_gradients(
    free: Section | None, trapezoids: Section | None, version: Version, shapes: Shapes
) -> GradientTable:
    """Read [GRADIENTS] and [TRAP], which share their numbers."""
    arbitrary = _read_free(free, version, shapes)
    table = _table(trapezoids, 6, "gradient")
    table.not_negative(2, 3, 4, 5)
    values = table.values
    numbers = table.numbers()
    both = np.isin(numbers, arbitrary.numbers)
    if both.any():
        row = int(np.argmax(both))
        raise table.section.line(row).error(f"gradient {numbers[row]} is defined twice")
    count = len(values)

    def join(one: Floats, other: Floats) -> Floats:
        return np.concatenate([one, other])

    none = np.zeros(count, dtype=np.int64)
    return GradientTable(
        np.concatenate([arbitrary.numbers, numbers]),
        np.concatenate([arbitrary.trapezoid, np.ones(count, dtype=bool)]),
        join(arbitrary.amplitude, values[:, 1]),
        join(arbitrary.rise_s, values[:, 2] * _US),
        join(arbitrary.flat_s, values[:, 3] * _US),
        join(arbitrary.fall_s, values[:, 4] * _US),
        join(arbitrary.delay_s, values[:, 5] * _US),
        np.concatenate([arbitrary.shape, none]),
        np.concatenate([arbitrary.time, none]),
        join(arbitrary.first, np.zeros(count)),
        join(arbitrary.last, np.zeros(count)),
    )


def _read_free(section: Section | None, version: Version, shapes: Shapes) -> GradientTable:
    new = version >= V1_5
    columns = 7 if new else 5 if version >= V1_4 else 4
    table = _table(section, columns, "gradient")
    values = table.values
    zeros = np.zeros(len(values))
    shape = _shape_column(table, 4 if new else 2, shapes, needed=True)
    time = zeros.astype(np.int64)
    if version >= V1_4:
        column = 5 if new else 3
        half = (values[:, column] == HALF_RASTER) & new
        plain = Table(table.section, table.what, values.copy())
        plain.values[half, column] = 0
        time = _shape_column(plain, column, shapes)
        _same_length(table, shape, time, shapes)
        _increasing(table, time, shapes)
        time = np.where(half, HALF_RASTER, time)
        _odd(table, shape[half], np.flatnonzero(half), shapes)
    _not_empty(table, shape, shapes, 2)
    table.not_negative(columns - 1)
    unknown = np.full(len(values), np.nan)
    return GradientTable(
        table.numbers(),
        np.zeros(len(values), dtype=bool),
        values[:, 1],
        *(zeros, zeros, zeros),
        values[:, -1] * _US,
        shape,
        time,
        values[:, 2] if new else unknown,
        values[:, 3] if new else unknown,
    )


def _odd(table: Table, used: Ints, rows: Ints, shapes: Shapes) -> None:
    for row, number in zip(rows.tolist(), used.tolist(), strict=True):
        if shapes[number].size % 2 == 0:
            raise table.section.line(row).error(
                f"shape {number} lies on half the raster, so its samples must be odd in number"
            )


def read_adcs(section: Section | None, version: Version, shapes: Shapes) -> AdcTable:
    """Read [ADC]."""
    new = version >= V1_5
    table = _table(section, 9 if new else 6, "ADC")
    values = table.values
    zeros = np.zeros(len(values))
    table.not_negative(2, 3)
    samples = table.whole(1)
    shape = _shape_column(table, 8, shapes) if new else zeros.astype(np.int64)
    for row in np.flatnonzero(shape > 0).tolist():
        if shapes[int(shape[row])].size != samples[row]:
            raise table.section.line(row).error("the phase shape is not as long as the readout")
    return AdcTable(
        table.numbers(),
        samples,
        values[:, 2] * _NS,
        values[:, 3] * _US,
        values[:, 4] if new else zeros,
        values[:, 5] if new else zeros,
        values[:, 6 if new else 4],
        values[:, 7 if new else 5],
        shape,
    )


_NOTHING = Section.empty()
