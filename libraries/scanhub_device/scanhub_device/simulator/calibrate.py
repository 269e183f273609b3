"""Calibrations: measured on signals of the phantom, with noise, by what a scanner would do.

A hard pulse excites the whole phantom, and its free induction decay (FID) is read:

    S(t) = sum over tissues of PD sin(a) e^{-t/T2*} F(g t) e^{-2 pi i f t}

with F the transform of the tissue's shape: the residual gradient g dephases it, the offset f turns
it. Nothing of the magnet is looked up; what is found has the error that the noise gives.

- frequency: the peak of the spectrum of one FID;
- flip angle: FIDs after pulses of rising angle, and a sine fitted to them;
- shims: gradients along x, y, z in turn, for the narrowest line (the largest FID energy), in
  ranges that shrink.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanhub_device.calibration import CalibrationKind, CalibrationResult
from scanhub_device.errors import ScanError
from scanhub_device.simulator.coils import Complexes, ring_of_coils
from scanhub_device.simulator.magnet import (
    HZ_PER_UT,
    LARGEST_SHIM_UT_PER_M,
    LARMOR_FREQUENCY_HZ,
    Adjustment,
)
from scanhub_device.simulator.magnetisation import DENSITY, T1_S, T2_S, over_parent
from scanhub_device.simulator.phantom import T2_PRIME_S, Floats
from scanhub_device.simulator.signal import VolumeSignal

_DWELL_S = 1e-4
_SAMPLES = 2048
_ZERO_FILLED = 1 << 16
_TIMES_S = (np.arange(_SAMPLES) + 0.5) * _DWELL_S
_REPETITION_S = 4.0
_SHORT_WAIT_S = 0.3
_SMALL_ANGLE_RAD = np.radians(30.0)
_FIRST_SAMPLES = 8
_ANGLES_RAD = np.radians(np.arange(15.0, 181.0, 15.0))
_SCALES = np.linspace(0.3, 2.0, 341)
_NOISE_PER_SNR = 1e-3  # of the first point of a FID after 90 degrees
_LEAST_SNR_DB = 20.0
_ROUNDS, _TRIES, _SHRINK = 4, 9, 0.35


class Bench:
    """The phantom in the magnet, to measure FIDs on.

    Args:
        adjustment: how far the scanner is from the magnet.
        time_scale: 1 takes as long as a scanner.
        seed: of the noise.
        stop: set when the calibration has to end.
    """

    def __init__(
        self, adjustment: Adjustment, *, time_scale: float, seed: int, stop: threading.Event
    ) -> None:
        self._adjustment = adjustment
        self._scale = time_scale
        self._random = np.random.default_rng(seed)
        self._stop = stop
        self._signal = VolumeSignal(ring_of_coils(1))
        self._longitudinal = np.ones_like(T1_S)
        centre = self._signal.at(np.zeros((1, 3)), over_parent(DENSITY))
        self._noise = _NOISE_PER_SNR * float(np.abs(centre[0, 0]))

    def fid(
        self, angle_rad: float, wait_s: float, gradient_hz_per_m: Floats | None = None
    ) -> Complexes:
        """Wait, excite by this nominal angle, and read.

        Raises:
            ScanError: the calibration was stopped.
        """
        if self._stop.wait(self._scale * (wait_s + _TIMES_S[-1])):
            raise ScanError("the calibration was stopped")
        recovered = 1 - (1 - self._longitudinal) * np.exp(-wait_s / T1_S)
        angle = angle_rad * self._adjustment.transmit
        self._longitudinal = recovered * np.cos(angle)
        gradient = np.array(self._adjustment.gradient_hz_per_m)
        gradient = gradient if gradient_hz_per_m is None else gradient + gradient_hz_per_m
        levels = DENSITY * recovered * np.sin(angle)
        decay = np.exp(-_TIMES_S[:, None] * (1 / T2_S + 1 / T2_PRIME_S))
        # each tissue decays with its own T2*, also where it is missing in its parent
        clean = self._signal.at(_TIMES_S[:, None] * gradient, over_parent(levels * decay))[0]
        turn = np.exp(-2j * np.pi * self._adjustment.offset_hz * _TIMES_S)
        real, imaginary = self._random.normal(0.0, self._noise, (2, _SAMPLES))
        return np.asarray(clean * turn + real + 1j * imaginary, dtype=np.complex128)

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, real and imaginary part each."""
        return self._noise


def calibrate(kind: str, bench: Bench, parameter: dict[str, Any]) -> CalibrationResult:
    """Measure one thing.

    Args:
        kind: one of CalibrationKind.
        bench: what to measure on, set to the parameters.
        parameter: what the scanner is set to; the result is relative to it.

    Raises:
        ScanError: it was stopped, there is no signal, or this kind is not known.
    """
    match kind:
        case CalibrationKind.FREQUENCY:
            return _frequency(bench, parameter)
        case CalibrationKind.FLIP_ANGLE:
            return _flip_angle(bench, parameter)
        case CalibrationKind.SHIMS:
            return _shims(bench, parameter)
        case _:
            raise ScanError(f"the simulated scanner does not know how to calibrate {kind}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a spectrum."""

    offset_hz: float
    width_hz: float
    """Full width at half of its power."""
    snr_db: float

    @property
    def quality(self) -> dict[str, Any]:
        """As it is told."""
        return {"snr_db": round(self.snr_db, 1), "line_width_hz": round(self.width_hz, 2)}


def measure_line(fid: Complexes) -> Line:
    """Find the strongest line of a FID.

    Raises:
        ScanError: there is nothing but noise.
    """
    # the signal turns backwards, so its conjugate has the line at plus the offset
    spectrum = np.fft.fftshift(np.fft.fft(fid.conj(), _ZERO_FILLED))
    frequencies = np.fft.fftshift(np.fft.fftfreq(_ZERO_FILLED, _DWELL_S))
    power = np.abs(spectrum) ** 2
    peak = int(power.argmax())
    floor = float(np.sqrt(np.median(power) / np.log(2)))  # of noise alone
    snr_db = 20 * float(np.log10(np.sqrt(power[peak]) / floor))
    if snr_db < _LEAST_SNR_DB:
        raise ScanError("there is no signal: the strongest line does not stand out of the noise")
    above = power > power[peak] / 2
    left = peak - int(np.argmin(above[peak::-1]))
    right = peak + int(np.argmin(above[peak:]))
    step = float(frequencies[1] - frequencies[0])
    return Line(float(frequencies[peak]), (right - left - 1) * step, snr_db)


def _frequency(bench: Bench, parameter: dict[str, Any]) -> CalibrationResult:
    line = measure_line(bench.fid(np.pi / 2, _REPETITION_S))
    tuned_to = float(parameter.get("larmor_frequency", LARMOR_FREQUENCY_HZ))
    found = round(tuned_to + line.offset_hz, 1)
    quality = {**line.quality, "offset_hz": round(line.offset_hz, 1)}
    return CalibrationResult({"larmor_frequency": found}, quality)


def _flip_angle(bench: Bench, parameter: dict[str, Any]) -> CalibrationResult:
    """Fit a sine; the sign of each FID is that of its phase against the first."""
    first = [np.mean(bench.fid(angle, _REPETITION_S)[:_FIRST_SAMPLES]) for angle in _ANGLES_RAD]
    snr_db = 20 * float(np.log10(np.abs(first).max() / bench.noise * np.sqrt(_FIRST_SAMPLES)))
    if snr_db < _LEAST_SNR_DB:
        raise ScanError("there is no signal: no flip angle can be measured")
    signal = np.real(np.array(first) * np.conj(first[0]) / abs(first[0]))
    sines = np.sin(_SCALES[:, None] * _ANGLES_RAD)
    amplitudes = sines @ signal / (sines**2).sum(axis=1)
    left = ((signal - amplitudes[:, None] * sines) ** 2).sum(axis=1)
    best = int(left.argmin())
    set_to = float(parameter.get("flip_angle_calibration", 1.0))
    quality = {
        "snr_db": round(snr_db, 1),
        "measured_scale": round(float(_SCALES[best]), 4),
        "fit_r_squared": round(1 - float(left[best] / (signal**2).sum()), 5),
    }
    found = round(set_to / float(_SCALES[best]), 4)
    return CalibrationResult({"flip_angle_calibration": found}, quality)


def _shims(bench: Bench, parameter: dict[str, Any]) -> CalibrationResult:
    set_to = np.array(parameter.get("shims", (0.0, 0.0, 0.0)), dtype=np.float64)
    before = measure_line(bench.fid(np.pi / 2, _REPETITION_S))
    shims, reach = set_to.copy(), LARGEST_SHIM_UT_PER_M
    for _ in range(_ROUNDS):
        for axis in range(3):
            shims[axis] = _best_of_axis(bench, shims, set_to, axis, reach)
        reach *= _SHRINK
    change = HZ_PER_UT * (shims - set_to)
    line = measure_line(bench.fid(np.pi / 2, _REPETITION_S, change))
    quality = {**line.quality, "line_width_before_hz": round(before.width_hz, 2)}
    return CalibrationResult({"shims": [round(float(s), 2) for s in shims]}, quality)


def _best_of_axis(bench: Bench, shims: Floats, set_to: Floats, axis: int, reach: float) -> float:
    """Try values along one axis; the vertex of the parabola through the best and its neighbours."""
    least = max(shims[axis] - reach, -LARGEST_SHIM_UT_PER_M)
    most = min(shims[axis] + reach, LARGEST_SHIM_UT_PER_M)
    values = np.linspace(least, most, _TRIES)
    energies = []
    for value in values:
        tried = shims.copy()
        tried[axis] = value
        fid = bench.fid(_SMALL_ANGLE_RAD, _SHORT_WAIT_S, HZ_PER_UT * (tried - set_to))
        energies.append(float((np.abs(fid) ** 2).sum()))
    best = int(np.argmax(energies))
    if not 0 < best < _TRIES - 1:
        return float(values[best])
    below, there, above = energies[best - 1 : best + 2]
    bend = below - 2 * there + above
    shift = 0.5 * (below - above) / bend if bend < 0 else 0.0
    return float(values[best] + shift * (values[1] - values[0]))
