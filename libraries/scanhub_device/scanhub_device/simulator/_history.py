"""From the pulses of a sequence to what the magnetisation feels, and when it is read."""

from dataclasses import dataclass

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator import _checks as checks
from scanhub_device.simulator._lines import Lines
from scanhub_device.simulator._roles import ONLY, Shots, slices_of_pulses
from scanhub_device.simulator.coils import Complexes
from scanhub_device.simulator.magnetisation import Echo, Pulse, Role
from scanhub_device.simulator.phantom import Contrast, Floats
from scanhub_device.simulator.pulseq import Excitation, PlayedSequence, Readout


@dataclass(frozen=True, slots=True)
class History:
    """What happens to the magnetisation."""

    pulses: tuple[Pulse, ...]
    echoes: tuple[Echo, ...]
    """Of each readout."""
    steady: bool
    """The sequence has run for long when it begins; else all is relaxed."""
    contrast: Contrast
    """At the centre of k-space."""
    repetition_s: float | None
    """Between two excitations of a slice, or between two inversions; None: there is one."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When each readout is, and what receiver and field do to it."""

    dwell_s: float
    receiver: Complexes
    """(readouts, samples): phase between transmitter and receiver."""
    since_s: Floats
    """(readouts, samples): time in which a field offset turns the signal [s]."""
    times_s: Floats
    """First sample of each readout [s]."""
    ends_s: Floats


def make_history(
    played: PlayedSequence, shots: Shots, lines: Lines, slice_of: dict[int, int], central: int
) -> History:
    """Follow the pulses.

    Raises:
        ScanError: repetition or echo time change where they must not.
    """
    echoes = tuple(
        shots.echo(n, float(readout.times_s[centre]))
        for n, (readout, centre) in enumerate(
            zip(played.readouts, lines.centre_sample, strict=True)
        )
    )
    steady = shots.steady(slice_of)
    repetition_s = _repetition_s(shots, slice_of, steady=steady)
    echo = echoes[central]
    if not shots.train:
        checks.constant(np.array([e.after_s for e in echoes]), "echo time")
    contrast = Contrast(
        tr_s=repetition_s if steady and repetition_s else float("inf"),
        te_s=echo.after_s,
        flip_angle_rad=shots.pulses[echo.pulse].flip_angle_rad,
        spin_echo=echo.refocused_s is not None,
        ti_s=_inversion_s(shots, echo.pulse),
    )
    return History(_pulses(shots, slice_of), echoes, steady, contrast, repetition_s)


def _pulses(shots: Shots, slice_of: dict[int, int]) -> tuple[Pulse, ...]:
    reached = slices_of_pulses(shots, slice_of)
    return tuple(
        Pulse(pulse.time_s, pulse.flip_angle_rad, role, place)
        for pulse, role, place in zip(shots.pulses, shots.roles, reached, strict=True)
    )


def _repetition_s(shots: Shots, slice_of: dict[int, int], *, steady: bool) -> float | None:
    if shots.inverted:
        inversions = [n for n, role in enumerate(shots.roles) if role is Role.INVERSION]
        gaps = np.diff([shots.pulses[n].time_s for n in inversions])
        return float(np.median(gaps)) if len(gaps) else None
    read = sorted(set(shots.excitation_of))
    gaps = np.concatenate(
        [
            np.diff([shots.pulses[n].time_s for n in read if slice_of[n] == place])
            for place in sorted({slice_of[n] for n in read})
        ]
    )
    if not len(gaps):
        return None
    return checks.constant(gaps, "repetition time") if steady else float(np.median(gaps))


def _inversion_s(shots: Shots, excitation: int) -> float | None:
    """Time since the last inversion [s]; None: there is none."""
    before = [n for n in range(excitation) if shots.roles[n] is Role.INVERSION]
    if not before:
        return None
    return shots.pulses[excitation].time_s - shots.pulses[before[-1]].time_s


def make_timing(played: PlayedSequence, shots: Shots, echoes: tuple[Echo, ...]) -> Timing:
    """Collect the times of the readouts.

    Raises:
        ScanError: the phase of a refocusing pulse is none that keeps the echo in place.
    """
    excited = [shots.pulses[n] for n in shots.excitation_of]
    turns = [
        _receiver(pulse, readout, _refocusing_turn(shots, n))
        for n, (pulse, readout) in enumerate(zip(excited, played.readouts, strict=True))
    ]
    since = [
        readout.times_s - pulse.time_s - 2 * (echo.refocused_s or 0.0)
        for pulse, readout, echo in zip(excited, played.readouts, echoes, strict=True)
    ]
    return Timing(
        dwell_s=played.readouts[0].dwell_s,
        receiver=np.stack(turns),
        since_s=np.stack(since),
        times_s=np.array([readout.times_s[0] for readout in played.readouts]),
        ends_s=np.array([readout.times_s[-1] for readout in played.readouts]),
    )


def _refocusing_turn(shots: Shots, readout: int) -> float:
    """Turn of the signal by its refocusing pulse [rad]: a phase p turns it to 2p minus itself.

    The usual choice, 90 degrees beside the excitation, leaves the echo in phase with it.
    """
    refocusing = shots.refocusing_of[readout]
    if refocusing is None:
        return 0.0
    excited = shots.pulses[shots.excitation_of[readout]].phase_rad
    return 2 * (shots.pulses[refocusing].phase_rad - excited) - np.pi


def _receiver(pulse: Excitation, readout: Readout, refocused: float) -> Complexes:
    """A receiver that follows the phase of the transmitter sees nothing of it."""
    turn = pulse.phase_rad + refocused - readout.phase_rad
    since_start = readout.times_s - readout.times_s[0]
    phase = -turn + 2 * np.pi * readout.frequency_offset_hz * since_start
    return np.asarray(np.exp(1j * phase), dtype=np.complex128)


def check_frequencies(played: PlayedSequence, slices: tuple[int, ...], count: int) -> Floats:
    """The one receiver frequency of each slice [Hz].

    Raises:
        ScanError: it changes from line to line.
    """
    frequencies = np.array([readout.frequency_offset_hz for readout in played.readouts])
    of_slice = np.array([frequencies[slices.index(n)] for n in range(count)])
    if np.any(of_slice[list(slices)] != frequencies):
        raise ScanError(f"{ONLY}its readouts differ in frequency")
    return of_slice
