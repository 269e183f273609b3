"""Makes one event out of its row in the tables."""

import numpy as np

from exam_manager.sequences.pulseq_file.model import (
    AdcEvent,
    Blocks,
    Complexes,
    EventMap,
    GradientEvent,
    Rasters,
    RfEvent,
)
from exam_manager.sequences.pulseq_file.sections import Floats, Ints
from exam_manager.sequences.pulseq_file.tables import (
    HALF_RASTER,
    AdcTable,
    GradientTable,
    RfTable,
    Shapes,
)

GAMMA_HZ_PER_T = 42.576e6
"""Of 1H, the value of the Pulseq toolboxes."""
_PLATEAU = 0.99999
"""What belongs to the peak of a pulse."""


def shape_seconds(shape: Floats | None, count: int, raster_s: float) -> Floats:
    """Return when the samples are: from a time shape, else in the middle of each raster."""
    if shape is not None:
        return shape * raster_s
    return (np.arange(count, dtype=np.float64) + 0.5) * raster_s


def rf_shape(table: RfTable, row: int, shapes: Shapes) -> Complexes:
    """Return the envelope of a pulse relative to its amplitude."""
    magnitude = shapes[int(table.magnitude[row])]
    phase = int(table.phase[row])
    if phase == 0:
        return magnitude.astype(np.complex128)
    envelope: Complexes = magnitude * np.exp(2j * np.pi * shapes[phase])
    return envelope


def rf_length_s(table: RfTable, row: int, shapes: Shapes, raster_s: float) -> float:
    """Return how long a pulse is without its delay."""
    time = int(table.time[row])
    if time:
        return float(np.ceil(round(float(shapes[time][-1]), 6))) * raster_s
    return shapes[int(table.magnitude[row])].size * raster_s


def rf_center_s(magnitude: Floats, time_s: Floats) -> float:
    """Return the middle of the peak, as the toolboxes do where the file has no centre."""
    size = np.abs(magnitude)
    at_peak = np.flatnonzero(size >= size.max() * _PLATEAU)
    return float(time_s[at_peak[0]] + time_s[at_peak[-1]]) / 2


def rf_events(
    table: RfTable, shapes: Shapes, rasters: Rasters, b0_t: float | None
) -> EventMap[RfEvent]:
    """Return the pulses of a file."""
    megahertz = 0.0 if b0_t is None else GAMMA_HZ_PER_T * b0_t * 1e-6

    def make(row: int) -> RfEvent:
        delay = float(table.delay_s[row])
        time_shape = int(table.time[row])
        shape = rf_shape(table, row, shapes)
        times = shape_seconds(shapes[time_shape] if time_shape else None, shape.size, rasters.rf_s)
        center = float(table.center_s[row])
        if np.isnan(center):
            center = rf_center_s(shapes[int(table.magnitude[row])], times)
        return RfEvent(
            amplitude_hz=float(table.amplitude_hz[row]),
            shape=shape,
            time_s=times + delay,
            delay_s=delay,
            end_s=delay + rf_length_s(table, row, shapes, rasters.rf_s),
            center_s=delay + center,
            frequency_offset_hz=float(
                table.frequency_hz[row] + table.frequency_ppm[row] * megahertz
            ),
            phase_offset_rad=float(table.phase_rad[row] + table.phase_ppm[row] * megahertz),
            frequency_ppm=float(table.frequency_ppm[row]),
            phase_ppm_rad_per_mhz=float(table.phase_ppm[row]),
            use=str(table.use[row]),
        )

    return EventMap(table.numbers, make)


def free_times(shape_size: int, time: int, shapes: Shapes, raster_s: float) -> Floats:
    """Return the times of an arbitrary gradient's corners, its two edges included."""
    if time > 0:
        return shapes[time] * raster_s
    if time == HALF_RASTER:
        return np.arange(shape_size + 2, dtype=np.float64) * (raster_s / 2)
    inner = (np.arange(shape_size, dtype=np.float64) + 0.5) * raster_s
    return np.concatenate([[0.0], inner, [shape_size * raster_s]])


def free_end_s(table: GradientTable, row: int, shapes: Shapes, raster_s: float) -> float:
    """Return when an arbitrary gradient ends, its delay included."""
    time, delay = int(table.time[row]), float(table.delay_s[row])
    if time > 0:
        return delay + float(shapes[time][-1]) * raster_s
    size = shapes[int(table.shape[row])].size
    return delay + ((size + 1) / 2 if time == HALF_RASTER else size) * raster_s


def gradient_events(
    table: GradientTable, shapes: Shapes, rasters: Rasters
) -> EventMap[GradientEvent]:
    """Return the gradients of a file."""

    def make(row: int) -> GradientEvent:
        delay, amplitude = float(table.delay_s[row]), float(table.amplitude[row])
        if table.trapezoid[row]:
            steps = [delay, table.rise_s[row], table.flat_s[row], table.fall_s[row]]
            heights = np.array([0.0, amplitude, amplitude, 0.0])
            return GradientEvent("trapezoid", np.cumsum(steps), heights, delay)
        time = int(table.time[row])
        wave = amplitude * shapes[int(table.shape[row])]
        times = delay + free_times(wave.size, time, shapes, rasters.gradient_s)
        if time > 0:
            return GradientEvent("extended", times, wave, delay)
        wave = np.concatenate([[table.first[row]], wave, [table.last[row]]])
        return GradientEvent("arbitrary", times, wave, delay)

    return EventMap(table.numbers, make)


def adc_events(table: AdcTable, shapes: Shapes, b0_t: float | None) -> EventMap[AdcEvent]:
    """Return the readouts of a file."""
    megahertz = 0.0 if b0_t is None else GAMMA_HZ_PER_T * b0_t * 1e-6

    def make(row: int) -> AdcEvent:
        shape = int(table.shape[row])
        return AdcEvent(
            num_samples=int(table.samples[row]),
            dwell_s=float(table.dwell_s[row]),
            delay_s=float(table.delay_s[row]),
            frequency_offset_hz=float(
                table.frequency_hz[row] + table.frequency_ppm[row] * megahertz
            ),
            phase_offset_rad=float(table.phase_rad[row] + table.phase_ppm[row] * megahertz),
            frequency_ppm=float(table.frequency_ppm[row]),
            phase_ppm_rad_per_mhz=float(table.phase_ppm[row]),
            phase_rad=shapes[shape] if shape else np.empty(0),
        )

    return EventMap(table.numbers, make)


def edges_of_old_files(
    table: GradientTable, blocks: Blocks, shapes: Shapes, raster_s: float
) -> None:
    """Fill in the edges of arbitrary gradients, which files before 1.5 do not have.

    As the toolboxes do: one starts where the last one of this axis left off if that reached the
    end of its block, else at 0; and it ends where its last half raster points to.
    """
    rows = np.flatnonzero(~table.trapezoid)
    if not rows.size:
        return
    ends = np.zeros(table.numbers.size)
    for row in rows.tolist():
        wave = shapes[int(table.shape[row])]
        step = wave[-1] if table.time[row] > 0 else 1.5 * wave[-1] - 0.5 * wave[-2]
        table.last[row] = table.amplitude[row] * step
        ends[row] = free_end_s(table, row, shapes, raster_s)
    table.first[rows] = np.nan
    for axis in range(3):
        _edges_of_axis(table, blocks.gradient(axis), blocks.duration_s, ends, raster_s)
    table.first[np.isnan(table.first)] = 0.0


def _edges_of_axis(
    table: GradientTable, used: Ints, durations: Floats, ends: Floats, raster_s: float
) -> None:
    rows = EventMap(table.numbers, lambda row: row).rows(used) if table.numbers.size else used
    free = (used > 0) & ~table.trapezoid[np.where(used > 0, rows, 0)]
    reaches = free & (ends[np.where(free, rows, 0)] > durations - raster_s * 1e-3)
    before = np.concatenate(
        [[0.0], np.where(reaches, table.last[np.where(free, rows, 0)], 0.0)[:-1]]
    )
    for block in np.flatnonzero(free).tolist():
        row = int(rows[block])
        if np.isnan(table.first[row]):
            table.first[row] = before[block] if table.delay_s[row] == 0 else 0.0
