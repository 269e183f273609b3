"""Voxels to DICOM: every one keeps its place and its value, as others read them."""

import subprocess
import tempfile
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
from effort import tries
from hypothesis import given, settings
from hypothesis import strategies as st
from programs_of_dicom import checked, program
from series_files import AXIAL, image, series

from scanhub_jobs import JobContext
from scanhub_jobs.errors import GeometryError, ParameterError, PixelValueError
from scanhub_jobs.making.files import save_dicom
from scanhub_jobs.making.grid import to_grid
from scanhub_jobs.making.head import computed_age
from scanhub_jobs.making.quantisation import quantised

OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, -0.8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return series(tmp_path_factory.mktemp("reference"), orientation=OBLIQUE)


@pytest.fixture
def ctx(folder, tmp_path):
    return JobContext.local(folder, out=tmp_path / "out")


def rotation(angles):
    a, b, c = angles
    x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(x) @ np.array(y) @ np.array(z)


def affine_of(angles, spacing, origin, mirror=False):
    affine = np.eye(4)
    affine[:3, :3] = rotation(angles) @ np.diag(spacing)
    if mirror:
        affine[:3, 0] = -affine[:3, 0]
    affine[:3, 3] = origin
    return affine


def ras_points(affine, indices):
    return (affine[:3, :3] @ np.asarray(indices, float).T).T + affine[:3, 3]


def places(datasets):
    """World points (RAS, mm) and values of all pixels, as a viewer computes them (C.7.6.2.1.1)."""
    points, values = [], []
    for d in datasets:
        across, down = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
        rows, columns = np.mgrid[: d.Rows, : d.Columns]
        row_mm, column_mm = (float(v) for v in d.PixelSpacing)
        at = np.array(d.ImagePositionPatient, float)
        at = at + columns[..., None] * column_mm * across + rows[..., None] * row_mm * down
        points.append((at * [-1, -1, 1]).reshape(-1, 3))
        slope, intercept = float(d.get("RescaleSlope", 1)), float(d.get("RescaleIntercept", 0))
        values.append((d.pixel_array.astype(float) * slope + intercept).ravel())
    return np.concatenate(points), np.concatenate(values)


angle = st.floats(-3.1, 3.1)
size = st.floats(0.3, 8)


@settings(max_examples=tries(in_ci=60, here=8), deadline=None, database=None)
@given(st.tuples(angle, angle, angle), st.tuples(size, size, size), st.booleans(), st.booleans())
def test_every_voxel_keeps_its_place_in_any_orientation(angles, spacing, mirror, like_a_plane):
    affine = affine_of(angles, spacing, (12.5, -300.25, 41), mirror)
    array = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    like = image(orientation=OBLIQUE) if like_a_plane else None
    turned, grid = to_grid(array, affine, like)
    lps = grid.affine
    indices = np.argwhere(np.ones(turned.shape))
    found = ras_points(np.diag([-1, -1, 1, 1]) @ lps, indices)
    order = np.argsort(turned.ravel())
    assert np.abs(found[order] - ras_points(affine, np.argwhere(np.ones(array.shape)))).max() < 1e-9
    assert np.linalg.det(lps[:3, :3]) > 0 or grid.normal @ grid.step > 0


@settings(max_examples=tries(in_ci=40, here=3), deadline=None, database=None)
@given(st.tuples(angle, angle, angle), st.tuples(size, size, size))
def test_dcm2niix_reads_back_the_places_and_the_values(angles, spacing):
    rng = np.random.default_rng(7)
    array = rng.normal(size=(5, 6, 7)) * 30
    affine = affine_of(angles, spacing, (-40, 7, 100))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as f:
        made = JobContext.local(series(Path(f) / "like", 1)).dicom.from_nifti(
            (array, affine), like=image(orientation=AXIAL)
        )
        (Path(f) / "made").mkdir()
        for number, dataset in enumerate(made):
            save_dicom(dataset, Path(f) / "made" / f"{number}.dcm")
        loaded = JobContext.local(Path(f) / "made").series.to_nifti().primary().load()
    points = ras_points(loaded.affine, _grid(loaded.shape))
    at = (np.linalg.inv(affine) @ np.c_[points, _ones(array)].T).T
    back = np.rint(at)
    assert np.abs(at - back).max() * max(spacing) < 1e-3
    values = array[tuple(back[:, :3].astype(int).T)]
    step = float(made[0].RescaleSlope)
    assert np.abs(loaded.get_fdata().ravel() - values).max() <= step / 2 * 1.001 + 1e-6 * 200


def _grid(shape):
    return np.argwhere(np.ones(shape))


def _ones(array):
    return np.ones(array.size)


def test_mr_images_lie_where_the_reference_lies(ctx, folder, tmp_path):
    nifti = ctx.series.to_nifti().primary()
    made = ctx.dicom.from_nifti(nifti.load(), like=ctx.series, description="again")
    assert len(made) == 4
    originals = list(ctx.series.datasets())
    for dataset, original in zip(made, originals, strict=True):
        assert np.allclose(dataset.ImagePositionPatient, original.ImagePositionPatient, atol=1e-4)
        assert np.allclose(dataset.ImageOrientationPatient, OBLIQUE, atol=1e-6)
        assert np.array_equal(dataset.pixel_array, original.pixel_array)
        (source,) = dataset.SourceImageSequence
        assert source.ReferencedSOPInstanceUID == original.SOPInstanceUID
        assert dataset.FrameOfReferenceUID == original.FrameOfReferenceUID
        assert dataset.StudyInstanceUID == original.StudyInstanceUID
        assert dataset.SeriesInstanceUID != original.SeriesInstanceUID
    assert len({d.SOPInstanceUID for d in made}) == 4
    assert "RescaleSlope" not in made[0]
    checked(made, tmp_path / "check", "MRImage")


def test_an_axial_image_keeps_its_spacing(ctx):
    affine = np.diag([3.0, 3.0, 5.0, 1.0])
    made = ctx.dicom.from_nifti((np.ones((4, 6, 2)), affine), like=image())
    first = made[0]
    assert [float(v) for v in first.PixelSpacing] == [3, 3]
    assert (float(first.SliceThickness), float(first.SpacingBetweenSlices)) == (5, 5)
    assert [float(v) for v in first.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    points, _ = places(made)
    wanted = ras_points(affine, _grid((4, 6, 2)))
    assert np.allclose(sorted(map(tuple, points)), sorted(map(tuple, wanted)))


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.0, 0.25, 1.0]),
        np.array([-32768, -1, 32767]),
        np.array([0, 65535]),
        np.array([7e4, 8e4]),
        np.array([-1e6 + 0.5, 1e6]),
        np.array([1e-12, 5e-12]),
        np.array([5.125]),
        np.array([0.0]),
        np.array([True, False]),
        np.array([1e30, -1e30]),
        np.array([-1.1125369292536007e-308]),
    ],
    ids=str,
)
def test_values_come_back_within_half_a_step(values):
    stored = quantised(values)
    back = stored.pixels.astype(float) * float(stored.slope) + float(stored.intercept)
    half = float(stored.slope) / 2 if stored.rescaled else 0
    assert np.abs(back - values).max() <= half * 1.0001
    assert len(stored.slope) <= 16
    assert len(stored.intercept) <= 16
    if values.dtype.kind in "bi":
        assert np.array_equal(back, values)


@settings(max_examples=tries(in_ci=300, here=30), deadline=None, database=None)
@given(st.lists(st.floats(-1e20, 1e20), min_size=1, max_size=20))
def test_any_values_come_back_within_half_a_step(values):
    array = np.array(values)
    stored = quantised(array)
    back = stored.pixels.astype(float) * float(stored.slope) + float(stored.intercept)
    half = float(stored.slope) / 2 if stored.rescaled else 0
    tolerance = np.abs(array).max() * 1e-9 + half * 1.0001
    assert np.abs(back - array).max() <= tolerance


def test_what_is_not_finite_is_an_error_or_filled(ctx):
    array = np.ones((2, 2, 2))
    array[0, 0, 0], array[1, 1, 1] = np.nan, np.inf
    with pytest.raises(PixelValueError, match="2 values are NaN or infinite"):
        ctx.dicom.from_nifti((array, np.eye(4)), like=image())
    made = ctx.dicom.from_nifti((array, np.eye(4)), like=image(), fill=0)
    assert sorted(places(made)[1]) == [0, 0, 1, 1, 1, 1, 1, 1]
    with pytest.raises(PixelValueError, match="not real"):
        ctx.dicom.from_nifti((np.ones((2, 2, 2)) * 1j, np.eye(4)), like=image(), fill=0)


def test_what_has_no_place_is_refused(ctx):
    sheared, flat, unknown = np.eye(4), np.eye(4), np.eye(4)
    sheared[0, 1], flat[:3, 2], unknown[0, 0] = 0.1, 0, np.nan
    for affine, why in ((sheared, "right angles"), (flat, "without length"), (unknown, "finite")):
        with pytest.raises(GeometryError, match=why):
            ctx.dicom.from_nifti((np.ones((2, 2, 2)), affine), like=image())
    with pytest.raises(GeometryError, match="shape"):
        ctx.dicom.from_nifti((np.ones((2, 2)), np.eye(4)), like=image())
    with pytest.raises(ParameterError, match="none of mr"):
        ctx.dicom.from_nifti((np.ones((2, 2, 2)), np.eye(4)), like=image(), kind="pet")
    with pytest.raises(ParameterError, match="like= is empty"):
        ctx.dicom.from_nifti((np.ones((2, 2, 2)), np.eye(4)), like=[])


def test_volumes_are_temporal_positions(ctx, tmp_path):
    array = np.arange(4 * 3 * 5 * 2, dtype=np.int16).reshape(4, 3, 5, 2) - 50
    made_of = nibabel.Nifti1Image(array, np.diag([2.0, 2.0, 3.0, 1.0]))
    made_of.header.set_zooms((2, 2, 3, 1.5))
    made_of.header.set_xyzt_units("mm", "sec")
    made = ctx.dicom.from_nifti(made_of, like=image())
    assert [d.TemporalPositionIdentifier for d in made] == [1] * 5 + [2] * 5
    assert (made[0].NumberOfTemporalPositions, float(made[0].TemporalResolution)) == (2, 1500)
    (tmp_path / "made").mkdir()
    for number, dataset in enumerate(made):
        save_dicom(dataset, tmp_path / "made" / f"{number}.dcm")
    found = JobContext.local(tmp_path / "made").series.to_nifti().primary()
    assert (found.volumes, found.slices) == (2, 5)
    assert sorted(found.load().get_fdata().ravel()) == sorted(array.ravel())


def test_places_in_a_template_have_a_frame_of_reference_of_their_own(ctx):
    nifti = nibabel.Nifti1Image(np.ones((2, 2, 2), np.int16), np.eye(4))
    own = image().FrameOfReferenceUID
    assert ctx.dicom.from_nifti(nifti, like=image())[0].FrameOfReferenceUID == own
    nifti.set_sform(np.eye(4), 4)
    assert ctx.dicom.from_nifti(nifti, like=image())[0].FrameOfReferenceUID != own
    same = ctx.dicom.from_nifti(nifti, like=image(), same_frame=True)
    assert same[0].FrameOfReferenceUID == own


def _values_where(volume, values, affine):
    """Compare a volume of highdicom's with an array, each voxel at its place."""
    lps = np.diag([-1, -1, 1, 1]) @ affine
    points = ras_points(volume.affine, _grid(volume.spatial_shape))
    at = (np.linalg.inv(lps) @ np.c_[points, _ones(values)].T).T[:, :3]
    assert np.abs(at - np.rint(at)).max() < 1e-4
    assert np.array_equal(volume.array.ravel(), values[tuple(np.rint(at).astype(int).T)])


def test_an_enhanced_image_holds_all_frames(ctx, folder, tmp_path):
    nifti = ctx.series.to_nifti().primary().load()
    (made,) = ctx.dicom.from_nifti(nifti, like=ctx.series, kind="enhanced-mr")
    assert (made.NumberOfFrames, made.Rows, made.Columns) == (4, 6, 8)
    volume = highdicom.Image.from_dataset(made).get_volume(apply_real_world_transform=False)
    _values_where(volume, np.asanyarray(nifti.dataobj), nifti.affine)
    originals = list(ctx.series.datasets())
    assert np.array_equal(made.pixel_array[0], originals[0].pixel_array)
    checked([made], tmp_path / "check", "EnhancedMRImage")


def test_a_segmentation_lies_on_its_source(ctx, tmp_path):
    nifti = ctx.series.to_nifti().primary().load()
    labels = np.zeros(nifti.shape, np.uint8)
    labels[2:4, 1:3, 1:3], labels[5:, :2, 2] = 1, 4
    image_of = nibabel.Nifti1Image(labels, nifti.affine)
    (made,) = ctx.dicom.from_nifti(image_of, like=ctx.series, kind="seg", segments={1: "Liver"})
    assert (made.Modality, made.SegmentSequence[0].SegmentLabel) == ("SEG", "Liver")
    assert made.SegmentSequence[1].SegmentLabel == "Label 4"
    assert str(made.PatientName) == "Müller^Zoë"
    found = highdicom.seg.segread(_saved(made, tmp_path)).get_volume(combine_segments=True)
    lps = np.diag([-1, -1, 1, 1]) @ nifti.affine
    where = np.argwhere(found.array > 0)
    points = {tuple(np.round(p, 2) + 0.0) for p in ras_points(found.affine, where)}
    wanted = {tuple(np.round(p, 2) + 0.0) for p in ras_points(lps, np.argwhere(labels > 0))}
    assert points == wanted
    sources = {
        i.ReferencedSOPInstanceUID
        for i in made.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert sources <= {d.SOPInstanceUID for d in ctx.series.datasets()}
    checked([made], tmp_path / "check", "Segmentation")
    with pytest.raises(PixelValueError, match="empty"):
        ctx.dicom.from_nifti((labels * 0, nifti.affine), like=ctx.series, kind="seg")
    with pytest.raises(PixelValueError, match="whole numbers"):
        ctx.dicom.from_nifti((labels - 0.5, nifti.affine), like=ctx.series, kind="seg")


def test_a_parametric_map_keeps_small_values(ctx, tmp_path):
    nifti = ctx.series.to_nifti().primary().load()
    values = np.linspace(0, 1, nifti.get_fdata().size).reshape(nifti.shape).astype(np.float32)
    (made,) = ctx.dicom.from_nifti((values, nifti.affine), like=ctx.series, kind="pm")
    _values_where(highdicom.imread(_saved(made, tmp_path)).get_volume(), values, nifti.affine)
    checked([made], tmp_path / "check", "ParametricMap")
    with pytest.raises(GeometryError, match="one volume"):
        ctx.dicom.from_nifti((values[..., None], nifti.affine), like=ctx.series, kind="pm")


def test_greys_for_looking_at(ctx, tmp_path):
    made = ctx.dicom.from_nifti(
        (np.arange(24.0).reshape(2, 3, 4), np.eye(4)), like=image(), kind="sc"
    )
    assert (len(made), made[0].pixel_array.dtype, made[0].Modality) == (4, np.uint8, "OT")
    checked(made, tmp_path / "check", "SCImage")


def test_a_job_that_is_tried_again_makes_the_same_objects(folder, tmp_path):
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[1:3, 1:3, 1:3] = 1
    for kind in ("mr", "enhanced-mr", "seg", "pm"):
        made = []
        for _ in range(2):
            ctx = JobContext.local(folder, out=tmp_path)
            objects = ctx.dicom.from_nifti((labels, np.eye(4)), like=ctx.series, kind=kind)
            made.append([pydicom.dcmread(_saved(o, tmp_path)).to_json() for o in objects])
        assert made[0] == made[1], kind
    one, two = (ctx.dicom.from_nifti((labels, np.eye(4)), like=ctx.series) for _ in range(2))
    assert one[0].SeriesInstanceUID != two[0].SeriesInstanceUID
    assert one[0].SeriesNumber != two[0].SeriesNumber


def test_what_is_kept_is_a_file_that_dcmtk_takes(ctx):
    made = ctx.dicom.from_nifti((np.ones((2, 2, 2), np.int16), np.eye(4)), like=ctx.series)
    uids = ctx.keep(made)
    files = sorted((ctx.backend.folder / "dicom").rglob("*.dcm"))
    assert len(files) == len(uids) == 2
    assert list(ctx.kept) == uids
    done = subprocess.run([program("dcmftest"), *files], check=True, capture_output=True, text=True)
    assert done.stdout.count("yes: ") == 2


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        ("20260101", "20260131", "030D"), ("20250101", "20260102", "012M"),
        ("19800229", "20260228", "045Y"), ("19800229", "20260301", "046Y"),
        ("18000101", "20260101", "226Y"), ("", "20260101", ""), ("20270101", "20260101", ""),
        ("2026", "20260101", ""),
    ],
)  # fmt: skip
def test_an_age_is_computed_with_its_unit(born, on, age):
    assert computed_age(born, on) == age


def _saved(dataset, folder):
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    save_dicom(dataset, path)
    return path


def test_hounsfield_units_are_a_ct_series(tmp_path):
    folder = series(tmp_path / "ct", 3, orientation=AXIAL, Modality="CT")
    ctx = JobContext.local(folder, out=tmp_path / "out")
    values = np.linspace(-1000, 3000.5, 60).reshape(3, 4, 5)
    affine = affine_of((0.2, 0.1, 0), (1, 2, 3), (-10, 20, 30))
    made = ctx.dicom.from_nifti((values, affine), like=ctx.series, kind="ct")
    assert (made[0].Modality, made[0].RescaleType, made[0].ImageType[2]) == ("CT", "HU", "AXIAL")
    checked(made, tmp_path / "check", "CTImage")
    points, seen = places(made)
    back = np.rint((np.linalg.inv(affine) @ np.c_[points, np.ones(len(points))].T).T[:, :3])
    expected = values[tuple(back.astype(int).T)]
    assert np.abs(seen - expected).max() <= float(made[0].RescaleSlope) / 2 * 1.001
