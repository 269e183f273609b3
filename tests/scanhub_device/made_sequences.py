"""Small sequences of kinds that the simulated scanner plays, made with PyPulseq."""

from collections.abc import Callable, Iterator
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pypulseq as pp

FOV = 0.256
THICKNESS = 5e-3
_DWELL = 20e-6
_SYSTEM = {
    "max_grad": 40,
    "grad_unit": "mT/m",
    "max_slew": 170,
    "slew_unit": "T/m/s",
    "rf_ringdown_time": 20e-6,
    "rf_dead_time": 100e-6,
    "adc_dead_time": 10e-6,
}


class Maker:
    """A sequence under way: blocks that readouts of all kinds are made of."""

    def __init__(self, matrix: int, flip_deg: float = 15) -> None:
        self.matrix = matrix
        self.system = pp.Opts(**_SYSTEM)
        self.sequence = pp.Sequence(self.system)
        self.rf, self.gz, self.gz_back = pp.make_sinc_pulse(
            flip_deg * pi / 180,
            duration=2e-3,
            slice_thickness=THICKNESS,
            apodization=0.5,
            time_bw_product=4,
            system=self.system,
            return_gz=True,
            delay=self.system.rf_dead_time,
            use="excitation",
        )
        self.hard = pp.make_block_pulse(
            flip_deg * pi / 180,
            duration=200e-6,
            system=self.system,
            delay=self.system.rf_dead_time,
            use="excitation",
        )
        self.gx = pp.make_trapezoid(
            "x", flat_area=matrix / FOV, flat_time=matrix * _DWELL, system=self.system
        )
        self.adc = pp.make_adc(
            matrix, duration=self.gx.flat_time, delay=self.gx.rise_time, system=self.system
        )
        self.to_centre = self.gx.area / 2 + 0.5 / FOV

    def area(self, axis: str, area: float, duration: float = 2e-3) -> Any:
        return pp.make_trapezoid(axis, area=area, duration=duration, system=self.system)

    def add(self, *events: Any) -> None:
        self.sequence.add_block(*events)

    def spoil(self, x: float = 0, y: float = 0) -> None:
        self.add(self.area("x", x), self.area("y", y), self.area("z", 3 / THICKNESS, 3e-3))

    def text(self, path: Path, depth: float = THICKNESS) -> str:
        self.sequence.set_definition("FOV", [FOV, FOV, depth])
        self.sequence.set_definition("Name", path.stem)
        self.sequence.write(str(path))
        return path.read_text()

    def lines(self) -> Iterator[float]:
        """Areas of the phase encoding."""
        yield from ((line - self.matrix // 2) / FOV for line in range(self.matrix))


def volume(path: Path, matrix: int = 32, partitions: int = 24, slab_m: float | None = None) -> str:
    """3D gradient echo, partitions along z over 256 mm; with or without a slab."""
    make = Maker(matrix)
    pulse, back = [make.hard], 0.0
    if slab_m is not None:
        rf, gz, gz_back = pp.make_sinc_pulse(
            15 * pi / 180,
            duration=2e-3,
            slice_thickness=slab_m,
            apodization=0.5,
            time_bw_product=8,
            system=make.system,
            return_gz=True,
            delay=make.system.rf_dead_time,
            use="excitation",
        )
        pulse, back = [rf, gz], gz_back.area
    for deep in range(-partitions // 2, partitions // 2):
        for line in make.lines():
            make.add(*pulse)
            make.add(
                make.area("x", -make.to_centre),
                make.area("y", line),
                make.area("z", back + deep / FOV),
            )
            make.add(make.gx, make.adc)
            make.spoil(x=30, y=-line)
    return make.text(path, FOV)


def spin_echo(path: Path, matrix: int = 64, te: float = 40e-3, tr: float = 0.6) -> str:
    make = Maker(matrix, flip_deg=90)
    refocusing, gz, _ = pp.make_sinc_pulse(
        pi,
        duration=2e-3,
        slice_thickness=THICKNESS,
        phase_offset=pi / 2,
        apodization=0.5,
        time_bw_product=4,
        system=make.system,
        return_gz=True,
        delay=make.system.rf_dead_time,
        use="refocusing",
    )
    to_180 = te / 2 - pp.calc_duration(make.gz) / 2 - pp.calc_duration(gz) / 2 - 2e-3
    to_echo = te / 2 - pp.calc_duration(gz) / 2 - pp.calc_duration(make.gx) / 2 - 0.01e-3
    for number, line in enumerate((0.0, *make.lines())):  # one dummy
        make.add(make.rf, make.gz)
        # the 180 turns what lies before it: prephase forward
        make.add(
            make.area("x", make.to_centre),
            make.area("y", -line),
            make.area("z", make.gz_back.area),
        )
        make.add(pp.make_delay(_round(to_180)))
        make.add(refocusing, gz)
        make.add(pp.make_delay(_round(to_echo)))
        make.add(make.gx, *([make.adc] if number else []))
        make.spoil(x=30, y=-line)
        make.add(pp.make_delay(_round(tr - te - 10e-3)))
    return make.text(path)


def _round(seconds: float) -> float:
    return float(np.rint(seconds / 1e-5)) * 1e-5


def echo_planar(
    path: Path,
    matrix: int = 64,
    *,
    ramps: bool = False,
    repetitions: int = 1,
    slices: tuple[float, ...] = (0.0,),
) -> str:
    """Single shot; with `ramps` sampling begins and ends while the gradient ramps."""
    make = Maker(matrix, flip_deg=90)
    gx = pp.make_trapezoid("x", flat_area=matrix / FOV, flat_time=matrix * 5e-6, system=make.system)
    samples, delay = matrix, gx.rise_time
    if ramps:
        extra = int(gx.rise_time / 2 / 5e-6)
        samples, delay = matrix + 2 * extra, gx.rise_time - extra * 5e-6
    adc = pp.make_adc(samples, duration=samples * 5e-6, delay=delay, system=make.system)
    back = pp.scale_grad(gx, -1)
    blip = make.area("y", 1 / FOV, 8e-5)
    for _ in range(repetitions):
        for place in slices:
            make.rf.freq_offset = make.gz.amplitude * place
            make.add(make.rf, make.gz)
            make.add(
                make.area("x", -gx.area / 2 - 0.5 / FOV),
                make.area("y", -matrix / 2 / FOV),
                make.area("z", make.gz_back.area),
            )
            for line in range(matrix):
                make.add(gx if line % 2 == 0 else back, adc)
                make.add(blip)
            make.spoil()
            make.add(pp.make_delay(0.2))
    return make.text(path)


def inversion_recovery(
    path: Path, matrix: int = 32, *, ti: float = 0.5, flip_deg: float = 6
) -> str:
    """Magnetisation-prepared gradient echo, all lines after one inversion."""
    make = Maker(matrix, flip_deg)
    inversion = pp.make_block_pulse(
        pi,
        duration=1e-3,
        system=make.system,
        delay=make.system.rf_dead_time,
        use="inversion",
    )
    make.add(inversion)
    make.spoil()
    make.add(pp.make_delay(ti))
    for line in make.lines():
        make.add(make.rf, make.gz)
        make.add(
            make.area("x", -make.to_centre),
            make.area("y", line),
            make.area("z", make.gz_back.area),
        )
        make.add(make.gx, make.adc)
        make.spoil(x=30, y=-line)
    return make.text(path)


def spokes(path: Path, matrix: int = 64, count: int = 101) -> str:
    """Radial gradient echo; each spoke passes the centre at sample matrix/2."""
    make = Maker(matrix)
    for number in range(-8, count):
        angle = pi * number / count
        turned = _turned(make, angle)
        make.add(make.rf, make.gz)
        make.add(*turned(-make.to_centre), make.area("z", make.gz_back.area))
        readout = [
            pp.scale_grad(make.gx, np.cos(angle)),
            pp.scale_grad(pp.make_trapezoid("y", **_same(make.gx)), np.sin(angle)),
        ]
        make.add(*readout, *([make.adc] if number >= 0 else []))
        make.spoil()
    return make.text(path)


def spirals(path: Path, matrix: int = 32, count: int = 12) -> str:
    """Archimedean spirals from the centre outwards, each turned against the one before."""
    make = Maker(matrix)
    samples, turns = 400, 2
    at = np.arange(samples + 1) / samples
    radius = matrix / 2 / FOV * at
    for number in range(-8, count):
        angle = 2 * pi * (turns * at + number / count)
        gradients = []
        for axis, k in (("x", radius * np.cos(angle)), ("y", radius * np.sin(angle))):
            wave = np.diff(k) / 10e-6
            wave = np.concatenate([wave, wave[-1] * np.linspace(0.9, 0, 10)])
            gradients.append(
                pp.make_arbitrary_grad(axis, wave, system=make.system, first=0, last=0)
            )
        adc = pp.make_adc(samples, dwell=10e-6, delay=10e-6, system=make.system)
        make.add(make.rf, make.gz)
        make.add(make.area("z", make.gz_back.area))
        make.add(*gradients, *([adc] if number >= 0 else []))
        make.spoil()
    return make.text(path)


def _turned(make: Maker, angle: float) -> Callable[[float], list[Any]]:
    return lambda area: [
        make.area("x", area * np.cos(angle)),
        make.area("y", area * np.sin(angle)),
    ]


def _same(gradient: Any) -> dict[str, float]:
    return {
        "amplitude": gradient.amplitude,
        "rise_time": gradient.rise_time,
        "flat_time": gradient.flat_time,
        "fall_time": gradient.fall_time,
    }
