"""From a played sequence to what there is to acquire, or to a clear refusal."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator import _checks as checks
from scanhub_device.simulator._history import (
    History,
    Timing,
    check_frequencies,
    make_history,
    make_timing,
)
from scanhub_device.simulator._lines import Encoding, Lines, find_lines, is_cartesian
from scanhub_device.simulator._paths import find_paths, is_radial, is_spiral, per_slice
from scanhub_device.simulator._roles import ONLY, Shots, find_shots
from scanhub_device.simulator.phantom import Contrast, Floats
from scanhub_device.simulator.position import HEAD_FIRST_SUPINE, turn_of, turned
from scanhub_device.simulator.pulseq import PlayedSequence, play
from scanhub_device.simulator.signal import half_extent_m

_SLAB_TOLERANCE = 0.999


class Trajectory(StrEnum):
    """How k-space is read, by the words of ISMRMRD."""

    CARTESIAN = "cartesian"
    EPI = "epi"
    RADIAL = "radial"
    SPIRAL = "spiral"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Geometry:
    """Directions (unit vectors, LPS) and the centre of each slice (slices, 3) [m]."""

    read_dir: Floats
    phase_dir: Floats
    slice_dir: Floats
    positions_m: Floats
    """Of the field of view, as the file says it."""
    thickness_m: float
    """Of a slice; of a volume its field of view along the partitions."""
    excited_m: Floats
    """(slices, 3): where the slices are that the pulses reach on resonance."""
    gradient_hz_per_m: Floats
    """(slices, 3): of slice selection; 0 if nothing is selected."""
    slab_m: float | None
    """Thickness of the slab of a volume; None: nothing is selected, or these are slices."""

    @property
    def in_plane(self) -> Floats:
        """(2, 3): read and phase direction."""
        return np.stack([self.read_dir, self.phase_dir])


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What there is to acquire, readout by readout."""

    name: str
    duration_s: float
    trajectory: Trajectory
    geometry: Geometry
    lines: Lines
    history: History
    timing: Timing
    recon_fov_m: tuple[float, float, float]
    """Field of view to reconstruct (read, phase, slice): without the oversampling [m]."""
    k_per_m: Floats
    """(readouts, samples, 3) [1/m]."""
    stored_k: Floats | None
    """(readouts, samples, 2) along read and phase, in cycles per field of view; None: a grid."""
    slice: tuple[int, ...]
    repetition: tuple[int, ...]
    central: int
    """The readout through the centre of k-space."""
    patient_position: str
    """How the patient lies: all vectors are the patient's (LPS)."""

    @property
    def read(self) -> Encoding:
        """Along the readout."""
        return self.lines.read

    @property
    def phase(self) -> Encoding:
        """Along the first phase encoding."""
        return self.lines.phase

    @property
    def partition(self) -> Encoding | None:
        """Along the second phase encoding; None: slices."""
        return self.lines.partition

    @property
    def contrast(self) -> Contrast:
        """At the centre of k-space."""
        return self.history.contrast

    @property
    def step(self) -> tuple[int, ...]:
        """Line of each readout."""
        return self.lines.step_1

    @property
    def ends_s(self) -> Floats:
        """Last sample of each readout [s]."""
        return self.timing.ends_s

    @property
    def recon_matrix(self) -> tuple[int, int]:
        """Pixels to reconstruct (read, phase)."""
        read, phase, _ = self.recon_fov_m
        return self.read.recon_matrix(read), self.phase.recon_matrix(phase)


def plan_scan(text: str, position: str = HEAD_FIRST_SUPINE) -> ScanPlan:
    """Read a Pulseq file and find out what it acquires.

    Args:
        text: the file.
        position: how the patient lies, as DICOM's Patient Position says it.

    Raises:
        ScanError: the file is damaged, or is not simulated; the text says why.
    """
    played = turned(play(text), turn_of(position))
    shots = find_shots(played)
    checks.check_readouts(played.readouts)
    k = np.stack([readout.k_per_m for readout in played.readouts])
    normal = checks.slice_normal([shots.pulses[n] for n in shots.excitations])
    trajectory, lines = _lines(played, shots, k, normal)
    slice_of, places = _slices(shots, lines.slice_dir)
    slices = tuple(slice_of[n] for n in shots.excitation_of)
    if trajectory not in {Trajectory.CARTESIAN, Trajectory.EPI}:
        lines = per_slice(lines, slices)
    geometry = _geometry(played, shots, lines, slices, places)
    check_slab(geometry, np.zeros(3))
    repetition = _repetitions(trajectory, lines, slices)
    recon_fov_m = _recon_fov_m(played, lines, geometry)
    central = _central(lines)
    history = make_history(played, shots, lines, slice_of, central)
    return ScanPlan(
        name=str(played.definitions.get("Name", "sequence")),
        duration_s=played.duration_s,
        trajectory=trajectory,
        geometry=geometry,
        lines=lines,
        history=history,
        timing=make_timing(played, shots, history.echoes),
        recon_fov_m=recon_fov_m,
        k_per_m=k,
        stored_k=None if trajectory is Trajectory.CARTESIAN else _stored(k, lines),
        slice=slices,
        repetition=repetition,
        central=central,
        patient_position=position,
    )


def _lines(
    played: PlayedSequence, shots: Shots, k: Floats, normal: Floats | None
) -> tuple[Trajectory, Lines]:
    if is_cartesian(k):
        fov_m = checks.defined_fov_m(played.definitions, k[0, -1] - k[0, 0])
        lines = find_lines(k, normal, train=shots.train, ramp_fov_m=fov_m if shots.train else None)
        return (Trajectory.EPI if shots.train else Trajectory.CARTESIAN), lines
    if shots.train or normal is None:
        raise ScanError(
            f"{ONLY}its readouts are not straight, even and parallel, and it is not 2D with one "
            "readout after each excitation"
        )
    lines = find_paths(k, normal, played.definitions)
    if is_radial(k):
        return Trajectory.RADIAL, lines
    return (Trajectory.SPIRAL if is_spiral(k) else Trajectory.OTHER), lines


def _central(lines: Lines) -> int:
    """The first readout through the centre of k-space."""
    centres = (lines.phase.centre, lines.partition.centre if lines.partition else 0)
    return list(zip(lines.step_1, lines.step_2, strict=True)).index(centres)


def _repetitions(trajectory: Trajectory, lines: Lines, slices: tuple[int, ...]) -> tuple[int, ...]:
    """Repetition of each readout: how often EPI has read its line before."""
    repetition, seen = [], dict[tuple[int, int, int], int]()
    for key in zip(slices, lines.step_1, lines.step_2, strict=True):
        times = seen.get(key, 0) if trajectory is Trajectory.EPI else 0
        seen[key] = times + 1
        repetition.append(times)
    volumes = list(zip(slices, repetition, strict=True))
    numbers = {volume: n for n, volume in enumerate(sorted(set(volumes)))}
    read = [numbers[volume] for volume in volumes]
    count = lines.phase.count * (lines.partition.count if lines.partition else 1)
    checks.check_complete(list(zip(read, lines.step_1, lines.step_2, strict=True)), count)
    return tuple(repetition)


def _recon_fov_m(
    played: PlayedSequence, lines: Lines, geometry: Geometry
) -> tuple[float, float, float]:
    def fov(direction: Floats, encoding: Encoding) -> float:
        return checks.recon_fov_m(played.definitions, direction, encoding.fov_m)

    deep = geometry.thickness_m
    if lines.partition is not None:
        deep = fov(lines.slice_dir, lines.partition)
    return fov(lines.read_dir, lines.read), fov(lines.phase_dir, lines.phase), deep


def _stored(k: Floats, lines: Lines) -> Floats:
    fovs = np.array([lines.read.fov_m, lines.phase.fov_m])
    along = k @ np.stack([lines.read_dir, lines.phase_dir]).T
    return np.asarray(along * fovs, dtype=np.float64)


def _slices(shots: Shots, slice_dir: Floats) -> tuple[dict[int, int], Floats]:
    """Slice of each excitation, and where the slices lie: frequency over gradient."""
    offsets = {}
    for number in shots.excitations:
        pulse = shots.pulses[number]
        strength = float(pulse.gradient_hz_per_m @ pulse.gradient_hz_per_m)
        along = pulse.frequency_offset_hz * float(pulse.gradient_hz_per_m @ slice_dir)
        offsets[number] = along / strength if strength else 0.0
    read = np.array([offsets[number] for number in set(shots.excitation_of)])
    places = checks.distinct(read, tolerance=1e-5)
    index = {n: int(np.argmin(np.abs(places - offset))) for n, offset in offsets.items()}
    return index, places[:, None] * slice_dir[None, :]


def _geometry(
    played: PlayedSequence, shots: Shots, lines: Lines, slices: tuple[int, ...], places: Floats
) -> Geometry:
    """Where the slices lie; a receiver off resonance shifts them along the readout."""
    pulses = [shots.pulses[shots.excitation_of[slices.index(n)]] for n in range(len(places))]
    frequencies = check_frequencies(played, slices, len(places))
    shift_m = frequencies * played.readouts[0].dwell_s * lines.read.fov_m
    gradients = np.stack([pulse.gradient_hz_per_m for pulse in pulses])
    positions, slab_m = places, None
    if lines.partition is not None:
        positions = np.zeros_like(places)  # the centre of the encoding, wherever the slab is
        if len(places) > 1:
            raise ScanError(f"{ONLY}it has several slabs")
        if gradients.any():
            slab_m = played.rf_bandwidth_hz / float(np.linalg.norm(gradients[0]))
    return Geometry(
        lines.read_dir,
        lines.phase_dir,
        lines.slice_dir,
        positions + shift_m[:, None] * lines.read_dir,
        lines.partition.fov_m
        if lines.partition
        else _thickness_m(played, shots, lines.slice_dir, len(places)),
        excited_m=places,
        gradient_hz_per_m=gradients,
        slab_m=slab_m,
    )


def check_slab(geometry: Geometry, offset_m: Floats) -> None:
    """A slab must hold the whole phantom, which is simulated as a whole.

    Raises:
        ScanError: the slab cuts the phantom.
    """
    if geometry.slab_m is None:
        return
    off = abs(float((geometry.excited_m[0] + offset_m) @ geometry.slice_dir))
    needed = 2 * (half_extent_m(geometry.slice_dir) + off)
    if geometry.slab_m < _SLAB_TOLERANCE * needed:
        raise ScanError(
            f"{ONLY}its slab of {1e3 * geometry.slab_m:.0f} mm cuts the phantom; make it "
            f"{1e3 * needed:.0f} mm, or excite without slice gradient"
        )


def _thickness_m(played: PlayedSequence, shots: Shots, slice_dir: Floats, slices: int) -> float:
    defined = checks.definition_m(played.definitions, "SliceThickness", 1)
    if defined is not None:
        return float(defined[0])
    fov_m = checks.defined_fov_m(played.definitions, slice_dir)
    if fov_m is not None and slices == 1:
        return fov_m
    pulse = shots.pulses[shots.excitations[0]]
    return float(played.rf_bandwidth_hz / np.linalg.norm(pulse.gradient_hz_per_m))
