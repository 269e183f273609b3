"""The demo is the product's first promise: run it as a newcomer does and look at its image."""

import asyncio
import os
import re
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ports import a_port

from scanhub_device.simulator.phantom import MARKER_LEFT, PHANTOM

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_manager"))
from programs import require_program
from small_image import write_configuration

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
SCALP = PHANTOM[0]


def run_demo(folder, **variables):
    """Run `scanhub demo --exit`; return what it printed."""

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
            env={**os.environ, "COLUMNS": "200", **variables},
        )
        output, _ = await asyncio.wait_for(process.communicate(), 220)
        return process.returncode, output.decode()

    code, output = asyncio.run(run())
    assert code == 0, output
    return output


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo once, where no container runs; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_demo(folder, SCANHUB_WORKFLOW_MODULE_RUNTIME="none")


@pytest.fixture(scope="module")
def images(demo):
    """The images that the archive received, by the name of their scan."""
    folder, _ = demo
    found = [pydicom.dcmread(path) for path in folder.glob("demo/*/archive/**/*.dcm")]
    assert len(found) == 3
    return {str(image.SeriesDescription): image for image in found}


@pytest.fixture(scope="module")
def image(images):
    """The gradient echo."""
    return images["GRE axial"]


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
        "Module container",
        *(
            f"{scan}: {what}"
            for scan in ("GRE", "EPI", "Radial")
            for what in ("start to scanner", "scan and upload", "reconstruction", "to the archive")
        ),
    ):
        assert re.search(rf"{stage}\s+│\s+\d+\.\d{{3}} s", output), stage
    assert "skipped: Containers do not run here" in output
    assert "3 instance(s) received" in output
    assert re.search(r"Look\s+http://127\.0\.0\.1:\d+/exams/[0-9a-f-]{36}", output)
    pictures = re.findall(r"Image\s+(\S+\.png)", output)
    assert len(pictures) == 3
    assert all(Path(png).read_bytes().startswith(b"\x89PNG") for png in pictures)


@pytest.mark.parametrize(
    ("direction", "semi_axis"),
    [((1, 0), 0), ((-1, 0), 0), ((0, 1), 1), ((0, -1), 1)],
    ids=["left", "right", "back", "front"],
)
def test_the_head_ends_where_the_phantom_ends(image, direction, semi_axis):
    pixel = float(image.PixelSpacing[0])
    expected = 1000 * SCALP.semi_axes_m[semi_axis]
    assert edge_mm(image, direction) == pytest.approx(expected, abs=pixel)


@pytest.mark.parametrize("scan", ["EPI axial", "Radial axial"])
def test_other_ways_through_k_space_show_the_same_head(images, scan):
    image = images[scan]
    for direction, semi_axis in (((1, 0), 0), ((-1, 0), 0), ((0, 1), 1), ((0, -1), 1)):
        expected = 1000 * SCALP.semi_axes_m[semi_axis]
        found = edge_mm(image, direction)
        assert found == pytest.approx(expected, abs=2 * float(image.PixelSpacing[0]))


@pytest.mark.long
def test_where_containers_run_one_is_in_the_chain(tmp_path):
    require_program("podman")
    require_program("runc")
    output = run_demo(tmp_path / "data", **write_configuration(tmp_path))
    assert 'result.json: {"images": 1}' in output
    assert "3 instance(s) received" in output


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
