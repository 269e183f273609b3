"""From the sequence file to the image: every voxel shows what the phantom is at that place.

Left and right, front and back, head and foot cannot be mixed up without failing here: the image
is compared with the phantom at the patient coordinates that the DICOM header gives each pixel.
"""

import subprocess
import sys
import threading
from itertools import product

import numpy as np
import pydicom
import pytest

from scanhub_device.simulator import (
    MARKER_HEAD,
    MARKER_LEFT,
    PHANTOM,
    SimulatorSettings,
    default_sequence,
    plan_scan,
)
from scanhub_device.simulator.acquire import acquire
from scanhub_device.simulator.mrd import Labels
from scanhub_device.simulator.phantom import contributions

pytestmark = [pytest.mark.timeout(120)]
PLANES = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (2, 1, 0), "turned": (1, 0, 2)}
"""Which axis of the shipped axial sequence plays on x, y and z."""


def turned(text, axes):
    """Return the sequence with its gradient axes exchanged."""
    lines, section = [], ""
    for line in text.splitlines():
        section = line if line.startswith("[") else section
        if section == "[SIGNATURE]":
            break
        columns = line.split()
        if section == "[BLOCKS]" and len(columns) == 8:
            gradients = [columns[3 + axis] for axis in axes]
            lines.append(" ".join([*columns[:3], *gradients, *columns[6:]]))
        elif columns[:1] == ["FOV"]:
            lines.append(" ".join(["FOV", *(columns[1 + axis] for axis in axes)]))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def scan(text, folder, offset_m=(0, 0, 0), position="HFS"):
    """Scan the phantom and reconstruct; return the image and the scan's plan."""
    plan = plan_scan(text, position)
    acquire(
        plan,
        SimulatorSettings(time_scale=0, noise=0.002),
        folder / "data.mrd",
        labels=Labels(),
        offset_m=np.array(offset_m, float),
        stop=threading.Event(),
        progress=lambda _percent: None,
    )
    (folder / "context.json").write_text('{"run_id": "1"}')
    job = [sys.executable, "-m", "scanhub_jobs.reconstruction", "--input", "data.mrd"]
    arguments = [*job, "--context", "context.json", "--output", "images"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    files = list((folder / "images").glob("*.dcm"))
    assert len(files) == 1
    return pydicom.dcmread(files[0]), plan


def places(image):
    """Return the patient coordinates (rows, columns, 3) of every pixel [m]: PS3.3 C.7.6.2.1.1."""
    orientation = np.array(image.ImageOrientationPatient, float)
    row, column = np.mgrid[: image.Rows, : image.Columns]
    across = column[..., None] * float(image.PixelSpacing[1]) * orientation[:3]
    down = row[..., None] * float(image.PixelSpacing[0]) * orientation[3:]
    return 1e-3 * (np.array(image.ImagePositionPatient, float) + across + down)


def truth(points, contrast):
    return sum(amplitude * item.contains(points) for item, amplitude in contributions(contrast))


def likeness(image, plan, points):
    return np.corrcoef(image.pixel_array.ravel(), truth(points, plan.contrast).ravel())[0, 1]


@pytest.mark.parametrize("plane", PLANES)
def test_every_pixel_shows_the_phantom_at_its_place(plane, tmp_path):
    text = turned(default_sequence().read_text(), PLANES[plane])
    image, plan = scan(text, tmp_path, offset_m=(0.004, -0.006, 0.003))
    points = places(image)
    assert likeness(image, plan, points) > 0.97
    in_plane = [axis for axis in range(3) if np.ptp(points[..., axis]) > 0.1]
    for signs in product((1, -1), repeat=2):
        if signs != (1, 1):
            mirrored = points.copy()
            for axis, sign in zip(in_plane, signs, strict=True):
                mirrored[..., axis] *= sign
            assert likeness(image, plan, mirrored) < likeness(image, plan, points) - 0.003
    swapped = points[..., [*_swapped(in_plane)]]
    assert likeness(image, plan, swapped) < 0.9


@pytest.mark.long
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("position", ["HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"])
def test_whichever_way_the_patient_lies_every_pixel_shows_the_phantom_at_its_place(
    position, plane, tmp_path
):
    text = turned(default_sequence().read_text(), PLANES[plane])
    image, plan = scan(text, tmp_path, offset_m=(0.004, -0.006, 0.003), position=position)
    assert image.PatientPosition == position
    points = places(image)
    assert likeness(image, plan, points) > 0.97
    in_plane = [axis for axis in range(3) if np.ptp(points[..., axis]) > 0.1]
    for axis in in_plane:
        mirrored = points.copy()
        mirrored[..., axis] *= -1
        assert likeness(image, plan, mirrored) < likeness(image, plan, points) - 0.003


def test_a_patient_who_lies_feet_first_is_not_shown_turned(tmp_path):
    text = turned(default_sequence().read_text(), PLANES["coronal"])
    image, plan = scan(text, tmp_path, position="FFS")
    points = places(image)
    assert image.PatientPosition == "FFS"
    assert likeness(image, plan, points) > 0.97
    # As of any other patient: the head at the top, the patient's left at the right.
    assert points[0, 0, 2] > points[-1, 0, 2]
    assert points[0, 0, 0] < points[0, -1, 0]


def _swapped(in_plane):
    order = [0, 1, 2]
    order[in_plane[0]], order[in_plane[1]] = in_plane[1], in_plane[0]
    return order


def test_head_and_foot_are_told_apart_by_the_marker_at_the_top(tmp_path):
    text = turned(default_sequence().read_text(), PLANES["coronal"])
    image, _ = scan(text, tmp_path)
    points = places(image)
    bright = image.pixel_array > 0.8 * np.percentile(image.pixel_array, 99.9)
    near_head = np.linalg.norm(points - MARKER_HEAD.centre_m, axis=-1) < 0.006
    near_foot = np.linalg.norm(points * [1, 1, -1] - MARKER_HEAD.centre_m, axis=-1) < 0.006
    assert bright[near_head].mean() > 0.5
    assert bright[near_foot].mean() == 0
    # Radiologists see the head at the top and the patient's left at the right.
    assert points[0, 0, 2] > points[-1, 0, 2]
    assert points[0, 0, 0] < points[0, -1, 0]


def test_the_phantom_cannot_be_mirrored_without_being_seen():
    for marker in (MARKER_LEFT, MARKER_HEAD):
        assert marker in PHANTOM
    assert MARKER_LEFT.centre_m[0] > 0.02
    assert MARKER_HEAD.centre_m[2] > 0.02
