"""The images that the job writes, judged by an independent DICOM checker."""

import asyncio
import json
import shutil
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from raw_files import Scan, write

from scanhub_jobs.mrd_header import Header
from scanhub_jobs.reconstruction_context import person_name
from scanhub_jobs.sequence_tags import patient_position

CONTEXT = {
    "run_id": "0197b1d2-0000-7000-8000-000000000001",
    "acquired_at": "2026-03-04T05:06:07Z",
    "patient": {
        "id": "P-1",
        "name": "Müller^Zoë",
        "birth_date": "1980-02-29",
        "sex": "F",
        "weight_kg": 61.5,
        "height_m": 1.72,
    },
    "study": {
        "instance_uid": "2.25.123456789",
        "id": "S1",
        "accession_number": "A-77",
        "study_date": "2026-03-04",
        "study_time": "05:00:00",
        "description": "Head",
    },
    "series": {"number": 3, "description": "GRE", "protocol_name": "GRE"},
}


def run_job(source, folder, context=CONTEXT):
    (folder / "context.json").write_text(json.dumps(context))
    command = [sys.executable, "-m", "scanhub_jobs.reconstruction", "--input", str(source)]
    command += ["--context", str(folder / "context.json"), "--output", str(folder / "out")]
    code, output = asyncio.run(run(command))
    lines = [json.loads(line) for line in output.splitlines()]
    files = sorted((folder / "out").glob("*.dcm")) if code == 0 else []
    return code, lines, [pydicom.dcmread(f) for f in files], files


async def run(command):
    """As the engine runs it, so that a fork of the tests' own does where one may."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode, output


def test_images_carry_patient_study_geometry_and_sequence(tmp_path):
    scan = Scan(positions=[(0, 0, 5), (0, 0, -5)], fov=(160, 144, 8))
    code, lines, images, _ = run_job(write(tmp_path / "a.mrd", scan), tmp_path)
    assert code == 0
    assert lines[-1]["event"] == "result"
    first, second = images
    assert str(first.PatientName) == "Müller^Zoë"
    assert (first.PatientID, first.PatientSex, first.PatientBirthDate) == ("P-1", "F", "19800229")
    assert (first.StudyInstanceUID, first.AccessionNumber) == ("2.25.123456789", "A-77")
    assert (first.StudyDate, first.SeriesDescription) == ("20260304", "GRE")
    assert first.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert first.ImagePositionPatient == [-80, -72, -5]
    assert second.ImagePositionPatient == [-80, -72, 5]
    assert first.PixelSpacing == [3, 2.5]
    assert (first.SliceThickness, first.SpacingBetweenSlices) == (8, 10)
    assert (first.RepetitionTime, first.EchoTime, first.FlipAngle) == (500, 12.5, 60)
    assert (first.MagneticFieldStrength, first.ImagingFrequency) == (0.05, 2.128)
    assert (first.ScanningSequence, first.MRAcquisitionType) == ("GR", "2D")
    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert [first.InstanceNumber, second.InstanceNumber] == [1, 2]
    assert first.pixel_array.max() > 20000
    assert np.unravel_index(first.pixel_array.argmax(), first.pixel_array.shape)[1] > 32


@pytest.mark.parametrize(
    "scan",
    [
        Scan(),
        Scan((32, 32, 8), (160, 160, 160)),
        Scan(read=(0, 0, 1), phase=(0, 1, 0), slice_=(1, 0, 0), kind="TurboSpinEcho"),
        Scan(read=(0.8, 0.6, 0.0), phase=(-0.6, 0.8, 0.0), kind=""),
    ],
    ids=["2d", "3d", "sagittal", "oblique"],
)
def test_images_pass_the_dicom_checker(tmp_path, scan):
    checker = shutil.which("dciodvfy")
    if checker is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    _, _, _, files = run_job(write(tmp_path / "a.mrd", scan), tmp_path)
    for file in files:
        report = subprocess.run([checker, str(file)], check=False, capture_output=True, text=True)
        assert "Error" not in report.stderr + report.stdout
        assert "MRImage" in report.stderr + report.stdout


def test_images_pass_the_checker_also_when_nothing_is_known_of_the_patient(tmp_path):
    checker = shutil.which("dciodvfy")
    if checker is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    _, _, _, files = run_job(write(tmp_path / "a.mrd"), tmp_path, {"run_id": "x"})
    report = subprocess.run([checker, str(files[0])], check=False, capture_output=True, text=True)
    assert "Error" not in report.stderr + report.stdout


@pytest.mark.long
def test_running_again_makes_the_same_objects(tmp_path):
    source = write(tmp_path / "a.mrd")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    _, _, _, first = run_job(source, tmp_path / "one")
    _, _, _, second = run_job(source, tmp_path / "two")
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in second]


def test_the_job_ends_with_a_readable_reason(tmp_path):
    (tmp_path / "bad.mrd").write_bytes(b"no raw data")
    code, lines, _, _ = run_job(tmp_path / "bad.mrd", tmp_path)
    assert code == 2
    assert lines == [
        {
            "event": "error",
            "detail": "bad.mrd is no ISMRMRD file: it is not HDF5.",
            "input_at_fault": True,
        }
    ]


def test_hostile_names_cannot_break_the_tags(tmp_path):
    assert person_name("O'Neil\\^=", " Anna\x00  Maria ") == "O'Neil^Anna Maria"
    assert person_name("", "") == ""
    context = {**CONTEXT, "series": {"number": 1, "description": "a\\b\n" + "x" * 99}}
    code, _, images, _ = run_job(write(tmp_path / "a.mrd"), tmp_path, context)
    assert code == 0
    assert images[0].SeriesDescription == "a b " + "x" * 60


HEADER = """<ismrmrdHeader><measurementInformation>{information}</measurementInformation><encoding>
<encodedSpace><matrixSize><x>8</x><y>8</y><z>1</z></matrixSize>
<fieldOfView_mm><x>8</x><y>8</y><z>1</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>8</x><y>8</y><z>1</z></matrixSize>
<fieldOfView_mm><x>8</x><y>8</y><z>1</z></fieldOfView_mm></reconSpace>
<trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"""


@pytest.mark.parametrize(
    ("stated", "planned", "written", "doubt"),
    [
        ("FFS", "FFS", "FFS", False),
        ("ffp", None, "FFP", False),
        ("", "HFDR", "HFDR", False),
        ("", None, "HFS", False),
        ("HFS", "FFS", "HFS", True),
    ],
)
def test_the_raw_data_say_how_the_patient_lay_and_a_doubt_is_told(stated, planned, written, doubt):
    information = f"<patientPosition>{stated}</patientPosition>" if stated else ""
    header = Header.parse(HEADER.format(information=information).encode())
    position, said = patient_position(header, planned)
    assert (position, said is not None) == (written, doubt)


def test_what_a_scan_has_to_mind_is_in_the_images(tmp_path):
    patient = {
        **CONTEXT["patient"],
        "medical_alerts": ["Implant: pacemaker", "MRSA"],
        "allergies": ["Gadobutrol"],
        "pregnancy_status": 4,
    }
    series = {**CONTEXT["series"], "patient_position": "FFS"}
    context = {**CONTEXT, "patient": patient, "series": series}
    code, lines, [image], _ = run_job(write(tmp_path / "a.mrd", Scan()), tmp_path, context)
    assert code == 0
    assert list(image.MedicalAlerts) == ["Implant: pacemaker", "MRSA"]
    assert (image.Allergies, image.PregnancyStatus) == ("Gadobutrol", 4)
    assert image.PatientPosition == "FFS"  # the raw data say nothing
    assert lines[-1]["warnings"] == []
