"""How near the images come to the truth: each bound is the normalised error that is stated."""

import os
from pathlib import Path

import h5py
import made_sequences
import numpy as np
import pytest
from raw_files import Scan, edit, write
from scans import error, gre, scan, truth

from scanhub_jobs import JobInputError
from scanhub_jobs.cartesian import reconstruct_cartesian
from scanhub_jobs.coils import whitening
from scanhub_jobs.raw_data import open_raw_data
from scanhub_jobs.reconstruction_parameters import ReconstructionParameters

EXAMPLE = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "mrd" / "scanhub-example.mrd"
NOISE_FLAG = 1 << 18


def reconstruct(path, **parameters):
    return reconstruct_cartesian(path, parameters=ReconstructionParameters(**parameters))


def pixels(path, **parameters):
    return reconstruct(path, **parameters).slices[0].pixels


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """One axial slice of the phantom, four coils, no noise."""
    folder = tmp_path_factory.mktemp("head")
    plan = scan(folder / "data.mrd", gre(folder), coils=4)
    return folder / "data.mrd", plan


@pytest.fixture
def copy(head, tmp_path):
    path = tmp_path / "copy.mrd"
    path.write_bytes(head[0].read_bytes())
    return path


@pytest.mark.parametrize("how", ["rss", "adaptive"])
def test_a_slice_is_the_phantom_as_its_coils_see_it(head, how):
    path, plan = head
    assert error(pixels(path, coil_combination=how), truth(plan, 64, coils=4)) < 0.1
    smooth = pixels(path, coil_combination=how, apodization="hann")
    assert error(smooth, truth(plan, 64, coils=4)) < 0.2


@pytest.mark.long
def test_interleaved_slices_are_those_of_the_phantom_at_their_heights(tmp_path):
    heights = (0.0, -0.03, 0.06)
    plan = scan(tmp_path / "data.mrd", gre(tmp_path, 64, slice_offsets=heights, tr=60e-3))
    made = reconstruct_cartesian(tmp_path / "data.mrd")
    assert [s.plane.origin[2] for s in made.slices] == pytest.approx([-30, 0, 60], abs=0.1)
    for image in made.slices:
        there = truth(plan, 64, height_m=image.plane.origin[2] / 1e3)
        assert error(image.pixels, there) < 0.12


@pytest.mark.long
def test_a_volume_is_the_phantom(tmp_path):
    plan = scan(tmp_path / "data.mrd", made_sequences.volume(tmp_path / "volume.seq", 24, 16))
    made = reconstruct_cartesian(tmp_path / "data.mrd")
    fine = [
        np.mean([truth(plan, 24, height_m=(s.plane.origin[2] + d) / 1e3) for d in (-5, 0, 5)], 0)
        for s in made.slices
    ]
    assert error(np.array([s.pixels for s in made.slices]), np.array(fine)) < 0.25


@pytest.mark.parametrize(("kept", "worst"), [(slice(0, 44), 0.05), (slice(24, 64), 0.05)])
def test_missing_lines_are_estimated(head, copy, kept, worst):
    full = pixels(head[0])
    edit(copy, lambda data: data[kept])
    assert error(pixels(copy), full) < worst
    assert error(pixels(copy, partial_fourier="zero_fill"), full) > 2 * worst


def test_the_missing_part_of_an_echo_is_estimated(head, copy):
    def shorten(data):
        data["head"]["number_of_samples"] = 44
        data["head"]["center_sample"] = 12
        for row in data:
            row["data"] = row["data"].reshape(4, 64, 2)[:, 20:].ravel()
        return data

    full = pixels(head[0])
    edit(copy, shorten)
    assert error(pixels(copy), full) < 0.05
    assert error(pixels(copy, partial_fourier="zero_fill"), full) > 0.1


def test_both_may_be_partial(head, copy):
    def shorten(data):
        data["head"]["number_of_samples"] = 48
        data["head"]["center_sample"] = 16
        for row in data:
            row["data"] = row["data"].reshape(4, 64, 2)[:, 16:].ravel()
        return data[:48]

    edit(copy, shorten)
    assert error(pixels(copy), pixels(head[0])) < 0.1


def test_samples_to_be_discarded_are(head, copy):
    def lengthen(data):
        data["head"]["number_of_samples"] = 70
        data["head"]["center_sample"] = 36
        data["head"]["discard_pre"], data["head"]["discard_post"] = 4, 2
        for row in data:
            wide = np.full((4, 70, 2), 1e6, np.float32)
            wide[:, 4:68] = row["data"].reshape(4, 64, 2)
            row["data"] = wide.ravel()
        return data

    edit(copy, lengthen)
    np.testing.assert_array_equal(pixels(copy), pixels(head[0]))


def test_readouts_that_ran_backward_are_turned(head, copy):
    def turn(data):
        for row in data[1::2]:
            row["head"]["flags"] |= 1 << 21
            row["data"] = row["data"].reshape(4, 64, 2)[:, ::-1].ravel()
        return data

    edit(copy, turn)
    np.testing.assert_array_equal(pixels(copy), pixels(head[0]))


def test_a_finer_image_is_the_same_image(tmp_path):
    plan = scan(tmp_path / "data.mrd", gre(tmp_path, 32))
    with h5py.File(tmp_path / "data.mrd", "r+") as file:
        text = file["dataset/xml"][0].decode()
        begin = text.index("<reconSpace>")
        recon = text[begin:].replace("<x>32</x>", "<x>64</x>", 1)
        recon = recon.replace("<y>32</y>", "<y>64</y>", 1)
        file["dataset/xml"][0] = (text[:begin] + recon).encode()
    image = pixels(tmp_path / "data.mrd")
    assert image.shape == (64, 64)
    assert error(image, truth(plan, 64)) < 0.25


def test_adaptive_combination_leaves_less_noise_where_there_is_no_signal(tmp_path):
    plan = scan(tmp_path / "data.mrd", gre(tmp_path), coils=8, noise=0.1)
    path = tmp_path / "data.mrd"
    rss, adaptive = pixels(path), pixels(path, coil_combination="adaptive")
    air = truth(plan, 64, coils=8) == 0
    signal = rss[~air].mean() / adaptive[~air].mean()
    assert adaptive[air].mean() * signal < 0.7 * rss[air].mean()
    assert error(adaptive, truth(plan, 64, coils=8)) < error(rss, truth(plan, 64, coils=8))


def correlated(path, out, *, noise_rows):
    """Add noise that the coils share, of which one has ten times as much; and measure it."""
    random = np.random.default_rng(3)
    mixing = np.array([[1, 0, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 10]])

    def change(data):
        made = np.concatenate([data[:noise_rows].copy(), data])
        made["head"]["flags"][:noise_rows] = NOISE_FLAG
        level = 0.003 * max(np.abs(row["data"]).max() for row in data)
        for number, row in enumerate(made):
            noise = mixing @ (random.normal(size=(4, 64, 2)) @ (1, 1j)) * level
            signal = 0 if number < noise_rows else row["data"].view(np.complex64).reshape(4, 64)
            row["data"] = (signal + noise).astype(np.complex64).view(np.float32).ravel()
        return made

    out.write_bytes(path.read_bytes())
    return edit(out, change)


def test_noise_is_made_white_where_it_was_measured(head, tmp_path):
    path = correlated(head[0], tmp_path / "noisy.mrd", noise_rows=60)
    with open_raw_data(path) as raw:
        white = whitening(raw, 4, [])
        noise = np.concatenate([r.samples for r in raw.readouts(raw.flagged_rows(19))], axis=1)
    covariance = (white @ noise) @ (white @ noise).conj().T / noise.shape[1]
    np.testing.assert_allclose(covariance / covariance[0, 0].real, np.eye(4), atol=1e-3)
    true = truth(head[1], 64, coils=4)
    air = true == 0
    plain, better = pixels(path, prewhitening=False), pixels(path)
    assert better[air].mean() / better.max() < 0.5 * plain[air].mean() / plain.max()


def test_contrasts_phases_repetitions_and_sets_are_images_of_their_own(tmp_path):
    path = write(tmp_path / "a.mrd", Scan((32, 24, 1)))

    def multiply(data):
        parts = []
        for number, (name, value) in enumerate(
            [("set", 0), ("contrast", 1), ("phase", 1), ("repetition", 1), ("set", 1)]
        ):
            part = data.copy()
            part["head"]["idx"][name] = value
            for row in part:
                row["data"] = row["data"] * (number + 1)
            parts.append(part)
        order = np.arange(5 * len(data)).reshape(5, -1).T.ravel()  # line by line of all five
        return np.concatenate(parts)[order]

    made = reconstruct_cartesian(edit(path, multiply))
    found = {(s.contrast, s.phase, s.repetition, s.set): float(s.pixels.max()) for s in made.slices}
    first = found[0, 0, 0, 0]
    assert {key: round(value / first) for key, value in found.items()} == {
        (0, 0, 0, 0): 1, (1, 0, 0, 0): 2, (0, 1, 0, 0): 3, (0, 0, 1, 0): 4, (0, 0, 0, 1): 5,
    }  # fmt: skip


def test_little_memory_makes_more_passes_and_the_same_images(tmp_path):
    path = write(tmp_path / "a.mrd", Scan((32, 24, 1), positions=[(0, 0, z) for z in (-8, 0, 8)]))
    words = []
    one = 32 * 24 * 8 / 2**30
    small = reconstruct_cartesian(
        path, lambda _share, word: words.append(word), ReconstructionParameters(memory_gib=one)
    )
    assert words[-1].endswith("pass 3 of 3")
    for made, same in zip(small.slices, reconstruct_cartesian(path).slices, strict=True):
        np.testing.assert_array_equal(made.pixels, same.pixels)
    with pytest.raises(JobInputError, match=r"32 x 24 x 1 with 1 coils .* memory_gib"):
        reconstruct(path, memory_gib=one / 2)


def test_what_is_wrong_with_a_readout_is_told_with_its_number(tmp_path):
    def at_40(field, value):
        def change(data):
            data["head"][field][40] = value
            return data

        return change

    def few_coils(data):
        data["head"]["active_channels"][40] = 1
        data["data"][40] = data["data"][40][:128]
        return data

    def no_number(data):
        data["data"][40][5] = np.inf
        return data

    path = write(tmp_path / "a.mrd", Scan(coils=2))
    whole = path.read_bytes()
    for change, reason in [
        (no_number, "Readout 40 holds values that are no numbers"),
        (few_coils, "Readout 40 has 1 receive coils, others of its image have 2"),
        (at_40("discard_pre", 64), "Readout 40 of 0 samples"),
        (at_40("encoding_space_ref", 1), r"several encodings.*readout 40"),
    ]:
        path.write_bytes(whole)
        edit(path, change)
        with pytest.raises(JobInputError, match=reason):
            reconstruct_cartesian(path)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"coils": "rss"}, "no parameter coils. There are: coil_combination, "),
        ({"coil_combination": "sum"}, "coil_combination does not fit.*'rss' or 'adaptive'"),
        ({"partial_fourier_iterations": 0}, "partial_fourier_iterations does not fit"),
        ([1], "JSON object"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_name(values, reason):
    with pytest.raises(JobInputError, match=reason):
        ReconstructionParameters.of(values)


def test_the_real_file_shows_an_object_in_its_middle():
    if not EXAMPLE.exists():
        pytest.skip("SCANHUB_SAMPLES names no folder of sample data")
    volume = np.array([s.pixels for s in reconstruct_cartesian(EXAMPLE).slices])
    bright = volume > 0.3 * volume.max()
    assert bright[:, 20:80, 20:80].sum() > 0.8 * bright.sum()
