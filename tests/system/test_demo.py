"""The demo is the product's first promise: run it as a newcomer does and look at its image."""

import asyncio
import re
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ports import a_port

from scanhub_device.simulator.phantom import MARKER_LEFT, PHANTOM

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
SCALP = PHANTOM[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run `scanhub demo --exit` once; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")

    async def run():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "scanhub",
            "demo",
            "--exit",
            "--time-scale",
            "0.05",
            "--data-dir",
            str(folder),
            "--port",
            str(a_port()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 180)
        return process.returncode, output.decode()

    code, output = asyncio.run(run())
    assert code == 0, output
    return folder, output


@pytest.fixture(scope="module")
def image(demo):
    """The image that the archive received."""
    folder, _ = demo
    files = list(folder.glob("demo/*/archive/**/*.dcm"))
    assert len(files) == 1
    return pydicom.dcmread(files[0])


def grey_at(image, x_mm, y_mm):
    """Return the grey value at a point of the patient (LPS), by the image's own geometry."""
    orientation = np.array(image.ImageOrientationPatient, float)
    across, down = orientation[:3], orientation[3:]
    offset = np.array([x_mm, y_mm, 0.0]) - np.array(image.ImagePositionPatient, float)
    column = offset @ across / float(image.PixelSpacing[1])
    row = offset @ down / float(image.PixelSpacing[0])
    return float(image.pixel_array[round(row), round(column)])


def edge_mm(image, direction):
    """Return how far from the middle the head ends along a direction of the patient."""
    inside = np.median(image.pixel_array[image.pixel_array > image.pixel_array.max() / 8])
    radii = np.arange(120.0, 0.0, -0.1)
    values = [grey_at(image, radius * direction[0], radius * direction[1]) for radius in radii]
    return float(radii[np.argmax(np.array(values) > inside / 2)])


def test_the_table_names_every_stage_and_where_to_look(demo):
    _, output = demo
    for stage in (
        "Server ready",
        "Login and demo data",
        "Archive listening",
        "Scanner connected",
        "Start to scanner",
        "Scan and upload",
        "Reconstruction",
        "To the archive",
    ):
        assert re.search(rf"{stage}\s+│\s+\d+\.\d{{3}} s", output), stage
    assert "1 instance(s) received" in output
    assert re.search(r"Look\s+http://127\.0\.0\.1:\d+/exams/[0-9a-f-]{36}", output)
    png = re.search(r"Image\s+(\S+\.png)", output).group(1)
    assert Path(png).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("direction", "semi_axis"),
    [((1, 0), 0), ((-1, 0), 0), ((0, 1), 1), ((0, -1), 1)],
    ids=["left", "right", "back", "front"],
)
def test_the_head_ends_where_the_phantom_ends(image, direction, semi_axis):
    pixel = float(image.PixelSpacing[0])
    expected = 1000 * SCALP.semi_axes_m[semi_axis]
    assert edge_mm(image, direction) == pytest.approx(expected, abs=pixel)


def test_left_is_left_and_front_is_front(image):
    x, y, _ = (1000 * value for value in MARKER_LEFT.centre_m)
    marker = grey_at(image, x, y)
    assert marker > 1.3 * grey_at(image, -x, y)
    assert marker > 1.3 * grey_at(image, x, -y)


def test_the_slice_lies_in_the_middle_and_is_shown_as_radiologists_look(image):
    assert list(image.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert float(image.ImagePositionPatient[2]) == pytest.approx(0.0, abs=1e-6)
    rows, columns = image.Rows, image.Columns
    assert image.pixel_array[: rows // 16].mean() < image.pixel_array.mean() / 4
    assert (rows, columns) == image.pixel_array.shape


def test_the_image_belongs_to_the_patient_and_the_study(image):
    assert image.PatientName == "Phantom^Ada"
    assert image.PatientBirthDate == "19851210"
    assert image.PatientSex == "F"
    assert float(image.PatientWeight) == 62.0
    assert image.Modality == "MR"
    assert image.SOPClassUID == pydicom.uid.MRImageStorage
    assert image.StudyInstanceUID.startswith("2.25.")
    assert float(image.EchoTime) > 0
    assert float(image.RepetitionTime) > float(image.EchoTime)


def test_no_secret_and_no_name_is_in_the_logs(demo):
    folder, output = demo
    logs = "".join(path.read_text() for path in folder.rglob("*.log")) + output
    credentials = next(folder.glob("demo/*/device_credentials.json")).read_text()
    token = re.search(r'"device_token": "([0-9a-f]+)"', credentials).group(1)
    assert token not in logs
    assert "eyJ" not in logs
    assert "Phantom" not in "".join(path.read_text() for path in folder.rglob("server.log"))
