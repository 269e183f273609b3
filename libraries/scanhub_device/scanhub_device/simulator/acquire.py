"""Plays a plan: the signal of every readout, its noise, at the pace of the sequence."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanhub_device.simulator.coils import CoilArray, Complexes, ring_of_coils
from scanhub_device.simulator.faults import Fault
from scanhub_device.simulator.magnet import Adjustment, Magnet
from scanhub_device.simulator.magnetisation import over_parent, signals
from scanhub_device.simulator.mrd import Labels, mrd_file
from scanhub_device.simulator.phantom import BRAIN, PHANTOM, Floats
from scanhub_device.simulator.plan import ScanPlan, check_slab
from scanhub_device.simulator.position import turn_of
from scanhub_device.simulator.signal import MM2_PER_M2, Signal, SliceSignal, VolumeSignal

_BRAIN = PHANTOM.index(BRAIN)
_AS_IT_SHOULD_BE = Adjustment()
_IN_ADJUSTMENT = Magnet()


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
    magnet: Magnet = _IN_ADJUSTMENT
    """What is true of the magnet; the scanner does not know it, calibrations find it."""
    stream: bool = True
    """Send the readouts while they are acquired too, if the server offers it."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong, in every scan."""


class Receiver:
    """Computes what arrives at the coils, readout by readout."""

    def __init__(
        self,
        plan: ScanPlan,
        settings: SimulatorSettings,
        offset_m: Floats,
        adjustment: Adjustment = _AS_IT_SHOULD_BE,
    ) -> None:
        check_slab(plan.geometry, offset_m)
        self._plan = plan
        self._offset = offset_m
        self._adjustment = adjustment
        self._gradient = turn_of(plan.patient_position) @ np.array(adjustment.gradient_hz_per_m)
        self._random = np.random.default_rng(settings.seed)
        self._sources = _sources(plan, ring_of_coils(settings.coils), offset_m, adjustment)
        self._weights = over_parent(_tissues(plan, adjustment.transmit))
        brain = abs(float(_tissues(plan, 1.0)[plan.central, _BRAIN]))
        self.noise_sigma = settings.noise * self._gain() * brain

    def _gain(self) -> float:
        """Noise of a sample that gives noise 1 in the image, which has units of PD."""
        read, phase, deep = self._plan.read, self._plan.phase, self._plan.partition
        volume_mm3 = MM2_PER_M2 * read.fov_m * phase.fov_m * 1e3 * self._plan.geometry.thickness_m
        samples = read.count * phase.count * (deep.count if deep else 1)
        return volume_mm3 / float(np.sqrt(samples))

    def readout(self, index: int) -> Complexes:
        """Samples (coils, samples) of one readout, in units of PD x mm^3."""
        plan, since = self._plan, self._plan.timing.since_s[index]
        k = plan.k_per_m[index]
        source = self._sources[plan.slice[index]]
        # moving the field of view is moving the patient the other way
        turn = plan.timing.receiver[index] * np.exp(
            2j * np.pi * (k @ self._offset - self._adjustment.offset_hz * since)
        )
        clean = source.at(k + since[:, None] * self._gradient, self._weights[index]) * turn
        real, imaginary = self._random.normal(0.0, self.noise_sigma, (2, *clean.shape))
        return np.asarray(clean + real + 1j * imaginary, dtype=np.complex128)


def _sources(
    plan: ScanPlan, coils: CoilArray, offset_m: Floats, adjustment: Adjustment
) -> list[Signal]:
    """What is excited in each slice; a field offset moves it along the slice gradient."""
    geometry = plan.geometry
    if plan.partition is not None:
        return [VolumeSignal(coils)]
    sources: list[Signal] = []
    for place, gradient in zip(geometry.excited_m, geometry.gradient_hz_per_m, strict=True):
        shift = -adjustment.offset_hz * gradient / float(gradient @ gradient)
        position = place + offset_m + shift
        sources.append(SliceSignal(position, geometry.in_plane, geometry.thickness_m, coils))
    return sources


def _tissues(plan: ScanPlan, transmit: float) -> Floats:
    """Signal (readouts, tissues) with all that the sequence does to it."""
    history = plan.history
    return signals(history.pulses, history.echoes, steady=history.steady, transmit=transmit)


def acquire(
    plan: ScanPlan,
    settings: SimulatorSettings,
    path: Path,
    *,
    labels: Labels,
    offset_m: Floats,
    stop: threading.Event,
    progress: Callable[[float], None],
    adjustment: Adjustment = _AS_IT_SHOULD_BE,
    rest: Callable[[], None] = lambda: None,
    send: Callable[[Any], None] = lambda _acquisition: None,
) -> bool:
    """Write the whole scan into the file; False when it was stopped before its end.

    Args:
        plan: what to acquire.
        settings: how.
        path: the file.
        labels: ids for the file.
        offset_m: of the field of view, LPS.
        stop: set when the scan has to end.
        progress: told how far it is [%].
        adjustment: how far the scanner is from its magnet.
        rest: returns when the scan may go on; called between shots.
        send: told each readout, as an ISMRMRD acquisition.
    """
    receiver = Receiver(plan, settings, offset_m, adjustment)
    begin = time.monotonic()
    ends = settings.time_scale * plan.ends_s
    total, shots = len(plan.step), [echo.pulse for echo in plan.history.echoes]
    with mrd_file(path, plan, coils=settings.coils, offset_m=offset_m, labels=labels) as file:
        for index in range(total):
            if index == 0 or shots[index] != shots[index - 1]:
                came = time.monotonic()
                rest()
                begin += time.monotonic() - came
            data = receiver.readout(index)
            due = begin + float(ends[index])
            if stop.wait(max(0.0, due - time.monotonic())):
                return False
            send(file.write(index, data))
            progress(100 * (index + 1) / total)
    return True
