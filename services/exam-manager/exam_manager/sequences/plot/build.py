"""Makes the tables for plots of a Pulseq file."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from exam_manager.sequences.plot.blocks import MT_PER_HZ, block_tables
from exam_manager.sequences.plot.channel import Channel, Floats
from exam_manager.sequences.plot.draw import UNITS
from exam_manager.sequences.plot.extremes import Ints
from exam_manager.sequences.plot.tables import MAX_VERTICES, Array, Budget, ChannelTables
from exam_manager.sequences.pulseq_file import (
    AdcEvent,
    GradientEvent,
    PulseqFile,
    RfEvent,
    Rotation,
)

Keep = Callable[[ChannelTables, int], int]
"""Keeps the event with a number of the file; returns its row."""


def plot_tables(
    file: PulseqFile, max_vertices: int = MAX_VERTICES
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return all that is kept for plots of a file.

    Raises:
        TooManyVerticesError: More is different in it than is kept.
    """
    budget = Budget(max_vertices)
    arrays, about = block_tables(file)
    for name in UNITS:
        for key, array in _arrays(_channel(file, name, budget)).items():
            arrays[f"{name}.{key}"] = array
    return arrays, {**about, "duration_s": file.duration_s}


def _arrays(channel: Channel) -> dict[str, Array]:
    return {field.name: getattr(channel, field.name) for field in fields(channel)}


def _channel(file: PulseqFile, name: str, budget: Budget) -> Channel:
    match name:
        case "rf_magnitude":
            return _simple(file, file.blocks.rf, _keep_magnitude(file), budget)
        case "rf_phase":
            return _simple(file, file.blocks.rf, _keep_phase(file), budget)
        case "adc":
            return _simple(file, file.blocks.adc, _keep_gate(file), budget)
        case _:
            return _gradient(file, ("gx", "gy", "gz").index(name), budget)


def _simple(file: PulseqFile, used: Ints, keep: Keep, budget: Budget) -> Channel:
    """Return a channel whose events are played as they stand in the file."""
    tables = ChannelTables(budget)
    played = np.flatnonzero(used)
    numbers, inverse = np.unique(used[played], return_inverse=True)
    rows = np.array([keep(tables, number) for number in numbers.tolist()], np.int64)
    return tables.finish(
        rows[inverse.ravel()] if rows.size else played, file.blocks.start_s[played]
    )


def _keep_magnitude(file: PulseqFile) -> Keep:
    def keep(tables: ChannelTables, number: int) -> int:
        pulse: RfEvent = file.rf[number]
        return tables.event(number, pulse.time_s, np.abs(pulse.shape), abs(pulse.amplitude_hz))

    return keep


def _keep_phase(file: PulseqFile) -> Keep:
    """The phase of the envelope and the offset; what a frequency offset adds is left out."""

    def keep(tables: ChannelTables, number: int) -> int:
        pulse: RfEvent = file.rf[number]
        turned = pulse.shape if pulse.amplitude_hz >= 0 else -pulse.shape
        phase = np.angle(turned)
        return tables.event(number, pulse.time_s, phase, offset=pulse.phase_offset_rad)

    return keep


def _keep_gate(file: PulseqFile) -> Keep:
    def keep(tables: ChannelTables, number: int) -> int:
        readout: AdcEvent = file.adcs[number]
        return tables.event(number, np.array([readout.delay_s, readout.end_s]), np.ones(2))

    return keep


def _gradient(file: PulseqFile, axis: int, budget: Budget) -> Channel:
    """Return a gradient as it is played: a rotation of its block is carried out."""
    blocks, turns = file.blocks, _rotations(file)
    tables = ChannelTables(budget)
    turned = np.isin(blocks.extension, np.array(sorted(turns), np.int64))
    anything = blocks.gx + blocks.gy + blocks.gz
    played = np.flatnonzero(np.where(turned, anything, blocks.gradient(axis)))
    columns = np.stack([blocks.gx, blocks.gy, blocks.gz, blocks.extension], axis=1)[played]
    columns[~turned[played]] = 0
    columns[~turned[played], 0] = blocks.gradient(axis)[played][~turned[played]]
    combinations, inverse = np.unique(columns, axis=0, return_inverse=True)
    rows = []
    for *numbers, extension in combinations.tolist():
        if extension:
            weights = turns[extension].matrix()[axis]
            time_s, value = _turned(file, numbers, weights)
            rows.append(tables.event((*numbers, extension), time_s, value))
        else:
            rows.append(_keep_gradient(tables, file.gradients[numbers[0]], numbers[0]))
    found = np.array(rows, np.int64)
    return tables.finish(found[inverse.ravel()] if rows else played, blocks.start_s[played])


def _keep_gradient(tables: ChannelTables, gradient: GradientEvent, number: int) -> int:
    value = gradient.amplitude_hz_per_m
    if gradient.kind == "trapezoid":  # many differ in nothing but the height
        height = float(value[1]) * MT_PER_HZ
        return tables.event(number, gradient.time_s, np.array([0.0, 1.0, 1.0, 0.0]), height)
    return tables.event(number, gradient.time_s, value * MT_PER_HZ)


def _rotations(file: PulseqFile) -> dict[int, Rotation]:
    found = {}
    for number in np.unique(file.blocks.extension).tolist():
        for extension in file.extensions(number) if number else ():
            if isinstance(extension, Rotation):
                found[number] = extension
    return found


def _turned(file: PulseqFile, numbers: list[int], weights: Floats) -> tuple[Floats, Floats]:
    """Return what the gradients of a block give together on one axis, at the corners of all."""
    given = [
        (file.gradients[number], weight)
        for number, weight in zip(numbers, weights.tolist(), strict=True)
        if number
    ]
    time_s: Floats = np.unique(np.concatenate([gradient.time_s for gradient, _ in given]))
    value: Floats = np.sum(
        [
            weight * np.interp(time_s, gradient.time_s, gradient.amplitude_hz_per_m, 0.0, 0.0)
            for gradient, weight in given
        ],
        axis=0,
    )
    return time_s, value * MT_PER_HZ
