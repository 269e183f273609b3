"""Spokes and spirals: the transform against its sum, the images against the phantom."""

import re

import h5py
import made_sequences
import numpy as np
import pytest
from raw_files import edit
from scans import error, scan, truth

from scanhub_device.simulator.coils import ring_of_coils
from scanhub_device.simulator.phantom import contributions
from scanhub_device.simulator.signal import SliceSignal
from scanhub_jobs import JobInputError
from scanhub_jobs.dispatch import reconstruct_file
from scanhub_jobs.gridding import Gridding, density_compensation
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters


def reconstruct(path, **parameters):
    return reconstruct_file(path, parameters=ReconstructionParameters(**parameters))


def direct(k, pixels):
    """The sum itself: waves [sample, (z,) y, x] flattened."""
    at = [np.arange(n) - n // 2 for n in reversed(pixels)]
    points = np.stack([p.ravel() for p in np.meshgrid(*at, indexing="ij")])
    return np.exp(2j * np.pi * (k[:, ::-1] / np.array(pixels)[::-1]) @ points)


@pytest.mark.parametrize(
    ("pixels", "worst"), [((32, 32), 2e-5), ((24, 31), 2e-5), ((12, 10, 8), 2e-3)]
)
def test_gridding_is_the_sum_of_all_waves(pixels, worst):
    random = np.random.default_rng(1)
    k = ((random.random((200, len(pixels))) - 0.5) * pixels).astype(np.float32)
    samples = (random.normal(size=(200, 2)) + 1j * random.normal(size=(200, 2))).astype(
        np.complex64
    )
    waves = direct(k, pixels)
    gridding = Gridding(k, pixels)
    expected = (samples.T @ waves).reshape(2, *reversed(pixels))
    got = gridding.adjoint(samples)
    assert np.linalg.norm(got - expected) < worst * np.linalg.norm(expected)
    image = expected[0].astype(np.complex64)
    back = waves.conj() @ image.ravel()
    assert np.linalg.norm(gridding.forward(image) - back) < worst * np.linalg.norm(back)


def test_the_density_of_even_spokes_is_a_ramp():
    angles = np.pi * np.arange(101) / 101
    along = (np.arange(64) - 31.5).astype(np.float32)  # none in the centre
    k = np.stack([np.outer(np.cos(angles), along), np.outer(np.sin(angles), along)], -1)
    weights = density_compensation(k.reshape(-1, 2).astype(np.float32), (64, 64))
    ramp = np.tile(np.abs(along), 101)
    inner = (ramp > 2) & (ramp < 28)
    ratio = weights[inner] / ramp[inner]
    assert ratio.std() < 0.05 * ratio.mean()


def sharp_as_a_disc(plan, matrix, coils):
    """What the phantom looks like with all of k-space within the radius of the spokes."""
    fov = plan.recon_fov_m[0]
    line = (np.arange(matrix) - matrix // 2) / fov
    k = np.zeros((matrix, matrix, 3))
    k[..., 0], k[..., 1] = line[None, :], line[:, None]
    axes = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    source = SliceSignal(np.zeros(3), axes, plan.geometry.thickness_m, ring_of_coils(coils))
    signal = source.at(k.reshape(-1, 3), weights_of(plan)).reshape(coils, matrix, matrix)
    signal = signal * (np.hypot(k[..., 0], k[..., 1]) <= matrix / 2 / fov)
    shifted = np.fft.ifftshift(signal, axes=(1, 2))
    image = np.fft.fftshift(np.fft.ifft2(shifted), axes=(1, 2))
    return np.sqrt((np.abs(image) ** 2).sum(axis=0))


def weights_of(plan):
    return np.array([amplitude for _item, amplitude in contributions(plan.contrast)])


@pytest.fixture(scope="module")
def radial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radial")
    plan = scan(folder / "a.mrd", made_sequences.spokes(folder / "a.seq", 64, 101), coils=2)
    return folder / "a.mrd", plan


def in_circle(image):
    """Spokes that are as long as a line see no more: what is beyond folds."""
    y, x = np.indices(image.shape) - image.shape[0] // 2
    return image * (np.hypot(x, y) <= image.shape[0] / 2)


@pytest.mark.parametrize(("how", "worst"), [("iterative", 0.07), ("ramp", 0.05)])
def test_spokes_are_the_phantom(radial, how, worst):
    path, plan = radial
    image = in_circle(reconstruct(path, density_compensation=how).slices[0].pixels)
    assert error(image, in_circle(sharp_as_a_disc(plan, 64, 2))) < worst
    assert error(image, truth(plan, 64, coils=2)) < 0.15


def test_what_else_can_be_asked_of_spokes(radial):
    path, plan = radial
    true = truth(plan, 64, coils=2)
    dense = in_circle(reconstruct(path, density_compensation="none").slices[0].pixels)
    assert error(dense, true) > 0.3
    smooth = reconstruct(path, coil_combination="adaptive", apodization="hann")
    assert error(in_circle(smooth.slices[0].pixels), true) < 0.3


def test_spirals_are_the_phantom(tmp_path):
    text = made_sequences.spirals(tmp_path / "a.seq", 32, 16)
    plan = scan(tmp_path / "a.mrd", text, coils=2)
    image = in_circle(reconstruct(tmp_path / "a.mrd").slices[0].pixels)
    assert error(image, in_circle(sharp_as_a_disc(plan, 32, 2))) < 0.06
    assert error(image, truth(plan, 32, coils=2)) < 0.17


def test_partitions_may_be_told_by_counters_and_spokes_by_trajectory(tmp_path):
    """A stack of stars: the transform along the partitions is a plain one."""
    text = made_sequences.spokes(tmp_path / "a.seq", 32, 51)
    scan(tmp_path / "a.mrd", text)
    with h5py.File(tmp_path / "a.mrd", "r+") as file:
        header = file["dataset/xml"][0].decode()
        header = header.replace("<z>1</z>", "<z>4</z>")
        header = re.sub(
            r"(<kspace_encoding_step_2>.*?)<maximum>0(.*?)<center>0",
            r"\1<maximum>3\2<center>2", header, flags=re.DOTALL,
        )  # fmt: skip
        file["dataset/xml"][0] = header.encode()

    def stack(data):
        parts = [data.copy() for _ in range(4)]
        for number, part in enumerate(parts):
            part["head"]["idx"]["kspace_encode_step_2"] = number
            for row in part:
                row["data"] = row["data"] * np.float32((1, 2, 4, 2)[number])
        return np.concatenate(parts)

    made = reconstruct(edit(tmp_path / "a.mrd", stack))
    peaks = np.array([image.pixels.max() for image in made.slices])
    expected = np.abs(np.fft.fftshift(np.fft.ifft(np.fft.ifftshift([1, 2, 4, 2]))))
    assert len(made.slices) == 4
    np.testing.assert_allclose(peaks / peaks.max(), expected / expected.max(), atol=0.01)


def test_the_job_says_which_spokes_are_missing(radial, tmp_path):
    path = tmp_path / "some.mrd"
    path.write_bytes(radial[0].read_bytes())
    edit(path, lambda data: np.delete(data, [3, 50]))
    (warning,) = reconstruct(path).warnings
    assert "2 of 101 readouts of slice 0 are missing: kspace_encode_step_1 3, 50." in warning
    edit(path, lambda data: data[:40])
    with pytest.raises(JobInputError, match="61 of 101 readouts of slice 0 are missing"):
        reconstruct(path)


def test_a_file_that_is_too_large_for_its_memory_is_refused(radial):
    with pytest.raises(JobInputError, match=r"6464 samples with 2 coils .* memory_gib"):
        reconstruct(radial[0], memory_gib=1e-3)


def test_a_radial_file_without_trajectory_is_refused(radial, tmp_path):
    def forget(data):
        data["head"]["trajectory_dimensions"][4] = 0
        return data

    path = tmp_path / "without.mrd"
    path.write_bytes(radial[0].read_bytes())
    edit(path, forget)
    with pytest.raises(
        JobInputError, match="The data are radial, but readout 4 states no trajectory"
    ):
        reconstruct(path)
