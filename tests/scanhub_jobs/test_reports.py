"""Frequency calibration and quality report: what they find of what was put in."""

import json

import numpy as np
import pydicom
import pytest
from decays import DWELL_S, decay
from PIL import Image
from raw_files import Scan, edit, write

from scanhub_jobs import JobInputError
from scanhub_jobs.frequency import FrequencyParameters, frequency_report
from scanhub_jobs.frequency import main as frequency_job
from scanhub_jobs.quality import QualityParameters, quality_report
from scanhub_jobs.quality import main as quality_job
from scanhub_jobs.reconstruction import main as reconstruction_job


@pytest.mark.parametrize("offset_hz", [0.0, 137.3, -2501.7])
def test_the_resonance_is_found(tmp_path, offset_hz):
    path = decay(tmp_path / "a.mrd", offset_hz=offset_hz, noise=0.2)
    values = frequency_report(path, FrequencyParameters())["values"]
    assert values["offset_hz"] == pytest.approx(offset_hz, abs=0.3)
    assert values["frequency_hz"] == pytest.approx(2_128_000 + offset_hz, abs=0.3)
    assert values["linewidth_hz"] == pytest.approx(8 + 0.5 / (4096 * DWELL_S), rel=0.25)
    peak = abs(np.exp(-np.pi * 8 * np.arange(4096) * DWELL_S).sum())
    assert values["peak_snr"] == pytest.approx(peak / (0.2 * np.sqrt(2 * 4096)), rel=0.15)


def test_a_resonance_outside_of_the_search_is_none(tmp_path):
    path = decay(tmp_path / "a.mrd", offset_hz=3000, noise=0.5)
    near = FrequencyParameters(search_hz=500)
    with pytest.raises(JobInputError, match="There is no resonance: the highest peak is"):
        frequency_report(path, near)
    assert frequency_report(path, FrequencyParameters(search_hz=4000))["values"]["offset_hz"] > 2999


def test_readouts_that_do_not_go_together_are_told(tmp_path):
    path = decay(tmp_path / "a.mrd")

    def slow(data):
        data["head"]["sample_time_us"][2] = 40
        return data

    edit(path, slow)
    with pytest.raises(JobInputError, match="Readout 2 differs from readout 0"):
        frequency_report(path, FrequencyParameters())

    def still(data):
        data["head"]["sample_time_us"] = 0
        return data

    edit(path, still)
    with pytest.raises(JobInputError, match="Readout 0 states 4096 samples of 0 us"):
        frequency_report(path, FrequencyParameters())


def test_a_job_writes_its_report_and_tells_its_values(tmp_path, capsys):
    path = decay(tmp_path / "a.mrd", offset_hz=50)
    (tmp_path / "p.json").write_text('{"zero_filling": 4}')
    arguments = ["--input", str(path), "--output", str(tmp_path / "out")]
    assert frequency_job([*arguments, "--parameters", str(tmp_path / "p.json")]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["files"] == ["report.json"]
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert report["values"] == line["values"]
    (tmp_path / "p.json").write_text('{"zero": 4}')
    assert frequency_job([*arguments, "--parameters", str(tmp_path / "p.json")]) == 2
    line = json.loads(capsys.readouterr().out)
    assert "no parameter zero. There are: zero_filling" in line["detail"]
    assert quality_job(["--input", str(tmp_path / "gone"), "--output", str(tmp_path)]) == 2
    assert json.loads(capsys.readouterr().out)["input_at_fault"] is True


def disc(noise, *, seed, coils=1, ghost=0.0, shading=0.0):
    """A homogeneous disc of signal 100, as a magnitude image."""
    random = np.random.default_rng(seed)
    y, x = np.indices((128, 128)) - 64
    image = 100.0 * (np.hypot(x, y) < 40) * (1 + shading * x / 40)
    image = image + ghost * np.roll(image, 64, axis=0)
    channels = np.zeros((coils, 128, 128), dtype=complex)
    channels[0] = image
    channels += noise * (
        random.normal(size=channels.shape) + 1j * random.normal(size=channels.shape)
    )
    return np.sqrt((np.abs(channels) ** 2).sum(axis=0))


def dicoms(folder, images):
    """Write images as DICOM through the reconstruction, then put other pixels into them."""
    folder.mkdir()
    context = folder.parent / "context.json"
    context.write_text('{"run_id": "1"}')
    raw = write(folder.parent / "a.mrd", Scan((128, 128, 1), (256, 256, 5)))
    reconstruction_job(["--input", str(raw), "--context", str(context), "--output", str(folder)])
    (path,) = folder.iterdir()
    for number, image in enumerate(images, start=1):
        dataset = pydicom.dcmread(path)
        dataset.InstanceNumber = number
        dataset.RescaleSlope, dataset.RescaleIntercept = "0.01", "0"
        dataset.PixelData = np.rint(100 * image).astype("<u2").tobytes()
        dataset.save_as(folder / f"{number}.dcm")
    path.unlink()
    (folder / "notes.txt").write_text("no image")
    return folder


def test_both_ways_to_signal_over_noise_find_what_was_put_in(tmp_path):
    folder = dicoms(tmp_path / "images", [disc(2.0, seed=1), disc(2.0, seed=2)])
    report = quality_report(folder, QualityParameters())
    values = report["values"]
    assert values["snr_dual_region"] == pytest.approx(50, rel=0.05)
    assert values["snr_difference"] == pytest.approx(50, rel=0.05)
    assert report["slices"][0]["mean"] == pytest.approx(100, rel=0.01)
    assert report["slices"][0]["standard_deviation"] == pytest.approx(2, rel=0.1)
    assert values["ghosting"] < 0.003
    assert report["notes"] == []


def test_the_noise_of_many_coils_is_that_of_one(tmp_path):
    folder = dicoms(tmp_path / "images", [disc(2.0, seed=1, coils=8)])
    values = quality_report(folder, QualityParameters(receive_coils=8))["values"]
    assert values["snr_dual_region"] == pytest.approx(50, rel=0.05)
    assert values["snr_difference"] is None


def test_ghosts_and_shading_are_found(tmp_path):
    folder = dicoms(tmp_path / "images", [disc(0.2, seed=1, ghost=0.05, shading=0.1)])
    values = quality_report(folder, QualityParameters())["values"]
    # the ghost's strip above and below holds 5 % of the signal where the disc's shadow lies
    assert 0.02 < values["ghosting"] < 0.05
    assert values["uniformity_percent"] == pytest.approx(91, abs=2)


def test_what_cannot_be_judged_is_said(tmp_path):
    flat = np.full((128, 128), 5.0)
    with pytest.raises(JobInputError, match="No image shows an object"):
        quality_report(dicoms(tmp_path / "images", [flat]), QualityParameters())
    (tmp_path / "none").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "none" / "a.png")
    with pytest.raises(JobInputError, match="none holds no images"):
        quality_report(tmp_path / "none", QualityParameters())


def test_raw_data_are_judged_as_their_images(tmp_path):
    path = write(tmp_path / "a.mrd", Scan((64, 64, 1), (160, 160, 5)))
    report = quality_report(path, QualityParameters())
    assert report["values"]["slices"] == 1
    assert report["slices"][0]["mean"] > 0
