"""Series to NIfTI: every output with its role, geometry as an independent reader sees it."""

import os
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from series_files import image, series, write

from scanhub_jobs import JobContext
from scanhub_jobs.errors import ConversionError
from scanhub_jobs.images.nifti import Role

SAMPLES = os.environ.get("SCANHUB_SAMPLES")
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, -0.8)


def series_of(folder):
    return JobContext.local(folder).series


def affine_of_highdicom(datasets):
    """Affine of array indices [column, row, slice] to patient coordinates (RAS, mm)."""
    volume = highdicom.get_volume_from_series(datasets)
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    return to_ras @ volume.affine[:, [2, 1, 0, 3]], volume


def same_world_points(nifti, affine, shape):
    """Compare where the corners lie: the two may count from different ends."""
    ours = {tuple(np.round(c, 2)) for c in corners(nifti.affine, nifti.shape[:3])}
    theirs = {tuple(np.round(c, 2)) for c in corners(affine, shape)}
    return np.allclose(sorted(ours), sorted(theirs), atol=2e-2)


def corners(affine, shape):
    ends = [(0, n - 1) for n in shape]
    grid = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1)
    return (affine[:3, :3] @ grid + affine[:3, 3:]).T + 0.0


def test_a_series_becomes_nifti_where_highdicom_sees_it(tmp_path):
    found = series_of(series(tmp_path / "dicom", orientation=OBLIQUE)).to_nifti()
    file = found.primary()
    loaded = file.load()
    assert (len(found), file.role, file.echo, file.slices, file.volumes) == (
        1,
        Role.MAGNITUDE,
        1,
        4,
        1,
    )
    assert found.version.startswith("v1.0.")
    assert file.metadata["EchoTime"] == 0.0125
    assert "PatientName" not in file.metadata
    datasets = [pydicom.dcmread(p) for p in sorted((tmp_path / "dicom").iterdir())]
    affine, volume = affine_of_highdicom(datasets)
    columns_rows_slices = volume.array.transpose(2, 1, 0)
    assert same_world_points(loaded, affine, columns_rows_slices.shape)
    to_theirs = np.linalg.inv(affine) @ loaded.affine
    index = np.rint((to_theirs @ [1, 2, 3, 1])[:3]).astype(int)
    assert loaded.get_fdata()[1, 2, 3] == columns_rows_slices[tuple(index)]
    assert np.abs((to_theirs @ [1, 2, 3, 1])[:3] - index).max() < 1e-4


def test_the_image_outlives_its_files_and_the_sidecar_is_beside_it(tmp_path):
    images = series_of(series(tmp_path / "dicom"))
    found = images.to_nifti()
    path, loaded = found.primary().path, found.primary().load()
    assert path.exists()
    del found
    assert not path.exists()
    assert loaded.get_fdata().max() > 400
    kept = images.to_nifti(tmp_path / "out.nii.d").primary()
    assert kept.path.parent == kept.sidecar.parent == tmp_path / "out.nii.d"
    assert nibabel.load(kept.path).shape == (8, 6, 4)


def test_echoes_and_phase_are_outputs_of_their_own(tmp_path):
    echoes = [
        image(n + 10 * e, EchoNumbers=e, EchoTime=10.0 * e, ImageComments="")
        for e in (1, 2)
        for n in range(1, 4)
    ]
    for number, dataset in enumerate(echoes):
        z = 5.0 * (number % 3)
        dataset.ImagePositionPatient = [0.0, 0.0, z]
    found = series_of(write(tmp_path / "echoes", *echoes)).to_nifti()
    assert sorted((f.role, f.echo) for f in found) == [("magnitude", 1), ("magnitude", 2)]
    assert found.primary().echo == 1
    phase = series(tmp_path / "phase", ImageType=["ORIGINAL", "PRIMARY", "P", "NONE"])
    assert [f.role for f in series_of(phase).to_nifti()] == [Role.PHASE]


def test_volumes_are_volumes_and_slices_are_slices(tmp_path):
    datasets = []
    for volume in range(5):
        for n in range(1, 9):
            number = 8 * volume + n
            dataset = image(number, AcquisitionNumber=volume + 1)
            dataset.ImagePositionPatient = [0.0, 0.0, 5.0 * n]
            dataset.TemporalPositionIdentifier = volume + 1
            dataset.NumberOfTemporalPositions = 5
            datasets.append(dataset)
    file = series_of(write(tmp_path / "d", *datasets)).to_nifti().primary()
    assert (file.shape, file.slices, file.volumes) == ((8, 6, 8, 5), 8, 5)


def test_directions_of_diffusion_lie_beside_their_volumes(tmp_path):
    directions = {0: (0.0, 0.0, 0.0), 1: (1.0, 0.0, 0.0), 2: (0.0, 1.0, 0.0)}
    datasets = []
    for volume, direction in directions.items():
        for n in range(1, 4):
            dataset = image(3 * volume + n, AcquisitionNumber=volume + 1)
            dataset.Manufacturer = "Philips Medical Systems"
            dataset.ImagePositionPatient = [0.0, 0.0, 5.0 * n]
            dataset.DiffusionBValue = 1000.0 if volume else 0.0
            dataset.DiffusionGradientOrientation = list(direction)
            datasets.append(dataset)
    found = series_of(write(tmp_path / "d", *datasets)).to_nifti()
    file = found.primary()
    assert (file.shape, file.volumes) == ((8, 6, 3, 3), 3)
    assert [float(b) for b in file.bval.read_text().split()] == [0, 1000, 1000]
    vectors = np.loadtxt(file.bvec)
    assert vectors.shape == (3, 3)
    assert np.allclose(np.abs(vectors.T[1:]), [[1, 0, 0], [0, 1, 0]], atol=1e-4)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_series_are_converted(tmp_path, syntax):
    datasets = [image(n, shape=(32, 32)) for n in range(1, 4)]
    plain = series_of(write(tmp_path / "plain", *datasets)).to_nifti().primary().load()
    for dataset in datasets:
        dataset.compress(syntax, generate_instance_uid=False)
    found = series_of(write(tmp_path / "packed", *datasets)).to_nifti().primary().load()
    assert np.array_equal(found.get_fdata(), plain.get_fdata())
    assert np.allclose(found.affine, plain.affine)


def test_what_cannot_be_converted_is_an_error_with_the_log(tmp_path):
    images = series_of(series(tmp_path / "dicom", 1, PixelData=None, Rows=None))
    with pytest.raises(ConversionError, match="dcm2niix ended with") as caught:
        images.to_nifti()
    assert caught.value.exit_code != 0
    assert "dcm2nii" in caught.value.log
    with pytest.raises(ConversionError, match="took longer"):
        series_of(series(tmp_path / "late")).to_nifti(timeout_s=1e-9)


@pytest.mark.skipif(SAMPLES is None, reason="SCANHUB_SAMPLES names no real images")
def test_a_real_series_lies_where_highdicom_sees_it():
    found = series_of(Path(SAMPLES) / "dicom" / "ge-epi")
    file = found.to_nifti().primary()
    assert (file.shape, file.volumes) == ((64, 64, 15, 10), 10)
    first = [d for d in found.datasets() if d.InstanceNumber <= 15]
    affine, volume = affine_of_highdicom(first)
    assert same_world_points(file.load(), affine, volume.array.transpose(2, 1, 0).shape)
    mosaic = series_of(Path(SAMPLES) / "dicom" / "siemens-mosaic").to_nifti().primary()
    assert (mosaic.slices, mosaic.volumes) == (5, 2)
