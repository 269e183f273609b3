"""Echo-planar and radial gradient echoes, made with PyPulseq; axial, one slice through z = 0."""

from math import pi
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pypulseq as pp

_SLICE_M = 5e-3
_PREPHASER_S = 2e-3
_DUMMIES = 16
_SPOILING_PHASE_RAD = 117 * pi / 180


def write_epi(
    path: Path, *, matrix: int = 64, fov: float = 0.256, flip: float = pi / 2, dwell: float = 10e-6
) -> None:
    """Write a single shot of EPI: all lines of k-space after one excitation, to and fro.

    Args:
        path: the file to write.
        matrix: samples per line, and lines.
        fov: field of view, both directions [m].
        flip: flip angle [rad].
        dwell: time per sample [s].
    """
    system, sequence = _begin()
    rf, gz, back = _excitation(system, flip)
    forth = pp.make_trapezoid("x", flat_area=matrix / fov, flat_time=matrix * dwell, system=system)
    adc = pp.make_adc(matrix, duration=forth.flat_time, delay=forth.rise_time, system=system)
    blip = pp.make_trapezoid("y", area=1 / fov, duration=20e-5, system=system)
    sequence.add_block(rf, gz)
    sequence.add_block(
        _moment(system, "x", -forth.area / 2 - 0.5 / fov),
        _moment(system, "y", -matrix / 2 / fov),
        _moment(system, "z", back.area),
    )
    for line in range(matrix):
        sequence.add_block(forth if line % 2 == 0 else pp.scale_grad(forth, -1), adc)
        sequence.add_block(blip)
    sequence.add_block(pp.make_trapezoid("z", area=4 / _SLICE_M, system=system))
    _end(sequence, path, fov)


def write_radial(
    path: Path,
    *,
    matrix: int = 64,
    spokes: int = 101,
    fov: float = 0.256,
    flip: float = 15 * pi / 180,
    dwell: float = 20e-6,
) -> None:
    """Write a spoiled gradient echo whose readouts turn evenly through half a circle.

    Sample matrix/2 of each spoke is at k = 0.

    Args:
        path: the file to write.
        matrix: samples per spoke.
        spokes: how many; pi/2 times the matrix leaves no gap at their ends.
        fov: field of view, both directions [m].
        flip: flip angle [rad].
        dwell: time per sample [s].
    """
    system, sequence = _begin()
    rf, gz, back = _excitation(system, flip)
    read = pp.make_trapezoid("x", flat_area=matrix / fov, flat_time=matrix * dwell, system=system)
    across = pp.make_trapezoid("y", flat_area=matrix / fov, flat_time=matrix * dwell, system=system)
    adc = pp.make_adc(matrix, duration=read.flat_time, delay=read.rise_time, system=system)
    spoiler = pp.make_trapezoid("z", area=4 / _SLICE_M, system=system)
    start = -(read.area / 2 + 0.5 / fov)
    for pulse, spoke in enumerate(range(-_DUMMIES, spokes)):
        phase = 0.5 * _SPOILING_PHASE_RAD * (pulse * pulse + pulse) % (2 * pi)
        rf.phase_offset = adc.phase_offset = phase
        cosine, sine = np.cos(pi * spoke / spokes), np.sin(pi * spoke / spokes)
        sequence.add_block(rf, gz)
        sequence.add_block(
            _moment(system, "x", start * cosine),
            _moment(system, "y", start * sine),
            _moment(system, "z", back.area),
        )
        readout = [pp.scale_grad(read, cosine), pp.scale_grad(across, sine)]
        sequence.add_block(*readout, *([adc] if spoke >= 0 else []))
        sequence.add_block(spoiler)
    _end(sequence, path, fov)


def _begin() -> tuple[Any, Any]:
    system = pp.Opts(
        max_grad=28,
        grad_unit="mT/m",
        max_slew=120,
        slew_unit="T/m/s",
        rf_ringdown_time=20e-6,
        rf_dead_time=100e-6,
        adc_dead_time=10e-6,
    )
    return system, pp.Sequence(system)


def _excitation(system: Any, flip: float) -> tuple[SimpleNamespace, Any, Any]:
    rf, gz, back = pp.make_sinc_pulse(
        flip,
        duration=2e-3,
        slice_thickness=_SLICE_M,
        apodization=0.5,
        time_bw_product=4,
        system=system,
        return_gz=True,
        delay=system.rf_dead_time,
        use="excitation",
    )
    return rf, gz, back


def _moment(system: Any, axis: str, area: float) -> Any:
    return pp.make_trapezoid(axis, area=area, duration=_PREPHASER_S, system=system)


def _end(sequence: Any, path: Path, fov: float) -> None:
    sequence.set_definition("FOV", [fov, fov, _SLICE_M])
    sequence.set_definition("SliceThickness", _SLICE_M)
    sequence.set_definition("Name", path.stem)
    sequence.write(str(path))
