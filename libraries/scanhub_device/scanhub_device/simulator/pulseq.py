"""A Pulseq file as a list of what happens: excitations, readouts, and the way through k-space."""

import hashlib
import tempfile
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from traceback import walk_tb
from types import SimpleNamespace
from typing import Any

import numpy as np
import pypulseq

from scanhub_device.errors import ScanError
from scanhub_device.simulator.phantom import Floats

# what pypulseq raises on a damaged file, besides being right
_PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    Warning,
)
_SHORTEST_SHAPE = 8  # samples
_SPECTRUM_POINTS = 1 << 17
_NO_GRADIENT_HZ_PER_M = 1.0  # what rounding leaves where no gradient is played


@dataclass(frozen=True, slots=True)
class Excitation:
    """One RF pulse, at its centre."""

    time_s: float
    flip_angle_rad: float
    use: str
    frequency_offset_hz: float
    phase_rad: float
    gradient_hz_per_m: Floats
    """Slice gradient at the centre of the pulse, along x, y, z."""


@dataclass(frozen=True, slots=True)
class Readout:
    """One ADC event."""

    times_s: Floats
    dwell_s: float
    frequency_offset_hz: float
    phase_rad: float
    k_per_m: Floats
    """(samples, 3) since the last excitation [1/m]."""


@dataclass(frozen=True, slots=True)
class PlayedSequence:
    """Everything that the scanner does, in order of time."""

    excitations: tuple[Excitation, ...]
    readouts: tuple[Readout, ...]
    k_before_excitation_per_m: Floats
    """(excitations, 3): what is left of the gradients when the next pulse comes [1/m]."""
    definitions: dict[str, Any]
    duration_s: float
    rf_bandwidth_hz: float
    """Of the first pulse that selects a slice; 0 if there is none."""


def play(text: str) -> PlayedSequence:
    """Read a Pulseq file and integrate its gradients.

    Raises:
        ScanError: this is no Pulseq file, or it is damaged.
    """
    if "[VERSION]" not in text or "[BLOCKS]" not in text:
        raise ScanError("this is no Pulseq file: it has no [VERSION] or no [BLOCKS]")
    _check_signature(text.replace("\r\n", "\n"))
    sequence = pypulseq.Sequence()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "sequence.seq")
            # without an empty line at the end of its last section PyPulseq reads on for ever
            path.write_text(f"{text}\n\n")
            sequence.read(str(path))
        return _play(sequence)
    except _PARSER_ERRORS as error:
        _close_files(error)
        raise ScanError(f"the Pulseq file cannot be read: {error}") from error


def _check_signature(text: str) -> None:
    """A signed file must be what was signed; the hash covers all before the last section."""
    signed, found, signature = text.partition("\n[SIGNATURE]")
    if not found:
        return
    fields = dict(
        line.split(maxsplit=1)
        for line in signature.splitlines()
        if line.startswith(("Type ", "Hash "))
    )
    digest = hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest()
    if fields.get("Type", "").strip() == "md5" and fields.get("Hash", "").strip() != digest:
        raise ScanError(
            "the Pulseq file was changed after it was signed: write it anew, or take out its "
            "[SIGNATURE] section if the change is meant"
        )


def _close_files(error: BaseException) -> None:
    """PyPulseq leaves its file open when it fails."""
    for frame, _ in walk_tb(error.__traceback__):
        for value in frame.f_locals.values():
            if isinstance(value, IOBase):
                value.close()


def _play(sequence: Any) -> PlayedSequence:
    k_adc, _, _, _, _ = sequence.calculate_kspace()
    gradients = sequence.get_gradients()
    excitations: list[Excitation] = []
    readouts: list[Readout] = []
    begin_s, sample, bandwidth_hz = 0.0, 0, 0.0
    for block_id in sequence.block_events:
        block = sequence.get_block(block_id)
        if block.rf is not None:
            excitations.append(_excitation(block.rf, begin_s, gradients, sequence.system))
            if np.any(excitations[-1].gradient_hz_per_m):
                bandwidth_hz = bandwidth_hz or _bandwidth_hz(block.rf)
        if block.adc is not None:
            count = int(block.adc.num_samples)
            k = np.ascontiguousarray(k_adc[:, sample : sample + count].T)
            readouts.append(_readout(block.adc, begin_s, k, sequence.system))
            sample += count
        begin_s += float(sequence.block_durations[block_id])
    return PlayedSequence(
        excitations=tuple(excitations),
        readouts=tuple(readouts),
        k_before_excitation_per_m=_remaining_moments(excitations, gradients),
        definitions=dict(sequence.definitions),
        duration_s=begin_s,
        rf_bandwidth_hz=bandwidth_hz,
    )


def _excitation(rf: SimpleNamespace, begin_s: float, gradients: Any, system: Any) -> Excitation:
    centre_s = float(pypulseq.calc_rf_center(rf)[0])
    time_s = begin_s + float(rf.delay) + centre_s
    frequency = float(rf.freq_offset + rf.freq_ppm * 1e-6 * system.gamma * system.B0)
    phase = float(rf.phase_offset + rf.phase_ppm * 1e-6 * system.gamma * system.B0)
    gradient = np.array([float(g(time_s)) if g is not None else 0.0 for g in gradients])
    if np.linalg.norm(gradient) < _NO_GRADIENT_HZ_PER_M:
        gradient = np.zeros(3)
    return Excitation(
        time_s=time_s,
        flip_angle_rad=float(2 * np.pi * abs(np.trapezoid(rf.signal, rf.t))),
        use=str(rf.use),
        frequency_offset_hz=frequency,
        phase_rad=phase + 2 * np.pi * frequency * centre_s,
        gradient_hz_per_m=gradient,
    )


def _bandwidth_hz(rf: SimpleNamespace) -> float:
    """Full width at half maximum of the pulse's spectrum, for small flip angles."""
    if len(rf.t) < _SHORTEST_SHAPE:  # a block pulse is given by its two ends
        return 1.0 / float(rf.shape_dur)
    step_s = float(np.median(np.diff(rf.t)))
    spectrum = np.abs(np.fft.fft(rf.signal, _SPECTRUM_POINTS))
    above = np.count_nonzero(spectrum > spectrum.max() / 2)
    return above / (_SPECTRUM_POINTS * step_s)


def _readout(adc: SimpleNamespace, begin_s: float, k_per_m: Floats, system: Any) -> Readout:
    if len(adc.phase_modulation):
        raise ScanError("readouts with phase modulation are not supported")
    dwell = float(adc.dwell)
    ppm_hz = 1e-6 * system.gamma * system.B0
    return Readout(
        times_s=begin_s + float(adc.delay) + (np.arange(adc.num_samples) + 0.5) * dwell,
        dwell_s=dwell,
        frequency_offset_hz=float(adc.freq_offset + adc.freq_ppm * ppm_hz),
        phase_rad=float(adc.phase_offset + adc.phase_ppm * ppm_hz),
        k_per_m=k_per_m,
    )


def _remaining_moments(excitations: list[Excitation], gradients: Any) -> Floats:
    """Gradient moment from each excitation to the next; the last has none."""
    times = np.array([pulse.time_s for pulse in excitations])
    moments = np.zeros((max(len(times) - 1, 0), 3))
    for axis, gradient in enumerate(gradients):
        if gradient is not None and len(times) > 1:
            integral = gradient.antiderivative()
            clipped = np.clip(times, integral.x[0], integral.x[-1])
            moments[:, axis] = np.diff(integral(clipped))
    return moments
