"""Reads a Pulseq file, version 1.2 to 1.5, after the public specification of the format.

https://pulseq.github.io/specification.pdf. A file is refused with line and reason, or read whole.
"""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any, Literal

import numpy as np

from exam_manager.sequences.pulseq_file import events
from exam_manager.sequences.pulseq_file.extensions import Chains, read_extensions
from exam_manager.sequences.pulseq_file.model import (
    Blocks,
    EventMap,
    PulseqFile,
    Rasters,
    Tables,
    Trigger,
)
from exam_manager.sequences.pulseq_file.sections import (
    LARGEST,
    Floats,
    Ints,
    Line,
    PulseqTextError,
    Section,
    Table,
    cut_sections,
)
from exam_manager.sequences.pulseq_file.shapes import read_shapes
from exam_manager.sequences.pulseq_file.tables import (
    V1_2_1,
    V1_4,
    V1_5,
    AdcTable,
    GradientTable,
    RfTable,
    Shapes,
    Version,
    read_adcs,
    read_gradients,
    read_rf,
    refer,
)

_SHOWN = 40
OLDEST, NEWEST = (1, 2, 0), (1, 6, 0)
_NAMES = (
    *("VERSION", "DEFINITIONS", "BLOCKS", "RF", "GRADIENTS", "TRAP", "ADC"),
    *("DELAYS", "EXTENSIONS", "SHAPES", "SIGNATURE"),
)
_KNOWN = frozenset(f"[{name}]" for name in _NAMES)
_RASTERS = {
    "BlockDurationRaster": "block_duration_s",
    "GradientRasterTime": "gradient_s",
    "RadiofrequencyRasterTime": "rf_s",
    "AdcRasterTime": "adc_s",
}
_SIGNATURE = re.compile(rb"\r?\n[ \t]*\[SIGNATURE\]")
Signature = Literal["ok", "mismatch", "absent", "unknown"]


def read_pulseq(data: bytes, b0_t: float | None = None) -> PulseqFile:
    """Read a file.

    Args:
        data: The file.
        b0_t: The field, for offsets in ppm; by default what the file's definition B0 says.

    Raises:
        PulseqTextError: The first thing that is wrong, with its line.
    """
    data = data.removeprefix(BOM_UTF8)
    sections = cut_sections(data)
    try:
        return _read(data, sections, b0_t)
    except PulseqTextError as error:
        above = [section.name for section in sections if section.header.number <= error.line]
        error.section = above[-1][:_SHOWN] if above else ""
        raise


def _read(data: bytes, sections: list[Section], b0_t: float | None) -> PulseqFile:
    named = {section.name: section for section in sections}
    version = _version(sections)
    _check_known(sections, version)
    definitions = _definitions(named.get("[DEFINITIONS]"))
    rasters, notes = _rasters(definitions, version)
    shapes: Shapes = {}
    if "[SHAPES]" in named:
        shapes = read_shapes(named["[SHAPES]"], may_be_plain=version >= V1_4)
    rf = read_rf(named.get("[RF]"), version, shapes)
    gradients = read_gradients(named.get("[GRADIENTS]"), named.get("[TRAP]"), version, shapes)
    adcs = read_adcs(named.get("[ADC]"), version, shapes)
    values = {key: value for key, (_line, value) in definitions.items()}
    kinds = [section for section in sections if section.name.startswith("extension ")]
    chains, passed = read_extensions(named.get("[EXTENSIONS]"), kinds, values)
    if b0_t is None and isinstance(values.get("B0"), float):
        b0_t = values["B0"]
    library = _Library(rf, gradients, adcs, shapes, rasters, chains)
    blocks = library.blocks(_block_table(named, sections[-1], version), named, version)
    if version < V1_5:
        events.edges_of_old_files(gradients, blocks, shapes, rasters.gradient_s)
    return PulseqFile(
        version=version,
        definitions=values,
        rasters=rasters,
        blocks=blocks,
        rf=events.rf_events(rf, shapes, rasters, b0_t),
        gradients=events.gradient_events(gradients, shapes, rasters),
        adcs=events.adc_events(adcs, shapes, b0_t),
        extensions=lambda number: chains.get(number, ()),
        signature=_signature(data, named.get("[SIGNATURE]")),
        tables=Tables(rf, gradients, adcs, shapes),
        notes=(*notes, *passed),
    )


def _version(sections: list[Section]) -> Version:
    header = sections[0].header
    if header.text != "[VERSION]":
        raise header.error(f"{header.text[:40]} stands before [VERSION]")
    found = {}
    for line in sections[0].lines():
        key, value = line.words(2, "an entry of [VERSION]")
        found[key] = line.whole(value[:1] if key == "revision" else value)
    missing = [key for key in ("major", "minor", "revision") if key not in found]
    if missing:
        raise header.error(f"[VERSION] lacks {', '.join(missing)}")
    version = (found["major"], found["minor"], found["revision"])
    if not OLDEST <= version < NEWEST:
        text = ".".join(map(str, version))
        raise header.error(
            f"Pulseq {text} cannot be read, only 1.2.0 to 1.5.x",
            "Write it in one of these versions: the toolboxes can.",
        )
    return version


def _check_known(sections: list[Section], version: Version) -> None:
    for section in sections:
        if section.name not in _KNOWN and not section.name.startswith("extension "):
            raise section.header.error(f"unknown section {section.name[:40]!r}")
        if section.name == "[DELAYS]" and version >= V1_4:
            raise section.header.error("[DELAYS] is for files before 1.4")


def _definitions(section: Section | None) -> dict[str, tuple[Line, Any]]:
    found: dict[str, tuple[Line, Any]] = {}
    for line in section.lines() if section else ():
        key, *words = line.text.split()
        found[key] = (line, _plain(words, line.text[len(key) :].strip()))
    return found


def _plain(words: list[str], text: str) -> Any:
    """Return a definition as JSON has it: a number, a list of numbers, or text."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return text
    if not numbers or not all(abs(number) <= LARGEST for number in numbers):
        return text
    return numbers[0] if len(numbers) == 1 else numbers


def _rasters(
    definitions: dict[str, tuple[Line, Any]], version: Version
) -> tuple[Rasters, list[str]]:
    rasters, notes = Rasters(), []
    for key, name in _RASTERS.items():
        if key not in definitions:
            if version >= V1_4:
                notes.append(f"the file lacks the definition {key}; taken as is usual")
            continue
        line, value = definitions[key]
        if not isinstance(value, float) or not 1 / LARGEST <= value <= 1:
            raise line.error(f"{key} must be a time in seconds")
        rasters = replace(rasters, **{name: value})
    return rasters, notes


def _block_table(named: dict[str, Section], last: Section, version: Version) -> Table:
    section = named.get("[BLOCKS]")
    table = section.table(7 if version <= V1_2_1 else 8, "a block") if section else None
    if table is None or not len(table.values):
        message = "the file ends without any block; is it cut off?"
        raise PulseqTextError(max(last.line(-1).number, 1), message)
    return Table(table.section, "block", table.values)


@dataclass(frozen=True)
class _Library:
    """All that blocks refer to."""

    rf: RfTable
    gradients: GradientTable
    adcs: AdcTable
    shapes: Shapes
    rasters: Rasters
    chains: Chains

    def blocks(self, table: Table, named: dict[str, Section], version: Version) -> Blocks:
        """Read the blocks and check what they refer to."""
        numbers = table.numbers()
        columns = [table.whole(column) for column in range(1, table.values.shape[1])]
        if version <= V1_2_1:
            columns.append(np.zeros(len(numbers), dtype=np.int64))
        duration, rf, gx, gy, gz, adc, extension = columns
        refer(table, rf, self.rf.numbers, "RF")
        for gradient in (gx, gy, gz):
            refer(table, gradient, self.gradients.numbers, "gradient")
        refer(table, adc, self.adcs.numbers, "ADC")
        known = np.fromiter(self.chains, np.int64, len(self.chains))
        refer(table, extension, known, "extension")
        if version >= V1_4:
            raster = self.rasters.block_duration_s
            counts = duration.astype(np.float64)
            seconds, ends = counts * raster, np.cumsum(counts) * raster
        else:
            seconds = self._old_durations(table, named, columns)
            ends = np.cumsum(seconds)
        start = np.concatenate([np.zeros(1), ends[:-1]])
        return Blocks(numbers, start, seconds, rf, gx, gy, gz, adc, extension)

    def _old_durations(
        self, table: Table, named: dict[str, Section], columns: list[Ints]
    ) -> Floats:
        """Before 1.4 a block lasts as long as its longest event or its delay."""
        section = named.get("[DELAYS]") or Section.empty()
        delays = section.table(2, "delay")
        delays.not_negative(1)
        numbers = delays.numbers()
        refer(table, columns[0], numbers, "delay")
        adcs, rf = self.adcs, self.rf
        adc_ends = adcs.delay_s + adcs.samples * adcs.dwell_s
        gradient_ends = self._gradient_ends()
        seconds: Floats = np.max(
            [
                _pick(numbers, delays.values[:, 1] * 1e-6, columns[0]),
                _pick(rf.numbers, self._rf_ends(), columns[1]),
                *(_pick(self.gradients.numbers, gradient_ends, used) for used in columns[2:5]),
                _pick(adcs.numbers, adc_ends, columns[5]),
                self._extension_ends(columns[6]),
            ],
            axis=0,
        )
        return seconds

    def _rf_ends(self) -> Floats:
        table, raster = self.rf, self.rasters.rf_s
        lengths = [
            events.rf_length_s(table, row, self.shapes, raster) for row in range(table.numbers.size)
        ]
        return table.delay_s + np.array(lengths, dtype=np.float64)

    def _gradient_ends(self) -> Floats:
        table = self.gradients
        ends = table.delay_s + table.rise_s + table.flat_s + table.fall_s
        for row in np.flatnonzero(~table.trapezoid).tolist():
            ends[row] = events.free_end_s(table, row, self.shapes, self.rasters.gradient_s)
        return ends

    def _extension_ends(self, used: Ints) -> Floats:
        ends = {
            number: max(
                (event.delay_s + event.duration_s for event in chain if isinstance(event, Trigger)),
                default=0.0,
            )
            for number, chain in self.chains.items()
        }
        return np.array([ends.get(number, 0.0) for number in used.tolist()])


def _pick(numbers: Ints, values: Floats, used: Ints) -> Floats:
    """Return the value of the event that each block uses, else 0."""
    picked = np.zeros(used.size)
    there = used > 0
    if numbers.size:
        picked[there] = values[EventMap(numbers, lambda row: row).rows(used[there])]
    return picked


def _signature(data: bytes, section: Section | None) -> Signature:
    """Compare the file with its hash: of the text before the line break before [SIGNATURE]."""
    if section is None:
        return "absent"
    said = {line.text.split()[0]: line.text.split()[-1] for line in section.lines()}
    if said.get("Type", "").lower() != "md5" or "Hash" not in said:
        return "unknown"
    for text in (data, data.replace(b"\r\n", b"\n")):
        header = _SIGNATURE.search(text)
        signed = text[: header.start()] if header else text
        if md5(signed, usedforsecurity=False).hexdigest() == said["Hash"].lower():
            return "ok"
    return "mismatch"
