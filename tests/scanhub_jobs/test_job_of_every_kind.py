"""The job, from the simulated scanner's raw data of each kind of sequence to DICOM."""

import json

import numpy as np
import pydicom
import pytest
from scans import error, gre, scan, truth

from scanhub_device.simulator import epi_sequence, radial_sequence
from scanhub_device.simulator.other_sequences import write_epi, write_radial
from scanhub_jobs.reconstruction import main


def written(write, bundled, folder):
    """Write a sequence: it is the one that comes with the simulator."""
    write(folder / bundled.name)
    text = (folder / bundled.name).read_text()
    assert text == bundled.read_text()
    return text


@pytest.mark.parametrize(("kind", "worst"), [("gre", 0.1), ("epi", 0.1), ("radial", 0.15)])
def test_the_images_of_a_scan_are_the_phantom(tmp_path, kind, worst, capsys):
    makers = {
        "gre": gre,
        "epi": lambda folder: written(write_epi, epi_sequence(), folder),
        "radial": lambda folder: written(write_radial, radial_sequence(), folder),
    }
    plan = scan(tmp_path / "data.mrd", makers[kind](tmp_path), coils=2)
    assert plan.trajectory.value == {"gre": "cartesian"}.get(kind, kind)
    (tmp_path / "context.json").write_text('{"run_id": "1"}')
    arguments = {"input": "data.mrd", "context": "context.json", "output": "images"}
    line = [word for name, value in arguments.items() for word in (f"--{name}", tmp_path / value)]
    assert main([str(word) for word in line]) == 0
    said = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert said[-1]["event"] == "result"
    percents = [one["percent"] for one in said if one["event"] == "progress"]
    assert percents == sorted(percents)
    dataset = pydicom.dcmread(tmp_path / "images" / said[-1]["files"][0])
    pixels = dataset.pixel_array.astype(float)
    y, x = np.indices(pixels.shape) - 32
    seen = pixels * (np.hypot(x, y) <= 32) if kind == "radial" else pixels
    assert error(seen, truth(plan, 64, coils=2)) < worst
