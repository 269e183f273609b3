"""EPI, volumes, spin echoes, inversion recovery, spokes: reconstructed from the file alone."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ismrmrd
import made_sequences
import numpy as np
import pytest

from scanhub_device import ScanError
from scanhub_device.simulator import (
    MARKER_HEAD,
    MARKER_LEFT,
    PHANTOM,
    ScanPlan,
    SimulatorSettings,
    phantom_image,
    plan_scan,
)
from scanhub_device.simulator.acquire import acquire
from scanhub_device.simulator.mrd import Labels
from scanhub_device.simulator.phantom import T2_PRIME_S
from scanhub_device.simulator.plan import check_slab
from scanhub_jobs.cartesian import reconstruct_cartesian

EXAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
needs_samples = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="SCANHUB_SAMPLES names no folder of sample data"
)
FOV = made_sequences.FOV
Array = np.ndarray[Any, Any]


@dataclass
class Acquired:
    """A file and what it was made of."""

    path: Path
    plan: ScanPlan
    header: Any
    readouts: list[Any]

    @property
    def encoding(self) -> Any:
        return self.header.encoding[0]


def scan(folder: Path, text: str, coils: int = 1) -> Acquired:
    plan, path = plan_scan(text), folder / "data.mrd"
    assert acquire(
        plan,
        SimulatorSettings(coils, noise=0, time_scale=0),
        path,
        labels=Labels("task-1"),
        offset_m=np.zeros(3),
        stop=threading.Event(),
        progress=lambda _: None,
    )
    dataset = ismrmrd.Dataset(str(path), "dataset", create_if_needed=False)
    header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
    readouts = [
        dataset.read_acquisition(index) for index in range(dataset.number_of_acquisitions())
    ]
    dataset.close()
    return Acquired(path, plan, header, readouts)


def to_image(k: Array) -> Array:
    """Centred inverse FFT over all axes."""
    return np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(k)))


def error(image: Any, truth: Any) -> float:
    """Relative difference; the overall factor is not looked at."""
    image = image * (np.vdot(image, truth) / np.vdot(image, image))
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth))


def check_orientation(image: Array, truth: Array, *, good: float, bad: float) -> None:
    """The image is the truth; mirrored or with exchanged axes it is not."""
    assert error(image, truth) < good
    assert error(image[:, ::-1], truth) > bad
    assert error(image[::-1], truth) > bad
    assert error(image[::-1, ::-1], truth) > bad
    assert error(image.T, truth) > bad


def epi_image(raw: Acquired, number: int = 0, repetition: int = 0) -> Array:
    """By flags and counters alone, as a reconstruction of EPI does it."""
    space, limits = raw.encoding.encodedSpace, raw.encoding.encodingLimits
    k = np.zeros((space.matrixSize.y, space.matrixSize.x), dtype=complex)
    centre = limits.kspace_encoding_step_1.center
    for readout in raw.readouts:
        if (readout.idx.slice, readout.idx.repetition) != (number, repetition):
            continue
        data, at = readout.data[0], readout.center_sample
        if readout.is_flag_set(ismrmrd.ACQ_IS_REVERSE):
            data, at = data[::-1], len(data) - 1 - at
        first = k.shape[1] // 2 - at
        line = readout.idx.kspace_encode_step_1 - centre + k.shape[0] // 2
        k[line, first : first + len(data)] = data
    return np.abs(to_image(k))


def epi_truth(raw: Acquired, number: int = 0) -> Array:
    space = raw.encoding.encodedSpace
    head = next(r for r in raw.readouts if r.idx.slice == number)
    return phantom_image(
        (space.matrixSize.x, space.matrixSize.y),
        (space.fieldOfView_mm.x / 1e3, space.fieldOfView_mm.y / 1e3),
        contrast=raw.plan.contrast,
        position_m=tuple(np.array(head.position) / 1e3),
        read_dir=tuple(head.read_dir),
        phase_dir=tuple(head.phase_dir),
        supersampling=8,
    )


@pytest.mark.long
@needs_samples
def test_epi_of_the_pulseq_examples_shows_the_phantom(tmp_path: Path) -> None:
    raw = scan(tmp_path, (EXAMPLES / "write_epi.seq").read_text())
    assert len(raw.readouts) == 192
    backward = [r.is_flag_set(ismrmrd.ACQ_IS_REVERSE) for r in raw.readouts]
    assert backward == [False, True] * 96
    assert [r.idx.slice for r in raw.readouts] == [0] * 64 + [1] * 64 + [2] * 64
    assert [r.position[2] for r in raw.readouts[::64]] == pytest.approx([-3, 0, 3], abs=1e-3)
    assert raw.encoding.trajectory.value == "epi"
    assert raw.encoding.echoTrainLength == 64
    assert pytest.approx([26.41], abs=0.05) == raw.header.sequenceParameters.TE
    assert raw.header.sequenceParameters.TR == []
    assert raw.header.sequenceParameters.echo_spacing == pytest.approx([0.74], abs=0.01)
    for number in range(3):
        image, truth = epi_image(raw, number)[:, 1:65], epi_truth(raw, number)[:, 1:65]
        check_orientation(image, truth, good=0.2, bad=0.25)


def test_epi_is_stored_in_the_order_of_time(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.echo_planar(tmp_path / "epi.seq"))
    forward, backward = raw.readouts[30], raw.readouts[31]
    assert np.all(np.diff(forward.traj[:, 0]) > 0)
    assert np.all(np.diff(backward.traj[:, 0]) < 0)
    for readout in raw.readouts:
        assert abs(readout.traj[readout.center_sample, 0]) < 0.6
        line = readout.idx.kspace_encode_step_1 - 32
        assert readout.traj[:, 1] == pytest.approx(np.full(64, line), abs=0.02)
    unflipped = [r.data[0] for r in raw.readouts]
    assert error(np.abs(to_image(np.array(unflipped))), epi_image(raw)) > 0.3


def test_ramps_are_sampled_where_the_trajectory_says(tmp_path: Path) -> None:
    text = made_sequences.echo_planar(tmp_path / "epi.seq", 64, ramps=True, repetitions=2)
    raw = scan(tmp_path, text)
    assert [r.idx.repetition for r in raw.readouts] == [0] * 64 + [1] * 64
    steps = np.abs(np.diff(raw.readouts[0].traj[:, 0]))
    assert steps.max() > 1.2 * steps.min()
    pixels = np.arange(64) - 32
    lines = np.zeros((64, 64), dtype=complex)
    for readout in raw.readouts[:64]:
        waves = np.exp(-2j * np.pi * np.outer(readout.traj[:, 0], pixels) / 64)
        row, _, _, _ = np.linalg.lstsq(waves, readout.data[0], rcond=0.05)
        lines[readout.idx.kspace_encode_step_1] = row
    image = np.abs(np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(lines, axes=0), axis=0), axes=0))
    truth = phantom_image(64, FOV, contrast=raw.plan.contrast, supersampling=8)
    check_orientation(image, truth, good=0.12, bad=0.3)


def rastered(matrix: int, fov: float, fine: int = 512) -> Array:
    """K-space (tissues, phase, read) of each tissue of the middle slice, by FFT of a raster."""
    at = (np.arange(fine) - fine // 2) * fov / fine
    points = np.zeros((fine, fine, 3))
    points[..., 0], points[..., 1] = at[None, :], at[:, None]
    kept = []
    for item in PHANTOM:
        inside = item.contains(points)
        for child in PHANTOM:
            if child.parent == item.name:
                inside &= ~child.contains(points)
        k = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(inside.astype(float))))
        begin = fine // 2 - matrix // 2
        kept.append(k[begin : begin + matrix, begin : begin + matrix])
    return np.array(kept) * (fov * 1e3 / fine) ** 2


def test_the_signal_decays_from_line_to_line_of_epi(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.echo_planar(tmp_path / "epi.seq"))
    tissues = rastered(64, FOV)
    for readout, echo in list(zip(raw.readouts, raw.plan.history.echoes, strict=True)):
        levels = np.array(
            [
                t.proton_density * np.exp(-echo.after_s * (1 / t.t2_s + 1 / T2_PRIME_S))
                for t in PHANTOM
            ]
        )
        line = readout.idx.kspace_encode_step_1
        expected = 5 * np.tensordot(levels, tissues[:, line], axes=1)  # mm of thickness
        columns = np.rint(readout.traj[:, 0]).astype(int) + 32
        if abs(line - 32) < 8:
            got = readout.data[0] - expected[columns]
            assert np.linalg.norm(got) < 0.05 * np.linalg.norm(expected)


def test_inversion_and_the_way_to_the_steady_state_are_followed(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.inversion_recovery(tmp_path / "ir.seq", 32, flip_deg=12))
    tissues = rastered(32, FOV)
    tr_s = np.diff([pulse.time_s for pulse in raw.plan.history.pulses])[-1]
    ti_s = raw.plan.history.pulses[1].time_s - raw.plan.history.pulses[0].time_s
    t1 = np.array([t.t1_s for t in PHANTOM])
    decay = np.array([t.proton_density * np.exp(-3.42e-3 * (1 / t.t2_s + 10)) for t in PHANTOM])
    along = 1 - 2 * np.exp(-ti_s / t1)
    angle = np.radians(12)
    for readout in raw.readouts:
        levels = along * np.sin(angle) * decay
        along = 1 - (1 - along * np.cos(angle)) * np.exp(-tr_s / t1)
        line = readout.idx.kspace_encode_step_1
        expected = 5 * np.tensordot(levels, tissues[:, line], axes=1)
        if abs(line - 16) < 6:
            assert np.linalg.norm(readout.data[0] - expected) < 0.05 * np.linalg.norm(expected)
    assert raw.header.sequenceParameters.TI[0] > 500


@needs_samples
def test_the_inversion_recovery_of_the_pulseq_examples_is_played(tmp_path: Path) -> None:
    raw = scan(tmp_path, (EXAMPLES / "simple_mprage141.seq").read_text())
    assert len(raw.readouts) == 96
    heights = {r.idx.slice: r.position[2] for r in raw.readouts}
    assert [heights[n] for n in range(3)] == pytest.approx([-5, 0, 5], abs=0.01)
    # 90 degrees every 6 ms: what was inverted is read once, the rest is nearly saturated
    middle = [np.abs(r.data).max() for r in raw.readouts if r.idx.slice == 1]
    assert [r.idx.kspace_encode_step_1 for r in raw.readouts[:32]] == list(range(32))
    assert max(middle[15:18]) < 0.2 * abs(phantom_sum())


def phantom_sum() -> float:
    """Signal of the middle slice in the centre of k-space, fully relaxed [PD x mm^3]."""
    return float(phantom_image(64, FOV).sum()) * (FOV * 1e3 / 64) ** 2 * 5


def test_a_spin_echo_has_its_own_contrast(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.spin_echo(tmp_path / "se.seq"))
    k = np.array([r.data[0] for r in raw.readouts])
    image = to_image(k) * (64 * 64 / (256 * 256 * 5))
    contrast = raw.plan.contrast
    assert contrast.spin_echo
    truth = phantom_image(64, FOV, contrast=contrast, supersampling=8)
    check_orientation(np.abs(image), np.abs(truth), good=0.15, bad=0.3)
    row, column = np.array([0.004, 0.024]) / 0.004 + 32  # in the left ventricle
    got, brain = (abs(image[int(row), c]) for c in (int(column), 22))
    assert got / brain == pytest.approx(
        abs(truth[int(row), int(column)] / truth[int(row), 22]), rel=0.15
    )
    assert raw.header.sequenceParameters.sequence_type == "SpinEcho"
    assert pytest.approx([40], abs=0.1) == raw.header.sequenceParameters.TE


def volume_truth(matrix: int, partitions: int, contrast: Any) -> Array:
    heights = (np.arange(partitions * 4) + 0.5 - 2 - partitions * 2) / 4 * FOV / partitions
    planes = [phantom_image(matrix, FOV, contrast=contrast, position_m=(0, 0, z)) for z in heights]
    return np.array(planes).reshape(partitions, 4, matrix, matrix).mean(axis=1)


@pytest.mark.long
def test_a_volume_lies_right_along_all_three_axes(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.volume(tmp_path / "volume.seq"))
    limits = raw.encoding.encodingLimits
    assert (limits.kspace_encoding_step_2.maximum, limits.kspace_encoding_step_2.center) == (23, 12)
    assert raw.encoding.encodedSpace.matrixSize.z == 24
    assert raw.encoding.reconSpace.matrixSize.z == 24
    k = np.zeros((24, 32, 32), dtype=complex)
    for readout in raw.readouts:
        k[readout.idx.kspace_encode_step_2, readout.idx.kspace_encode_step_1] = readout.data[0]
    image = to_image(k) * (k.size / (256.0**3))
    truth = volume_truth(32, 24, raw.plan.contrast)
    assert np.linalg.norm(np.abs(image) - truth) < 0.25 * np.linalg.norm(truth)
    for wrong in (image[::-1], image[:, ::-1], image[:, :, ::-1], image.transpose(0, 2, 1)):
        assert error(np.abs(wrong), truth) > 0.3
    for marker in (MARKER_LEFT, MARKER_HEAD):
        x, y, z = (
            round(c / FOV * n) + n // 2 for c, n in zip(marker.centre_m, (32, 32, 24), strict=True)
        )
        there = np.abs(image[z, y, x])
        mirrored = np.abs(image[-z if marker is MARKER_HEAD else z, y, 32 - x])
        assert there > 1.2 * mirrored


@pytest.mark.long
def test_the_platform_reconstructs_a_volume_where_it_is(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.volume(tmp_path / "volume.seq"), coils=2)
    made = reconstruct_cartesian(raw.path)
    assert len(made.slices) == 24
    assert made.three_dimensional
    depths = sorted(s.plane.depth for s in made.slices)
    assert np.diff(depths) == pytest.approx(np.full(23, 256 / 24), rel=1e-3)


def gridless(raw: Acquired, matrix: int, weight: Array) -> Array:
    """Adjoint transform of weighted samples, by the trajectory of the file alone."""
    k = np.concatenate([r.traj for r in raw.readouts])
    data = np.concatenate([r.data[0] for r in raw.readouts]) * weight
    at = (np.arange(matrix) - matrix // 2) / matrix
    rows, columns = (np.exp(2j * np.pi * np.outer(at, k[:, axis])) for axis in (1, 0))
    return np.abs((rows * data) @ columns.T)


def test_spokes_are_stored_with_their_trajectory(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.spokes(tmp_path / "spokes.seq", 32, 51))
    assert raw.encoding.trajectory.value == "radial"
    assert [r.idx.kspace_encode_step_1 for r in raw.readouts] == list(range(51))
    k = np.concatenate([r.traj for r in raw.readouts])
    image = gridless(raw, 32, np.maximum(np.linalg.norm(k, axis=1), 0.25))
    truth = phantom_image(32, FOV, contrast=raw.plan.contrast, supersampling=8)
    check_orientation(image, truth, good=0.3, bad=0.35)


def test_spirals_are_stored_with_their_trajectory(tmp_path: Path) -> None:
    raw = scan(tmp_path, made_sequences.spirals(tmp_path / "spirals.seq", 32, 12))
    assert raw.encoding.trajectory.value == "spiral"
    k = np.concatenate([r.traj for r in raw.readouts])
    # a spiral covers the area between its neighbours: radius times speed
    image = gridless(raw, 32, np.linalg.norm(k, axis=1))
    truth = phantom_image(32, FOV, contrast=raw.plan.contrast, supersampling=8)
    check_orientation(image, truth, good=0.3, bad=0.35)


@pytest.mark.parametrize(("slab_m", "plays"), [(0.25, True), (0.15, False)])
def test_a_slab_holds_the_whole_head_or_is_refused(
    tmp_path: Path, slab_m: float, plays: bool
) -> None:
    text = made_sequences.volume(tmp_path / "volume.seq", 8, 8, slab_m=slab_m)
    if not plays:
        with pytest.raises(ScanError, match="cuts the phantom"):
            plan_scan(text)
        return
    plan = plan_scan(text)
    assert plan.geometry.slab_m == pytest.approx(slab_m, rel=0.1)
    with pytest.raises(ScanError, match="cuts the phantom"):
        check_slab(plan.geometry, np.array([0, 0, 0.04]))
