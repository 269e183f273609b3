"""Plays a plan: the signal of every readout, its noise, at the pace of the sequence."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanhub_device.simulator.coils import Complexes, ring_of_coils
from scanhub_device.simulator.mrd import Labels, mrd_file
from scanhub_device.simulator.phantom import BRAIN, Floats
from scanhub_device.simulator.plan import ScanPlan
from scanhub_device.simulator.signal import MM2_PER_M2, SliceSignal


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated scanner scans."""

    coils: int = 4
    """Receive coils on a ring; one coil is uniform."""
    noise: float = 0.01
    """Standard deviation of the noise in the real and in the imaginary part of a pixel, in the
    image of each coil, as a fraction of the brain's signal in a uniform coil."""
    time_scale: float = 1.0
    """1 takes as long as the sequence, 0.1 a tenth, 0 as long as the computer needs."""
    seed: int = 0
    """Of the noise: the same seed gives the same data."""


class Receiver:
    """Computes what arrives at the coils, readout by readout."""

    def __init__(self, plan: ScanPlan, settings: SimulatorSettings, offset_m: Floats) -> None:
        self._plan = plan
        self._offset = offset_m
        self._random = np.random.default_rng(settings.seed)
        self._thickness_mm = 1e3 * plan.geometry.thickness_m
        coils = ring_of_coils(settings.coils)
        centres = plan.geometry.positions_m + offset_m
        axes = plan.geometry.in_plane
        self._slices = [SliceSignal(r, axes, plan.contrast, coils) for r in centres]
        self.noise_sigma = settings.noise * self._gain() * BRAIN.magnetisation(plan.contrast)

    def _gain(self) -> float:
        """Noise of a sample that gives noise 1 in the image, which has units of PD."""
        read, phase = self._plan.read, self._plan.phase
        pixels_mm2 = MM2_PER_M2 * read.fov_m * phase.fov_m
        return self._thickness_mm * pixels_mm2 / float(np.sqrt(read.count * phase.count))

    def readout(self, index: int) -> Complexes:
        """Samples (coils, samples) of one readout, in units of PD x mm^3."""
        k = self._plan.k_per_m[index]
        # moving the field of view is moving the patient the other way
        turn = self._plan.receiver[index] * np.exp(2j * np.pi * (k @ self._offset))
        clean = self._slices[self._plan.slice[index]].at(k) * turn * self._thickness_mm
        real, imaginary = self._random.normal(0.0, self.noise_sigma, (2, *clean.shape))
        return np.asarray(clean + real + 1j * imaginary, dtype=np.complex128)


def acquire(
    plan: ScanPlan,
    settings: SimulatorSettings,
    path: Path,
    *,
    labels: Labels,
    offset_m: Floats,
    stop: threading.Event,
    progress: Callable[[float], None],
) -> bool:
    """Write the whole scan into the file; False when it was stopped before its end."""
    receiver = Receiver(plan, settings, offset_m)
    begin = time.monotonic()
    total = len(plan.step)
    with mrd_file(path, plan, coils=settings.coils, offset_m=offset_m, labels=labels) as file:
        for index in range(total):
            data = receiver.readout(index)
            due = begin + settings.time_scale * float(plan.ends_s[index])
            if stop.wait(max(0.0, due - time.monotonic())):
                return False
            file.write(index, data)
            progress(100 * (index + 1) / total)
    return True
