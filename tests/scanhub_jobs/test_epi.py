"""EPI: lines that run backward, samples on ramps, and ghosts that navigators take away."""

import os
from pathlib import Path

import made_sequences
import numpy as np
import pytest
from raw_files import edit
from scans import error, scan, truth, truth_of

from scanhub_jobs import JobInputError
from scanhub_jobs.dispatch import reconstruct_file
from scanhub_jobs.epi import phase_line
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters

EXAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
REVERSED, NAVIGATOR = 1 << 21, 1 << 23
SLOPE, OFFSET = 2 * np.pi * 0.4 / 64, 0.5
"""What is wrong with backward lines: they come 0.4 samples late, and with a phase of their own."""


def reconstruct(path, **parameters):
    return reconstruct_file(path, parameters=ReconstructionParameters(**parameters))


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epi")
    text = made_sequences.echo_planar(folder / "epi.seq", 64, slices=(0.0, 0.03))
    plan = scan(folder / "data.mrd", text, coils=2)
    return folder / "data.mrd", plan


def turned(row):
    """The samples of a backward line with its error; the trajectory is even here."""
    k = row["data"].view(np.complex64).reshape(2, 64).astype(complex)
    at = row["traj"].reshape(64, 2)[:, 0]
    pixel = np.arange(64) - 32
    waves = np.exp(-2j * np.pi * np.outer(at, pixel) / 64)
    image = np.linalg.lstsq(waves, k.T, rcond=None)[0]
    wrong = waves @ (np.exp(1j * (SLOPE * pixel + OFFSET))[:, None] * image)
    return np.ascontiguousarray(wrong.T).astype(np.complex64)


def spoil(data, *, navigators=True, only_first=False):
    """Backward lines get their error; each shot begins with three navigators, forward first."""
    made = []
    for number in range(2):
        shot = data[data["head"]["idx"]["slice"] == number].copy()
        centre = shot["head"]["idx"]["kspace_encode_step_1"] == 32
        (forward,) = shot[centre]
        assert not forward["head"]["flags"] & REVERSED
        backward = shot[1].copy()
        backward["data"] = forward["data"].view(np.complex64).reshape(2, 64)[:, ::-1]
        backward["data"] = np.ascontiguousarray(backward["data"]).view(np.float32).ravel()
        backward["traj"] = forward["traj"].reshape(64, 2)[::-1].ravel()
        if navigators and not (only_first and number):
            made += [forward.copy(), backward, forward.copy()]
            for navigator in made[-3:]:
                navigator["head"]["flags"] |= NAVIGATOR
        made += list(shot)
    for row in made:
        if row["head"]["flags"] & REVERSED:
            row["data"] = turned(row).ravel().view(np.float32)
    return np.array(made, dtype=data.dtype)


def ghost(image, true):
    """Signal half a field of view beside the object, relative to the object's."""
    there = true > 0
    beside = np.roll(there, 32, axis=0) & ~there
    return float(image[beside].mean() / image[there].mean())


def test_a_slice_is_the_phantom_and_without_navigators_this_is_told(head):
    path, plan = head
    made = reconstruct(path)
    assert len(made.slices) == 2
    assert "no navigator" in made.warnings[0]
    for image in made.slices:
        true = truth(plan, 64, coils=2, height_m=image.plane.origin[2] / 1e3)
        assert error(image.pixels, true) < 0.1


def test_samples_on_ramps_are_taken_where_they_lie(tmp_path):
    text = made_sequences.echo_planar(tmp_path / "epi.seq", 64, ramps=True)
    plan = scan(tmp_path / "data.mrd", text)
    (image,) = reconstruct(tmp_path / "data.mrd").slices
    assert error(image.pixels, truth_of(image.pixels.shape[::-1], plan)) < 0.12


def test_navigators_take_the_ghosts_away(head, tmp_path):
    path, plan = head
    wrong = tmp_path / "wrong.mrd"
    wrong.write_bytes(path.read_bytes())
    edit(wrong, spoil)
    clean, ghosted, better = (
        reconstruct(path),
        reconstruct(wrong, phase_correction="none"),
        reconstruct(wrong),
    )
    assert better.warnings == []
    for number in range(2):
        true = truth(plan, 64, coils=2, height_m=clean.slices[number].plane.origin[2] / 1e3)
        levels = [ghost(made.slices[number].pixels, true) for made in (clean, ghosted, better)]
        assert levels[1] > 0.25
        assert levels[2] < 0.03
        assert error(better.slices[number].pixels, clean.slices[number].pixels) < 0.01


def test_a_slice_without_navigators_of_its_own_is_told(head, tmp_path):
    wrong = tmp_path / "wrong.mrd"
    wrong.write_bytes(head[0].read_bytes())
    edit(wrong, lambda data: spoil(data, only_first=True))
    assert "no navigator" in reconstruct(wrong).warnings[0]


def test_the_phase_is_found_where_it_goes_round():
    pixel = np.arange(64) - 32
    image = np.exp(-((pixel / 20) ** 2))[None].astype(np.complex64)
    slope, offset = phase_line(image, image * np.exp(1j * (0.3 * pixel + 3.0)))
    assert (slope, offset) == pytest.approx((0.3, 3.0), abs=1e-3)
    assert phase_line(0 * image, 0 * image) == (0.0, 0.0)


def test_the_unit_of_a_trajectory_is_told_by_header_reach_or_parameter(head, tmp_path):
    path = head[0]
    same = reconstruct(path).slices[0].pixels
    for unit, factor in (("cycles_per_sample", 1 / 64), ("per_m", 1 / 0.256)):

        def scale(data, factor=factor):
            for row in data:
                row["traj"] = row["traj"] * np.float32(factor)
            return data

        other = tmp_path / f"{unit}.mrd"
        other.write_bytes(path.read_bytes())
        edit(other, scale)
        for asked in ("auto", unit):
            image = reconstruct(other, trajectory_unit=asked).slices[0].pixels
            assert error(image, same) < 1e-3

    def strange(data):
        for row in data:
            row["traj"] = row["traj"] * np.float32(30)
        return data

    odd = tmp_path / "odd.mrd"
    odd.write_bytes(path.read_bytes())
    edit(odd, strange)
    with pytest.raises(JobInputError, match="state the parameter trajectory_unit"):
        reconstruct(odd)


def test_a_trajectory_of_another_length_is_told_with_its_readout(head, tmp_path):
    def shorten(data):
        data["traj"][7] = data["traj"][7][:-2]
        return data

    path = tmp_path / "short.mrd"
    path.write_bytes(head[0].read_bytes())
    edit(path, shorten)
    with pytest.raises(JobInputError, match="Readout 7 states a trajectory of 64 x 2"):
        reconstruct(path)


def test_the_epi_of_the_pulseq_examples_is_the_phantom(tmp_path):
    if not EXAMPLES.exists():
        pytest.skip("SCANHUB_SAMPLES names no folder of sample data")
    plan = scan(tmp_path / "data.mrd", (EXAMPLES / "write_epi.seq").read_text())
    made = reconstruct(tmp_path / "data.mrd")
    assert len(made.slices) == 3
    for image in made.slices:
        true = truth_of(image.pixels.shape[::-1], plan, height_m=image.plane.origin[2] / 1e3)
        assert error(image.pixels, true) < 0.1
