import asyncio
import gzip
import io
import json
import re
import subprocess
import sys
import warnings
import zipfile
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from raw_files import Scan, write

from exam_manager.results.nifti import Limits, NiftiConverter
from exam_manager.results.nifti_header import cleaned
from scanhub_libraries.ids import new_id

with warnings.catch_warnings():  # it says of itself that it is made for Siemens mosaics
    warnings.simplefilter("ignore")
    from nibabel.nicom import dicomwrappers

EXAM = "/api/v1/exam"
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def left_over(platform) -> list[Path]:
    """What lies in the folder in which the server makes files."""
    return list(platform.app.state.scratch.home().iterdir())


def parse(data: bytes):
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(data))


def volumes(paths):
    """Yield, in the order of time, voxels [column, row, slice] and their places by DICOM alone.

    PS3.3 C.7.6.2.1.1: the place of a pixel from Image Position, Image Orientation, Pixel Spacing.
    """
    images = [pydicom.dcmread(path) for path in paths]
    along = np.cross(*np.reshape(images[0].ImageOrientationPatient, (2, 3)).astype(float))
    place = {id(item): float(along @ np.array(item.ImagePositionPatient, float)) for item in images}
    images.sort(key=lambda item: (round(place[id(item)], 2), int(item.InstanceNumber)))
    slices = [list(group) for _, group in groupby(images, lambda item: round(place[id(item)], 2))]
    for stack in zip(*slices, strict=True):
        first, last = stack[0], stack[-1]
        row, column = np.reshape(first.ImageOrientationPatient, (2, 3)).astype(float)
        between_rows, between_columns = (float(value) for value in first.PixelSpacing)
        start, end = (np.array(item.ImagePositionPatient, float) for item in (first, last))
        affine = np.eye(4)
        affine[:3, 0], affine[:3, 1], affine[:3, 3] = (
            row * between_columns,
            column * between_rows,
            start,
        )
        step = (end - start) / (len(stack) - 1) if len(stack) > 1 else along
        affine[:3, 2] = step
        yield np.stack([item.pixel_array.T for item in stack], axis=-1), affine


def check_same(voxels, lps, nifti, volume):
    """Hold every voxel to the one of the NIfTI file at the same place in the patient."""
    where = np.linalg.inv(nifti.affine) @ LPS_TO_RAS @ lps
    assert np.allclose(where, np.round(where), atol=2e-3), where
    where = np.round(where).astype(int)
    grid = np.indices(voxels.shape).reshape(3, -1)
    places = where[:3, :3] @ grid + where[:3, 3:]
    assert places.min() >= 0
    data = np.asarray(nifti.dataobj)
    data = data[..., volume] if data.ndim == 4 else data
    assert data.shape == tuple(places.max(axis=1) + 1)
    assert np.array_equal(data[tuple(places)], voxels.reshape(-1))


async def nifti_of(platform, store, paths):
    result, _ = await store({path.name: path for path in paths}, "DICOM")
    answer = await platform.call("GET", f"{EXAM}/result/{result['id']}/nifti", expect=200)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert f'filename="{result["id"]}.nii' in answer.headers["Content-Disposition"]
    assert left_over(platform) == []
    return answer


async def test_an_epi_series_becomes_the_same_voxels_at_the_same_places(
    platform, store, samples_folder
):
    paths = sorted((samples_folder / "dicom" / "ge-epi").glob("*.dcm"))
    answer = await nifti_of(platform, store, paths)
    assert answer.headers["Content-Type"] == "application/gzip"
    nifti = parse(answer.content)
    found = list(volumes(paths))
    assert nifti.shape == (*found[0][0].shape, len(found))
    for number, (voxels, affine) in enumerate(found):
        check_same(voxels, affine, nifti, number)


async def test_a_mosaic_is_taken_apart(platform, store, samples_folder):
    paths = sorted((samples_folder / "dicom" / "siemens-mosaic").glob("*.dcm"))
    nifti = parse((await nifti_of(platform, store, paths)).content)
    assert nifti.shape[3] == len(paths)
    wrapped = [dicomwrappers.wrapper_from_file(path) for path in paths]
    for number, image in enumerate(sorted(wrapped, key=lambda item: item.instance_number)):
        check_same(image.get_unscaled_data(), image.affine, nifti, number)


async def test_images_of_our_own_reconstruction_keep_their_places(platform, store, tmp_path):
    tilted = {"read": (0.8, 0.6, 0), "phase": (-0.6, 0.8, 0), "slice_": (0, 0, 1)}
    scan = Scan(positions=[(3, 1, -5), (3, 1, 5), (3, 1, 15)], fov=(160, 144, 8), **tilted)
    context = {
        "run_id": str(new_id()),
        "acquired_at": "2026-03-04T05:06:07Z",
        "patient": {"id": "P-1", "name": "Lovelace^Ada", "birth_date": None, "sex": "F"},
        "study": {"instance_uid": "2.25.1", "id": "S1", "accession_number": "A"},
        "series": {"number": 3, "description": "GRE"},
    }
    (tmp_path / "context.json").write_text(json.dumps(context))
    raw = write(tmp_path / "a.mrd", scan)
    command = (sys.executable, "-m", "scanhub_jobs.reconstruction", "--input", raw)
    command += ("--context", tmp_path / "context.json", "--output", tmp_path / "out")
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=60)
    paths = sorted((tmp_path / "out").glob("*.dcm"))
    assert len(paths) == 3
    nifti = parse((await nifti_of(platform, store, paths)).content)
    ((voxels, affine),) = volumes(paths)
    check_same(voxels, affine, nifti, 0)


async def test_several_series_come_as_a_zip(platform, store, samples_folder, tmp_path):
    folder = samples_folder / "dicom"
    paths = [*sorted((folder / "ge-epi").glob("*.dcm"))[:15],
             *sorted((folder / "siemens-mosaic").glob("*.dcm"))]  # fmt: skip
    answer = await nifti_of(platform, store, paths)
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        assert len(names) == 2
        for name in names:
            assert name.startswith("image-")
        sizes = {parse(archive.read(name)).shape[0] for name in names}
    assert sizes == {64, 72}


PERSONAL = (
    "PatientName", "PatientID", "PatientComments", "ImageComments", "StudyDescription",
    "SeriesDescription", "ProtocolName", "StudyID", "AccessionNumber", "InstitutionName",
    "StationName", "ReferringPhysicianName", "OperatorsName", "SequenceName", "OtherPatientNames",
    "RequestedProcedureDescription", "PerformedProcedureStepDescription", "DeviceSerialNumber",
)  # fmt: skip


@pytest.mark.parametrize("folders", [["ge-epi"], ["siemens-mosaic"], ["ge-epi", "siemens-mosaic"]])
async def test_no_nifti_says_whose_images_they_are(
    platform, store, samples_folder, tmp_path, folders
):
    paths = []
    for folder in folders:
        for path in sorted((samples_folder / "dicom" / folder).glob("*.dcm"))[:30]:
            image = pydicom.dcmread(path)
            for keyword in PERSONAL:
                setattr(image, keyword, "Qastenfloss")
            image.PatientBirthDate, image.StudyDate = "19610709", "20260302"
            image.save_as(tmp_path / f"Qastenfloss-{folder}-{path.name}")
            paths.append(tmp_path / f"Qastenfloss-{folder}-{path.name}")
    content = (await nifti_of(platform, store, paths)).content
    made = [("", content)]
    if len(folders) > 1:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            made = [(name, archive.read(name)) for name in archive.namelist()]
    assert len(made) == len(folders)
    for name, data in made:
        assert "Qasten" not in name
        assert data[3] == 0  # flags of gzip: no file name
        whole = gzip.decompress(data)
        for said in (b"Qasten", b"19610709", b"20260302"):
            assert said not in whole
        header = parse(data).header
        for field in ("aux_file", "db_name", "intent_name"):
            assert header[field] == b""
        assert re.fullmatch(rb"TE=\d+(;phase=1)?", bytes(header["descrip"]).rstrip(b"\0"))


def test_a_header_keeps_numbers_and_no_text():
    header = bytearray(352)
    header[344:348] = b"n+1\0"
    header[148:200] = b"TE=30.5;Time=114815.000;Ada=Lovelace;phase=1;Ada".ljust(52, b"\0")
    header[228:238], header[328:334], header[4:8] = b"of a woman", b"of Ada", b"Lady"
    clean = cleaned(bytes(header))
    assert clean[148:165] == b"TE=30.5;phase=1\0\0"
    assert clean[165:228] + clean[228:252] + clean[328:344] + clean[4:32] == bytes(131)
    for wrong in (bytes(352), bytes(header[:351]), bytes(header[:348]) + b"\1\0\0\0"):
        with pytest.raises(ValueError, match="NIfTI"):
            cleaned(wrong)


async def test_when_too_many_wait_the_next_is_told_to_come_back(platform, store, tmp_path):
    script = tmp_path / "converter"
    script.write_text(f"#!/bin/sh\nuntil [ -e {tmp_path}/go ]; do sleep 0.05; done\nexit 1\n")
    script.chmod(0o755)
    converter = NiftiConverter(platform.app.state.scratch, Limits(), script)
    platform.app.state.nifti = converter
    result, _ = await store({"im1.dcm": b"x"}, "DICOM")
    url = f"{EXAM}/result/{result['id']}/nifti"
    many = [asyncio.create_task(platform.call("GET", url)) for _ in range(10)]
    while converter.places.taken < 10:
        await asyncio.sleep(0.01)
    refused = await platform.call("GET", url, expect=503)
    assert refused.headers["Retry-After"] == "10"
    await platform.call("GET", f"{EXAM}/result/{result['id']}/zip", expect=200)
    for task in many[5:]:
        task.cancel()
    await asyncio.gather(*many[5:], return_exceptions=True)
    assert converter.places.taken == 5
    (tmp_path / "go").touch()
    assert {answer.status_code for answer in await asyncio.gather(*many[:5])} == {422}
    assert converter.places.taken == 0
    assert left_over(platform) == []


async def test_what_has_no_images_cannot_become_nifti(platform, store):
    raw, _ = await store({"data.mrd": b"x"})
    array, _ = await store({"a.npy": b"x"}, "NUMPY")
    text, _ = await store({"im1.dcm": b"no DICOM at all"}, "DICOM")
    gone, place = await store({"im1.dcm": b"x"}, "DICOM")
    await platform.lake.delete(f"lake/{place}/im1.dcm")
    for result, code, says in (
        (raw, 422, "MRD"),
        (array, 422, "NUMPY"),
        (text, 422, "DICOM"),
        (gone, 404, "im1.dcm"),
        ({"id": new_id()}, 404, "no result"),
    ):
        url = f"{EXAM}/result/{result['id']}/nifti"
        refused = await platform.call("GET", url, expect=code)
        assert says in refused.json()["detail"]
        assert str(platform.lake.root) not in refused.text
    assert left_over(platform) == []


@pytest.mark.parametrize(
    ("program", "limits", "says"),
    [
        ("sleep 300 & sleep 300", Limits(seconds=1), "within 1 s"),
        ("while :; do :; done", Limits(seconds=1), "converted"),
        (f"{sys.executable} -c 'bytearray(2**30)'", Limits(memory=2**28), "cannot be converted"),
        ("echo no such colour; exit 2", Limits(), "no such colour"),
    ],
)
async def test_a_converter_that_takes_too_much_is_ended(
    platform, store, tmp_path, *, program, limits, says
):
    script = tmp_path / "converter"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{program}\n")
    script.chmod(0o755)
    platform.app.state.nifti = NiftiConverter(platform.app.state.scratch, limits, script)
    result, _ = await store({"im1.dcm": b"x"}, "DICOM")
    refused = await platform.call("GET", f"{EXAM}/result/{result['id']}/nifti", expect=422)
    assert says in refused.json()["detail"]
    assert left_over(platform) == []
    group = int((tmp_path / "pid").read_text())
    async with asyncio.timeout(30):
        while not states_of(group) <= {"Z"}:  # killed is not yet ended
            await asyncio.sleep(0.01)


def states_of(group) -> set[str]:
    """States of the processes of a group, as in /proc/PID/stat."""
    states = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            state, _, of_group, *_ = stat.read_text().rpartition(")")[2].split()
            if int(of_group) == group:
                states.add(state)
    return states
