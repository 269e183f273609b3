"""The Cartesian reconstruction: every object lands where it was, in any orientation."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from raw_files import BLOCKS, Scan, edit, write

from scanhub_jobs import JobInputError
from scanhub_jobs.cartesian import Reconstruction, reconstruct_cartesian
from scanhub_jobs.reconstruction_context import ReconstructionContext

EXAMPLE = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "mrd" / "scanhub-example.mrd"
OBLIQUE = ((0.8, 0.6, 0.0), (-0.6, 0.8, 0.0), (0.0, 0.0, 1.0))


def brightest_place(reconstruction: Reconstruction) -> np.ndarray:
    """The centre of mass of the brightest block, in patient coordinates [mm]."""
    peak = max(float(s.pixels.max()) for s in reconstruction.slices)
    total, weight = np.zeros(3), 0.0
    for image in reconstruction.slices:
        rows, columns = np.nonzero(image.pixels > 0.6 * peak)
        for row, column in zip(rows, columns, strict=True):
            plane, value = image.plane, float(image.pixels[row, column])
            total += value * (
                plane.origin
                + plane.across * plane.pixel_across * column
                + plane.down * plane.pixel_down * row
            )
            weight += value
    return total / weight


@pytest.mark.parametrize(
    ("read", "phase", "slice_"),
    [
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
        ((-1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((0, -1, 0), (1, 0, 0), (0, 0, -1)),
        ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
        ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
        ((0, 0, -1), (1, 0, 0), (0, -1, 0)),
        OBLIQUE,
    ],
)
def test_a_3d_scan_shows_the_object_where_it_is_in_the_patient(tmp_path, read, phase, slice_):
    scan = Scan((48, 40, 24), (144, 140, 144), read=read, phase=phase, slice_=slice_)
    reconstruction = reconstruct_cartesian(write(tmp_path / "a.mrd", scan))
    assert len(reconstruction.slices) == 24
    assert brightest_place(reconstruction) == pytest.approx(BLOCKS[0][1], abs=2.0)


def test_an_axial_image_has_patient_right_on_the_left_whatever_the_gradients_did(tmp_path):
    for number, (read, phase) in enumerate(
        [((1, 0, 0), (0, 1, 0)), ((0, -1, 0), (1, 0, 0)), ((-1, 0, 0), (0, -1, 0))]
    ):
        scan = Scan((64, 64, 1), (160, 160, 400), read=read, phase=phase)
        image = reconstruct_cartesian(write(tmp_path / f"{number}.mrd", scan)).slices[0]
        assert image.plane.across == pytest.approx((1, 0, 0))
        assert image.plane.down == pytest.approx((0, 1, 0))
        row, column = np.unravel_index(np.argmax(image.pixels), image.pixels.shape)
        assert column > 32  # the bright block lies at the patient's left: right half of the image
        assert row < 32  # and in front: upper half


def test_coronal_and_sagittal_images_stand_head_up(tmp_path):
    coronal = Scan(read=(1, 0, 0), phase=(0, 0, 1), slice_=(0, 1, 0))
    sagittal = Scan(read=(0, 0, 1), phase=(0, 1, 0), slice_=(1, 0, 0))
    for scan in (coronal, sagittal):
        image = reconstruct_cartesian(write(tmp_path / "a.mrd", scan)).slices[0]
        assert image.plane.down == pytest.approx((0, 0, -1))


def test_oversampling_is_removed(tmp_path):
    plain = reconstruct_cartesian(write(tmp_path / "a.mrd"))
    over = reconstruct_cartesian(write(tmp_path / "b.mrd", Scan(oversampling=2)))
    assert over.slices[0].pixels.shape == plain.slices[0].pixels.shape == (48, 64)
    ratio = over.slices[0].pixels / max(over.slices[0].pixels.max(), 1)
    assert np.abs(ratio - plain.slices[0].pixels / plain.slices[0].pixels.max()).max() < 0.05


def test_coils_are_combined_to_the_same_image(tmp_path):
    one = reconstruct_cartesian(write(tmp_path / "a.mrd"))
    four = reconstruct_cartesian(write(tmp_path / "b.mrd", Scan(coils=4)))
    np.testing.assert_allclose(four.slices[0].pixels, one.slices[0].pixels, rtol=1e-3, atol=1e-2)


def test_averages_are_averaged(tmp_path):
    one = reconstruct_cartesian(write(tmp_path / "a.mrd"))
    three = reconstruct_cartesian(write(tmp_path / "b.mrd", Scan(averages=3)))
    np.testing.assert_allclose(three.slices[0].pixels, one.slices[0].pixels, rtol=1e-4, atol=1e-2)


def test_partial_fourier_keeps_the_object_in_its_place(tmp_path):
    scan = Scan((64, 48, 1), lines=range(32), centre_line=8)
    image = reconstruct_cartesian(write(tmp_path / "a.mrd", scan)).slices[0]
    full = reconstruct_cartesian(write(tmp_path / "b.mrd")).slices[0]
    place = np.unravel_index(np.argmax(image.pixels), image.pixels.shape)
    expected = np.unravel_index(np.argmax(full.pixels), full.pixels.shape)
    assert np.abs(np.subtract(place, expected)).max() <= 4


def test_slices_are_sorted_along_their_normal_and_keep_their_positions(tmp_path):
    scan = Scan(positions=[(0, 0, 12), (0, 0, -12), (0, 0, 0)])
    reconstruction = reconstruct_cartesian(write(tmp_path / "a.mrd", scan))
    assert [s.plane.origin[2] for s in reconstruction.slices] == [-12, 0, 12]
    assert reconstruction.spacing_mm == 12


def test_the_first_pixel_lies_half_a_field_of_view_from_the_centre(tmp_path):
    scan = Scan((64, 48, 1), (160, 144, 5), positions=[(10, 20, 30)])
    plane = reconstruct_cartesian(write(tmp_path / "a.mrd", scan)).slices[0].plane
    assert plane.origin == pytest.approx((10 - 32 * 2.5, 20 - 24 * 3.0, 30))
    assert (plane.pixel_across, plane.pixel_down, plane.thickness) == (2.5, 3.0, 5.0)


def _shorten(data):
    for row in data[3:4]:
        row["data"] = row["data"][:-6]
    return data


def _counter_outside(data):
    data["head"]["idx"]["kspace_encode_step_1"][5] = 900
    return data


def _not_finite(data):
    data["data"][0][3] = np.nan
    return data


def _tilted(data):
    data["head"]["read_dir"][:] = (1, 0, 0)
    data["head"]["phase_dir"][:] = (0.7, 0.7, 0)
    return data


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_shorten, "but holds"),
        (_counter_outside, "outside the matrix"),
        (_not_finite, "no numbers"),
        (_tilted, "orthogonal|unit vectors"),
        (lambda data: np.delete(data, 7), "1 of 48 k-space lines are missing"),
        (lambda data: data[:20], "centre of k-space"),
        (lambda data: data[:0], "no image readouts"),
    ],
)
def test_contradictory_data_are_refused_with_a_reason(tmp_path, change, reason):
    path = edit(write(tmp_path / "a.mrd"), change)
    with pytest.raises(JobInputError, match=reason):
        reconstruct_cartesian(path)


@pytest.mark.parametrize(
    ("scan", "reason"),
    [
        (Scan(trajectory="radial"), "are radial"),
        (
            Scan(
                parallel="<parallelImaging><accelerationFactor><kspace_encoding_step_1>2"
                "</kspace_encoding_step_1><kspace_encoding_step_2>1</kspace_encoding_step_2>"
                "</accelerationFactor></parallelImaging>"
            ),
            "accelerated",
        ),
        (Scan(fov=(-160, 144, 5)), "makes no sense"),
        (Scan(flags=1 << 18), "no image readouts"),
        (Scan(positions=[(0, 0, 0), (0, 0, 0)]), "same position"),
    ],
)
def test_what_this_job_cannot_do_is_refused_with_a_reason(tmp_path, scan, reason):
    with pytest.raises(JobInputError, match=reason):
        reconstruct_cartesian(write(tmp_path / "a.mrd", scan))


def test_files_that_are_no_raw_data_are_refused(tmp_path):
    (tmp_path / "text.mrd").write_text("hello")
    with h5py.File(tmp_path / "other.mrd", "w") as file:
        file["x"] = 1
    with h5py.File(tmp_path / "data.mrd", "w") as file:
        file["dataset/data"] = np.zeros(3)
        file["dataset/xml"] = [b"<a>"]
    whole = write(tmp_path / "whole.mrd").read_bytes()
    (tmp_path / "cut.mrd").write_bytes(whole[: len(whole) // 2])
    for name, reason in [
        ("missing.mrd", "no file"),
        ("text.mrd", "not HDF5"),
        ("other.mrd", "no group"),
        ("data.mrd", "no valid XML"),
        ("cut.mrd", "truncated or damaged"),
    ]:
        with pytest.raises(JobInputError, match=reason):
            reconstruct_cartesian(tmp_path / name)


def test_a_file_damaged_in_its_middle_is_refused(tmp_path):
    path = write(tmp_path / "a.mrd")
    whole = bytearray(path.read_bytes())
    for start in range(2048, len(whole) - 4096, 4096):
        whole[start : start + 512] = b"\xff" * 512
    path.write_bytes(whole)
    with pytest.raises(JobInputError):
        reconstruct_cartesian(path)


def test_real_raw_data_of_another_scanner_reconstruct():
    if not EXAMPLE.exists():
        pytest.skip("SCANHUB_SAMPLES names no folder of sample data")
    reconstruction = reconstruct_cartesian(EXAMPLE)
    assert len(reconstruction.slices) == 10
    assert reconstruction.slices[0].pixels.shape == (100, 100)


def test_a_context_without_a_run_is_refused_by_name(tmp_path):
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(JobInputError, match="run_id"):
        ReconstructionContext.read(tmp_path / "c.json")


def test_the_job_imports_nothing_of_the_platform():
    code = (
        "import sys, scanhub_jobs.reconstruction\n"
        "sys.exit(any(m.split('.')[0] in "
        "{'scanhub_libraries', 'workflow_manager', 'fastapi', 'sqlalchemy'} for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
