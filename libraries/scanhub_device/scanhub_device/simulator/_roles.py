"""What each RF pulse is for, and which readouts follow which excitation."""

from dataclasses import dataclass

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator.magnetisation import Echo, Role
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.pulseq import Excitation, PlayedSequence

ONLY = "the simulated scanner cannot play this: "
_LARGEST_FLIP_DEG = 90.5
_INVERSION_DEG = 170.0
_BALANCED_PER_M = 1.0
_FULL = 0.1


@dataclass(frozen=True, slots=True)
class Shots:
    """The pulses by what they are for, and what is read after them."""

    pulses: tuple[Excitation, ...]
    roles: tuple[Role, ...]
    excitation_of: tuple[int, ...]
    """Of each readout, an index into the pulses."""
    refocusing_of: tuple[int | None, ...]
    train: bool
    """Several readouts after one excitation."""

    @property
    def excitations(self) -> list[int]:
        """Indices of the excitations, those without readout too."""
        return [n for n, role in enumerate(self.roles) if role is Role.EXCITATION]

    @property
    def inverted(self) -> bool:
        """Whether there are inversion pulses."""
        return Role.INVERSION in self.roles

    def steady(self, slice_of: dict[int, int]) -> bool:
        """Whether each excitation of a slice is like the one before: there is a steady state."""
        places = [slice_of[n] for n in self.excitations]
        return not self.train and not self.inverted and len(set(places)) < len(places)

    def echo(self, readout: int, echo_time_s: float) -> Echo:
        """When the readout passes the centre."""
        pulse, refocusing = self.excitation_of[readout], self.refocusing_of[readout]
        start_s = self.pulses[pulse].time_s
        refocused = None if refocusing is None else self.pulses[refocusing].time_s - start_s
        return Echo(pulse, echo_time_s - start_s, refocused)


def find_shots(played: PlayedSequence) -> Shots:
    """Sort the pulses of a sequence.

    Raises:
        ScanError: there is nothing to read, or a pulse that is not simulated.
    """
    if not played.readouts:
        raise ScanError("the sequence reads nothing: it has no ADC event")
    if not played.excitations:
        raise ScanError("the sequence has no RF pulse, so there is no signal to read")
    times = np.array([pulse.time_s for pulse in played.excitations])
    reads = np.array([readout.times_s[0] for readout in played.readouts])
    last_pulse = np.searchsorted(times, reads) - 1
    read_after = set(last_pulse.tolist())
    roles = tuple(_role(pulse, n in read_after) for n, pulse in enumerate(played.excitations))
    followed = [_what_is_read(roles, int(n)) for n in last_pulse]
    excitations = [excitation for excitation, _ in followed]
    shots = Shots(
        pulses=played.excitations,
        roles=roles,
        excitation_of=tuple(excitations),
        refocusing_of=tuple(refocusing for _, refocusing in followed),
        train=len(set(excitations)) < len(excitations),
    )
    _check_flips(shots)
    _check_dummies(shots)
    if not shots.train and Role.REFOCUSING not in roles:
        _check_spoiling(played)
    return shots


def _role(pulse: Excitation, read_after: bool) -> Role:
    flip_deg = float(np.degrees(pulse.flip_angle_rad))
    if pulse.use in {"refocusing", "inversion"}:
        return Role(pulse.use)
    if pulse.use not in {"excitation", "undefined"}:
        raise ScanError(f"{ONLY}it has a pulse for {pulse.use}")
    if pulse.use == "undefined" and flip_deg > _INVERSION_DEG and not read_after:
        return Role.INVERSION
    if flip_deg > _LARGEST_FLIP_DEG:
        raise ScanError(f"{ONLY}it has an excitation pulse of {flip_deg:.0f} degrees")
    return Role.EXCITATION


def _what_is_read(roles: tuple[Role, ...], last: int) -> tuple[int, int | None]:
    """The excitation that a readout after pulse `last` reads, and its refocusing pulse."""
    if last < 0:
        raise ScanError(f"{ONLY}it reads before the first RF pulse")
    if roles[last] is Role.EXCITATION:
        return last, None
    if roles[last] is Role.INVERSION:
        raise ScanError(f"{ONLY}it reads after a pulse for inversion, without an excitation")
    if last == 0 or roles[last - 1] is not Role.EXCITATION:
        raise ScanError(
            f"{ONLY}it has a pulse for refocusing that does not follow an excitation at once "
            "(as turbo spin echo has)"
        )
    return last - 1, last


def _check_flips(shots: Shots) -> None:
    flips = np.degrees([shots.pulses[n].flip_angle_rad for n in shots.excitations])
    if flips.max() - flips.min() > 0.01 * flips.max():
        raise ScanError(f"{ONLY}its flip angle goes from {flips.min():.1f} to {flips.max():.1f}")


def _check_dummies(shots: Shots) -> None:
    """Dummy scans come first; then each excitation is read, unless each shot is prepared."""
    read = sorted(set(shots.excitation_of))
    if not shots.inverted and shots.excitations[-len(read) :] != read:
        raise ScanError(f"{ONLY}it has excitations without readout among those with one")


def _check_spoiling(played: PlayedSequence) -> None:
    left = np.linalg.norm(played.k_before_excitation_per_m, axis=1)
    if len(left) and left.max() < _BALANCED_PER_M:
        raise ScanError(f"{ONLY}its gradients are balanced (as in bSSFP)")


def slices_of_pulses(shots: Shots, slice_of: dict[int, int]) -> list[int | None]:
    """The slice that each pulse reaches; None: all.

    Raises:
        ScanError: an inversion or refocusing pulse reaches another slice than what it is for.
    """
    reached: list[int | None] = []
    for number, (pulse, role) in enumerate(zip(shots.pulses, shots.roles, strict=True)):
        selective = bool(np.any(pulse.gradient_hz_per_m))
        if role is Role.EXCITATION:
            reached.append(slice_of[number] if selective else None)
        elif role is Role.INVERSION and selective:
            raise ScanError(f"{ONLY}its inversion pulses invert a slice only")
        elif role is Role.REFOCUSING and selective:
            excited = shots.pulses[number - 1]
            if np.linalg.norm(_place(pulse) - _place(excited)) > _FULL * 1e-3:
                raise ScanError(f"{ONLY}it refocuses another slice than it has excited")
            reached.append(slice_of[number - 1])
        else:
            reached.append(None)
    return reached


def _place(pulse: Excitation) -> Floats:
    """Where the slice of a selective pulse lies [m]."""
    gradient = pulse.gradient_hz_per_m
    strength = float(gradient @ gradient)
    return np.asarray(pulse.frequency_offset_hz * gradient / strength if strength else 0 * gradient)
