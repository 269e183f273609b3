"""Writes Pulseq 1.5 files of hard pulses, trapezoids and readouts, whose truth is known."""

from dataclasses import dataclass, field

import numpy as np

RASTER = 1e-5
HEAD = (
    "[VERSION]\nmajor 1\nminor 5\nrevision 0\n\n[DEFINITIONS]\nAdcRasterTime 1e-07\n"
    "BlockDurationRaster 1e-05\nGradientRasterTime 1e-05\nRadiofrequencyRasterTime 1e-06\n"
)


@dataclass
class Writer:
    """A file as it grows; times in raster steps of 10 us, gradients in Hz/m."""

    definitions: str = ""
    blocks: list[str] = field(default_factory=list)
    traps: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    adcs: list[str] = field(default_factory=list)
    rf: list[str] = field(default_factory=list)
    rotations: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)

    def _add(self, section, text):
        if text not in section:
            section.append(text)
        return section.index(text) + 1

    def block(self, steps, *, rf=0, g=(0, 0, 0), adc=0, turn=0):
        self.blocks.append(f"{steps} {rf} {g[0]} {g[1]} {g[2]} {adc} {turn}")

    def trapezoid(self, amplitude, flat, rise=10):
        if amplitude == 0:
            return 0
        steps = f"{rise * 10} {flat * 10} {rise * 10}"
        return 2 * self._add(self.traps, f"{amplitude:.9g} {steps} 0")

    def area(self, area, flat=80, rise=20):
        """Return a trapezoid of 2 * rise + flat steps with an area in 1/m."""
        return self.trapezoid(area / ((flat + rise) * RASTER), flat, rise)

    def wave(self, values):
        """Return an arbitrary gradient with samples on the raster [Hz/m]."""
        peak = float(np.abs(values).max())
        body = "\n".join(f"{value / peak:.9g}" for value in values)
        shape = 10 + self._add(self.shapes, f"num_samples {len(values)}\n{body}\n")
        edges = f"{values[0]:.9g} {values[-1]:.9g}"
        return 2 * self._add(self.free, f"{peak:.9g} {edges} {shape} 0 0") - 1

    def readout(self, samples, dwell_ns, delay_us=100):
        return self._add(self.adcs, f"{samples} {dwell_ns} {delay_us} 0 0 0 0 0")

    def pulse(self, hertz=100, use="e", offset_hz=0.0):
        return self._add(self.rf, f"{hertz} 1 0 2 500 0 0 0 {offset_hz:.9g} 0 {use}")

    def rotation(self, w, x, y, z):
        return self._add(self.rotations, f"{w:.12g} {x:.12g} {y:.12g} {z:.12g}")

    def bytes(self):
        def listed(name, rows, number=lambda at: at):
            body = "\n".join(f"{number(at)} {row}" for at, row in enumerate(rows, start=1))
            return f"\n{name}\n{body}\n" if rows else ""

        shapes = "shape_id 1\nnum_samples 2\n1\n1\n\nshape_id 2\nnum_samples 2\n0\n1000\n\n"
        for at, shape in enumerate(self.shapes, start=1):
            shapes += f"shape_id {10 + at}\n{shape}\n"
        turns = [f"1 {at} 0" for at in range(1, len(self.rotations) + 1)]
        return (
            f"{HEAD}{self.definitions}"
            + listed("[BLOCKS]", self.blocks)
            + listed("[RF]", self.rf)
            + listed("[GRADIENTS]", self.free, lambda at: 2 * at - 1)
            + listed("[TRAP]", self.traps, lambda at: 2 * at)
            + listed("[ADC]", self.adcs)
            + listed("[EXTENSIONS]", turns)
            + listed("extension ROTATIONS 1", self.rotations)
            + f"\n[SHAPES]\n\n{shapes}"
        ).encode()


def gradient_echo(lines, *, samples=64, fov=(0.2, 0.1), axes=(0, 1), turn=None, writer=None):
    """A gradient echo: readout and lines along two axes; k-space steps are one over the FOV.

    Args:
        lines: Number of each line, 0 at the centre.
        samples: Of a readout, 10 us each.
        fov: Of readout and lines [m].
        axes: Of readout and lines.
        turn: A quaternion that turns all gradients.
        writer: Goes on with this file.
    """
    writer = writer or Writer()
    number = writer.rotation(*turn) if turn else 0
    amplitude = 1 / (fov[0] * RASTER)
    read = writer.trapezoid(amplitude, samples)
    half = -amplitude * RASTER * (samples / 2 + 0.5 + 10 / 2)  # half a sample: k = 0 is taken
    excite, adc = writer.pulse(), writer.readout(samples, 10_000)
    for line in lines:
        writer.block(100, rf=excite)
        writer.block(120, g=_on(axes, writer.area(half), writer.area(line / fov[1])), turn=number)
        writer.block(samples + 20, g=_on(axes, read, 0), adc=adc, turn=number)
        writer.block(300)
    return writer


def _on(axes, *gradients):
    found = [0, 0, 0]
    for axis, gradient in zip(axes, gradients, strict=True):
        found[axis] = gradient
    return tuple(found)
