"""A spoiled gradient echo, made with PyPulseq."""

from math import pi
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pypulseq as pp

_SPOILING_PHASE_RAD = 117 * pi / 180
_RF_DURATION_S = 2e-3
_PREPHASER_S = 1.5e-3


def write_gre(
    path: Path,
    *,
    matrix: int = 128,
    fov: float = 0.256,
    slice_thickness: float = 5e-3,
    tr: float = 40e-3,
    te: float = 6e-3,
    flip: float = 15 * pi / 180,
    dummies: int = 16,
    slice_offsets: tuple[float, ...] = (0.0,),
    dwell: float = 20e-6,
    interleaved: bool = True,
) -> None:
    """Write a 2D Cartesian spoiled GRE: read x, phase y, slice z; one line of all slices per TR.

    The sample matrix/2 of each readout is exactly at k = 0.

    Args:
        path: the file to write.
        matrix: samples per readout, and lines.
        fov: field of view, both directions [m].
        slice_thickness: thickness of a slice [m].
        tr: repetition time, for all slices together if they are interleaved [s].
        te: echo time [s].
        flip: flip angle [rad].
        dummies: excitations per slice before the first readout.
        slice_offsets: where the slices lie along z [m].
        dwell: time per sample [s].
        interleaved: False: one slice after the other, so that the first is whole early.

    Raises:
        ValueError: the events do not fit into TE or TR.
    """
    system = pp.Opts(
        max_grad=28,
        grad_unit="mT/m",
        max_slew=120,
        slew_unit="T/m/s",
        rf_ringdown_time=20e-6,
        rf_dead_time=100e-6,
        adc_dead_time=10e-6,
    )
    sequence = pp.Sequence(system)
    events = _events(
        system, matrix=matrix, fov=fov, thickness=slice_thickness, flip=flip, dwell=dwell
    )
    delays = _delays(system, events, te, tr / len(slice_offsets) if interleaved else tr)
    order = [(line, offset) for offset in slice_offsets for line in range(-dummies, matrix)]
    if interleaved:
        order.sort(key=lambda pulse: pulse[0])
    for pulse, (line, offset) in enumerate(order):
        phase = 0.5 * _SPOILING_PHASE_RAD * (pulse * pulse + pulse)
        _tune(events, offset, phase)
        area = (max(line, 0) - matrix // 2) / fov
        _add_repetition(sequence, system, events, area=area, delays=delays, read=line >= 0)
    sequence.set_definition("FOV", [fov, fov, np.ptp(slice_offsets) + slice_thickness])
    sequence.set_definition("SliceThickness", slice_thickness)
    sequence.set_definition("Name", f"gre_{matrix}")
    sequence.write(str(path))


def _events(
    system: Any, *, matrix: int, fov: float, thickness: float, flip: float, dwell: float
) -> SimpleNamespace:
    rf, gz, gz_rephase = pp.make_sinc_pulse(
        flip_angle=flip,
        duration=_RF_DURATION_S,
        slice_thickness=thickness,
        apodization=0.5,
        time_bw_product=4,
        system=system,
        return_gz=True,
        delay=system.rf_dead_time,
        use="excitation",
    )
    gx = pp.make_trapezoid("x", flat_area=matrix / fov, flat_time=matrix * dwell, system=system)
    adc = pp.make_adc(matrix, duration=gx.flat_time, delay=gx.rise_time, system=system)
    to_centre = gx.amplitude * (gx.rise_time / 2 + (matrix // 2 + 0.5) * dwell)
    return SimpleNamespace(
        rf=rf,
        rf_centre_s=pp.calc_rf_center(rf)[0],
        gz=gz,
        gz_rephase=pp.make_trapezoid(
            "z", area=gz_rephase.area, duration=_PREPHASER_S, system=system
        ),
        gx=gx,
        gx_prephase=pp.make_trapezoid("x", area=-to_centre, duration=_PREPHASER_S, system=system),
        gx_spoil=pp.make_trapezoid("x", area=2 * matrix / fov, system=system),
        gz_spoil=pp.make_trapezoid("z", area=4 / thickness, system=system),
        adc=adc,
        echo_s=gx.rise_time + (matrix // 2 + 0.5) * dwell,
    )


def _tune(events: SimpleNamespace, offset: float, phase: float) -> None:
    """Set slice position and spoiling phase; the phase holds at the centre of the pulse."""
    frequency = events.gz.amplitude * offset
    events.rf.freq_offset = frequency
    events.rf.phase_offset = (phase - 2 * pi * frequency * events.rf_centre_s) % (2 * pi)
    events.adc.phase_offset = phase % (2 * pi)


def _delays(
    system: Any, events: SimpleNamespace, te: float, repetition: float
) -> tuple[float, float]:
    after_rf = pp.calc_duration(events.gz) - events.rf.delay - events.rf_centre_s
    te_delay = te - after_rf - _PREPHASER_S - events.echo_s
    spoiling = max(pp.calc_duration(events.gx_spoil, events.gz_spoil), _PREPHASER_S)
    tr_delay = repetition - (
        pp.calc_duration(events.gz)
        + _PREPHASER_S
        + te_delay
        + pp.calc_duration(events.gx, events.adc)
        + spoiling
    )
    raster = system.block_duration_raster
    if te_delay < 0 or tr_delay < 0:
        raise ValueError("the events do not fit: make TE or TR longer, or dwell shorter")
    return (float(np.rint(te_delay / raster) * raster), float(np.rint(tr_delay / raster) * raster))


def _add_repetition(
    sequence: Any,
    system: Any,
    events: SimpleNamespace,
    *,
    area: float,
    delays: tuple[float, float],
    read: bool,
) -> None:
    gy = pp.make_trapezoid("y", area=area, duration=_PREPHASER_S, system=system)
    gy_back = pp.make_trapezoid("y", area=-area, duration=_PREPHASER_S, system=system)
    te_delay, tr_delay = delays
    sequence.add_block(events.rf, events.gz)
    sequence.add_block(events.gx_prephase, gy, events.gz_rephase)
    if te_delay:
        sequence.add_block(pp.make_delay(te_delay))
    sequence.add_block(events.gx, *([events.adc] if read else []))
    sequence.add_block(events.gx_spoil, gy_back, events.gz_spoil)
    if tr_delay:
        sequence.add_block(pp.make_delay(tr_delay))
