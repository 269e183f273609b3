"""The imaging jobs that come with the SDK, on series of small images."""

import tomllib
from importlib import import_module
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from programs_of_dicom import checked
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless
from series_files import SERIES, image, series, write

from scanhub_jobs import Job, JobContext, State, execute
from scanhub_jobs.builtin.compression import compress, decompress
from scanhub_jobs.builtin.conversion import dicom_to_nifti, nifti_to_dicom
from scanhub_jobs.builtin.smoothing import smooth, smoothed

SHAPE = (64, 48)
PACKAGE = Path(__file__).parents[2] / "libraries" / "scanhub_jobs" / "pyproject.toml"


@pytest.fixture
def run(tmp_path):
    """Run jobs on the same series, in the same session."""
    folder = series(tmp_path / "dicom", 3, shape=SHAPE)

    def start(job, params=None, where=folder):
        ctx = JobContext.local(where, job=job, params=params or {}, out=tmp_path / "out")
        return ctx, execute(job, ctx)

    return start


def kept(ctx):
    return [pydicom.dcmread(path) for path in sorted(ctx.backend.folder.rglob("dicom/*/*.dcm"))]


def test_every_job_has_an_entry_point_of_its_name_and_describes_its_parameters():
    points = tomllib.loads(PACKAGE.read_text())["project"]["entry-points"]["scanhub.jobs"]
    assert len(points) >= 6
    for name, entry in points.items():
        module, _, attribute = entry.partition(":")
        job = getattr(import_module(module), attribute)
        assert isinstance(job, Job)
        assert job.name == name
        assert job.manifest.entry == entry
        assert job.manifest.description
        for field in job.manifest.parameters["properties"].values():
            assert field["title"]
            assert field["description"]


def test_a_series_becomes_nifti_and_dicom_again(run, tmp_path):
    ctx, result = run(dicom_to_nifti)
    assert result.state is State.SUCCEEDED, result.failure
    assert result.returned["primary"] == "image.nii.gz"
    assert [f.name for f in result.files] == ["image.json", "image.nii.gz"]
    (about,) = result.returned["outputs"]
    assert (about["role"], about["shape"]) == ("magnitude", [48, 64, 3])
    ctx.files.save("image.nii.gz", tmp_path / "i.nii.gz")
    values = nibabel.load(tmp_path / "i.nii.gz").get_fdata()
    back, made = run(nifti_to_dicom, {"kind": "mr"})
    assert made.returned["images"] == 3
    datasets = kept(back)
    assert np.sort(np.stack([d.pixel_array for d in datasets]).ravel()).tolist() == (
        np.sort(values.ravel()).tolist()
    )
    assert {d.SeriesDescription for d in datasets} == {"T2"}
    assert {tuple(d.ImagePositionPatient) for d in datasets} == {
        tuple(image(n).ImagePositionPatient) for n in (1, 2, 3)
    }
    checked(datasets, tmp_path / "check", "MRImage")
    _, missing = run(nifti_to_dicom, {"file": "other.nii.gz"})
    assert missing.failure.message == (
        "dicom_to_nifti left no file 'other.nii.gz'; there are: image.nii.gz."
    )


def test_only_the_primary_output_and_no_sidecar_where_asked(run):
    _, result = run(dicom_to_nifti, {"which": "primary", "sidecars": False})
    assert [f.name for f in result.files] == ["image.nii.gz"]


@pytest.mark.parametrize(
    ("encoding", "syntax"),
    [("jpeg-ls", JPEGLSLossless), ("rle", RLELossless), ("jpeg-2000", JPEG2000Lossless)],
)
def test_images_are_compressed_without_loss_and_decompressed(run, tmp_path, encoding, syntax):
    ctx, result = run(compress, {"encoding": encoding})
    assert result.state is State.SUCCEEDED, result.failure
    assert (result.returned["images"], result.returned["transfer_syntax"]) == (3, syntax)
    packed = [pydicom.dcmread(BytesIO(ctx.files.get(name))) for name in ctx.files]
    assert {d.file_meta.TransferSyntaxUID for d in packed} == {syntax}
    assert {d.SOPInstanceUID for d in packed} == {f"{SERIES}.{n}" for n in (1, 2, 3)}
    for dataset in packed:
        original = image(dataset.InstanceNumber, shape=SHAPE)
        assert np.array_equal(dataset.pixel_array, original.pixel_array)
    folder = tmp_path / "packed"
    folder.mkdir()
    for name in ctx.files:
        ctx.files.save(name, folder / name)
    back, plain = run(decompress, where=folder)
    assert plain.state is State.SUCCEEDED, plain.failure
    first = pydicom.dcmread(BytesIO(back.files.get("000001.dcm")))
    assert first.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert first.PixelData == image(1, shape=SHAPE).PixelData
    _, again = run(compress, {"encoding": encoding}, where=folder)
    assert (again.state, again.reason) == (State.SKIPPED, f"All images are {syntax.name} already.")


def test_compressed_images_in_the_archive_are_a_series_of_their_own(run, tmp_path):
    ctx, result = run(compress, {"into": "archive", "encoding": "rle"})
    assert result.state is State.SUCCEEDED, result.failure
    made = kept(ctx)
    assert len({d.SeriesInstanceUID for d in made}) == 1
    assert {tuple(d.ImageType) for d in made} == {("ORIGINAL", "PRIMARY", "M", "NONE")}
    assert {UID(d.file_meta.TransferSyntaxUID) for d in made} == {RLELossless}
    assert made[0].SeriesDescription == "T2 RLE Lossless"
    checked(made, tmp_path / "check", "MRImage")
    _, plain = run(decompress)
    assert (plain.state, plain.reason) == (State.SKIPPED, "No image of the series is compressed.")


def test_smoothing_keeps_the_sum_and_widens_a_point(run, tmp_path):
    point = np.zeros((41, 41, 41))
    point[20, 20, 20] = 1
    wide = smoothed(smoothed(smoothed(point, 0, 2.0), 1, 2.0), 2, 2.0)
    assert wide.sum() == pytest.approx(1, abs=1e-6)
    x = np.arange(41) - 20
    assert np.sqrt((wide.sum((1, 2)) * x**2).sum()) == pytest.approx(2.0, rel=0.02)
    ctx, result = run(smooth, {"fwhm_mm": 6})
    assert result.state is State.SUCCEEDED, result.failure
    made = kept(ctx)
    assert {d.SeriesDescription for d in made} == {"T2 smoothed 6 mm"}
    mean = np.mean(
        [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in made]
    )
    assert mean == pytest.approx(np.mean([image(n, shape=SHAPE).pixel_array for n in (1, 2, 3)]))
    checked(made, tmp_path / "check", "MRImage")
    pet = write(tmp_path / "pet", image(1, Modality="PT"))
    _, skipped = run(smooth, where=pet)
    assert skipped.reason == "It smooths MR and CT, not PT."
