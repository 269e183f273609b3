"""From a played sequence to a 2D Cartesian gradient echo scan, or to a clear refusal.

Axes: Pulseq's x, y, z are the patient's L, P, H (head first, supine), so nothing is rotated. From
the trajectory, never assumed:

- `read_dir` is the way the samples of a readout go through k-space, with its sign;
- `phase_dir` is perpendicular to it in the slice; it points along the positive axis, unless only
  the other way the lines fit an even matrix (which runs from -N/2 to N/2 - 1);
- `slice_dir` is read_dir x phase_dir; slices count upwards along it;
- `kspace_encode_step_1` counts upwards along `phase_dir`.
"""

from dataclasses import dataclass

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator import _checks as checks
from scanhub_device.simulator.coils import Complexes
from scanhub_device.simulator.phantom import Contrast, Floats
from scanhub_device.simulator.pulseq import Excitation, PlayedSequence, Readout, play


@dataclass(frozen=True, slots=True)
class Encoding:
    """One direction of k-space."""

    step_per_m: float
    """Distance of neighbouring samples [1/m]."""
    count: int
    """Samples that are read."""
    centre: int
    """Index of the sample at k = 0."""

    @property
    def matrix(self) -> int:
        """Size of the symmetric matrix that holds the samples: more than `count` if partial."""
        return 2 * max(self.centre, self.count - self.centre) if self.count > 1 else 1

    @property
    def fov_m(self) -> float:
        """Field of view that the distance of the samples gives [m]."""
        return 1 / self.step_per_m


@dataclass(frozen=True, slots=True)
class Geometry:
    """Directions (unit vectors, LPS) and the centre of each slice (slices, 3) [m]."""

    read_dir: Floats
    phase_dir: Floats
    slice_dir: Floats
    positions_m: Floats
    thickness_m: float

    @property
    def in_plane(self) -> Floats:
        """(2, 3): read and phase direction."""
        return np.stack([self.read_dir, self.phase_dir])


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What there is to acquire, readout by readout."""

    name: str
    duration_s: float
    contrast: Contrast
    geometry: Geometry
    read: Encoding
    phase: Encoding
    recon_fov_m: tuple[float, float]
    """Field of view to reconstruct (read, phase): without the oversampling [m]."""
    dwell_s: float
    k_per_m: Floats
    """(readouts, samples, 3) [1/m]."""
    receiver: Complexes
    """(readouts, samples): phase between transmitter and receiver."""
    times_s: Floats
    """First sample of each readout [s]."""
    ends_s: Floats
    step: tuple[int, ...]
    slice: tuple[int, ...]

    @property
    def recon_matrix(self) -> tuple[int, int]:
        """Pixels to reconstruct (read, phase)."""
        read, phase = self.recon_fov_m
        return (
            round(self.read.matrix * read / self.read.fov_m),
            round(self.phase.matrix * phase / self.phase.fov_m),
        )


def plan_scan(text: str) -> ScanPlan:
    """Read a Pulseq file and find out what it acquires.

    Raises:
        ScanError: the file is damaged, or is no 2D Cartesian spoiled gradient echo.
    """
    played = play(text)
    checks.check_sequence(played)
    pulses = played.excitations[-len(played.readouts) :]
    k = np.stack([readout.k_per_m for readout in played.readouts])
    normal = checks.slice_normal(pulses)
    step_vector = checks.read_step(k, normal)
    read_dir = step_vector / np.linalg.norm(step_vector)
    read = _encoding_of_read(k, read_dir, float(np.linalg.norm(step_vector)))
    phase_dir = _phase_direction(k, read_dir, normal)
    lines = (k @ phase_dir).mean(axis=1)
    phase = _encoding_of_phase(lines)
    slice_dir = np.cross(read_dir, phase_dir)
    slices, positions = _slices(pulses, slice_dir)
    step = tuple(int(n) for n in np.rint((lines - lines.min()) * phase.fov_m))
    checks.check_complete(step, slices, phase.count)
    return ScanPlan(
        name=str(played.definitions.get("Name", "sequence")),
        duration_s=played.duration_s,
        contrast=_contrast(played, pulses, slices, read.centre),
        geometry=_geometry(played, read_dir, phase_dir, positions, read),
        read=read,
        phase=phase,
        recon_fov_m=(
            checks.recon_fov_m(played.definitions, read_dir, read.fov_m),
            checks.recon_fov_m(played.definitions, phase_dir, phase.fov_m),
        ),
        dwell_s=played.readouts[0].dwell_s,
        k_per_m=k,
        receiver=np.stack([_receiver(p, r) for p, r in zip(pulses, played.readouts, strict=True)]),
        times_s=np.array([readout.times_s[0] for readout in played.readouts]),
        ends_s=np.array([readout.times_s[-1] for readout in played.readouts]),
        step=step,
        slice=slices,
    )


def _geometry(
    played: PlayedSequence, read_dir: Floats, phase_dir: Floats, positions: Floats, read: Encoding
) -> Geometry:
    """Where the slices lie; a receiver off resonance shifts them along the readout."""
    slice_dir = np.cross(read_dir, phase_dir)
    shift_m = played.readouts[0].frequency_offset_hz * played.readouts[0].dwell_s * read.fov_m
    return Geometry(
        read_dir,
        phase_dir,
        slice_dir,
        positions + shift_m * read_dir,
        _thickness_m(played, slice_dir, len(positions)),
    )


def _encoding_of_read(k: Floats, read_dir: Floats, step: float) -> Encoding:
    along = (k @ read_dir)[0]
    # half a sample beside the centre counts as the later one, as scanners have it
    centre = int(np.floor(-along[0] / step + 0.51))
    if not 0 <= centre < len(along):
        raise ScanError("the readouts do not pass the centre of k-space")
    return Encoding(step, len(along), centre)


def _encoding_of_phase(lines: Floats) -> Encoding:
    values = checks.distinct(lines)
    if len(values) == 1:
        raise ScanError("there is no phase encoding: all readouts are the same line")
    step = float(np.median(np.diff(values)))
    checks.check_grid(values, step)
    centre = int(np.rint(-values[0] / step))
    if not 0 <= centre < len(values):
        raise ScanError("the phase encoding does not pass the centre of k-space")
    return Encoding(step, len(values), centre)


def _phase_direction(k: Floats, read_dir: Floats, normal: Floats) -> Floats:
    direction = np.cross(normal, read_dir)
    direction *= np.sign(direction[np.argmax(np.abs(direction))])
    lines = (k @ direction).mean(axis=1)
    spread = lines.max() - lines.min()
    surplus = lines.max() + lines.min()
    one_line = spread / max(len(checks.distinct(lines)) - 1, 1)
    fits_only_reversed = 0.5 * one_line < surplus < 1.5 * one_line
    return np.asarray(-direction if fits_only_reversed else direction) + 0.0


def _slices(pulses: tuple[Excitation, ...], slice_dir: Floats) -> tuple[tuple[int, ...], Floats]:
    """Slice of each readout, and where the slices lie: frequency over gradient."""
    offsets = np.array(
        [
            pulse.frequency_offset_hz
            * float(pulse.gradient_hz_per_m @ slice_dir)
            / float(pulse.gradient_hz_per_m @ pulse.gradient_hz_per_m)
            for pulse in pulses
        ]
    )
    places = checks.distinct(offsets, tolerance=1e-5)
    index = tuple(int(np.argmin(np.abs(places - offset))) for offset in offsets)
    return index, places[:, None] * slice_dir[None, :]


def _thickness_m(played: PlayedSequence, slice_dir: Floats, slices: int) -> float:
    defined = checks.definition_m(played.definitions, "SliceThickness", 1)
    if defined is not None:
        return float(defined[0])
    fov = checks.definition_m(played.definitions, "FOV", 3)
    axis = int(np.argmax(np.abs(slice_dir)))
    if fov is not None and slices == 1 and abs(slice_dir[axis]) > checks.ALONG_AXIS:
        return float(fov[axis])
    gradient = float(np.linalg.norm(played.excitations[0].gradient_hz_per_m))
    return played.rf_bandwidth_hz / gradient


def _contrast(
    played: PlayedSequence, pulses: tuple[Excitation, ...], slices: tuple[int, ...], centre: int
) -> Contrast:
    echo = [
        readout.times_s[centre] - pulse.time_s
        for pulse, readout in zip(pulses, played.readouts, strict=True)
    ]
    times = np.array([pulse.time_s for pulse in pulses])
    repetition = np.concatenate(
        [np.diff(times[np.array(slices) == number]) for number in sorted(set(slices))]
    )
    return Contrast(
        tr_s=checks.constant(repetition, "repetition time"),
        te_s=checks.constant(np.array(echo), "echo time"),
        flip_angle_rad=pulses[0].flip_angle_rad,
    )


def _receiver(pulse: Excitation, readout: Readout) -> Complexes:
    """A receiver that follows the phase of the transmitter sees nothing of it."""
    turn = pulse.phase_rad - readout.phase_rad
    since_start = readout.times_s - readout.times_s[0]
    phase = -turn + 2 * np.pi * readout.frequency_offset_hz * since_start
    return np.asarray(np.exp(1j * phase), dtype=np.complex128)
