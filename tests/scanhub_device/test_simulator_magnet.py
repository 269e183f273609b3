"""A magnet out of adjustment: images show it, calibrations measure it and undo it."""

import threading
from pathlib import Path
from typing import Any

import jsonschema_rs
import made_sequences
import numpy as np
import pytest
from test_simulator_kinds import error, to_image

from scanhub_device import ScanError
from scanhub_device.simulator import (
    PARAMETER_SCHEMA,
    Magnet,
    ScanPlan,
    SimulatedScanner,
    SimulatorSettings,
    phantom_image,
    plan_scan,
)
from scanhub_device.simulator.acquire import Receiver
from scanhub_device.simulator.calibrate import Bench, calibrate, measure_line
from scanhub_device.simulator.magnet import LARGEST_SHIM_UT_PER_M, Adjustment
from scanhub_device.simulator.sequences import write_gre

NO_NOISE = SimulatorSettings(coils=1, noise=0, time_scale=0)
Array = np.ndarray[Any, Any]


def gre(folder: Path, **changes: Any) -> ScanPlan:
    path = folder / "gre.seq"
    write_gre(path, **{"matrix": 64, "dwell": 40e-6, **changes})
    return plan_scan(path.read_text())


def image(plan: ScanPlan, adjustment: Adjustment) -> Array:
    """Of one slice, in units of the phantom."""
    receiver = Receiver(plan, NO_NOISE, np.zeros(3), adjustment)
    k = np.zeros((64, 64), dtype=complex)
    for index, line in enumerate(plan.step):
        samples = receiver.readout(index)[0]
        k[line] = samples[::-1] if plan.lines.reversed_[index] else samples
    return np.abs(to_image(k)) * (64 * 64 / (256 * 256 * 5))


def bench(magnet: Magnet, parameter: dict[str, Any], seed: int = 0) -> Bench:
    return Bench(magnet.adjusted(parameter), time_scale=0, seed=seed, stop=threading.Event())


def adjust(magnet: Magnet, *kinds: str) -> dict[str, Any]:
    parameter: dict[str, Any] = {}
    for kind in kinds:
        parameter.update(calibrate(kind, bench(magnet, parameter), parameter).values)
    return parameter


def test_an_offset_of_two_pixels_moves_the_image_by_two_pixels_along_the_readout(
    tmp_path: Path,
) -> None:
    plan = gre(tmp_path)
    per_pixel_hz = 1 / (64 * 40e-6)
    right, shifted = image(plan, Adjustment()), image(plan, Adjustment(2 * per_pixel_hz))
    assert error(shifted, np.roll(right, 2, axis=1)) < 0.05
    assert error(shifted, np.roll(right, -2, axis=1)) > 0.2
    assert error(shifted, np.roll(right, 2, axis=0)) > 0.2


def test_an_offset_moves_the_slice_by_frequency_over_gradient(tmp_path: Path) -> None:
    plan = gre(tmp_path)
    gradient = float(plan.geometry.gradient_hz_per_m[0] @ plan.geometry.slice_dir)
    offset = -0.05 * gradient  # the resonance is lower: the pulse finds its place 5 cm up
    receiver = Receiver(plan, NO_NOISE, np.zeros(3), Adjustment(offset))
    dc = abs(receiver.readout(32)[0][32])
    higher = phantom_image(64, 0.256, contrast=plan.contrast, position_m=(0, 0, 0.05))
    middle = phantom_image(64, 0.256, contrast=plan.contrast)
    assert higher.sum() < 0.8 * middle.sum()
    # samples are turned by the offset meanwhile, which the middle one alone does not show
    assert dc == pytest.approx(higher.sum() * 16 * 5, rel=0.02)


def test_a_transmitter_that_is_too_strong_changes_the_contrast(tmp_path: Path) -> None:
    plan = gre(tmp_path)
    strong = image(plan, Adjustment(transmit=1.4))
    as_if = gre(tmp_path, flip=1.4 * np.radians(15))
    assert error(strong, phantom_image(64, 0.256, contrast=as_if.contrast)) < 0.15
    assert strong.max() / image(plan, Adjustment()).max() > 1.1
    truth = phantom_image(64, 0.256, contrast=as_if.contrast, supersampling=8)
    assert np.linalg.norm(strong - truth) < 0.12 * np.linalg.norm(truth)


def test_epi_bends_where_the_field_is_not_even(tmp_path: Path) -> None:
    plan = plan_scan(made_sequences.echo_planar(tmp_path / "epi.seq"))
    right = image(plan, Adjustment())
    bent = image(plan, Adjustment(gradient_hz_per_m=(0.0, 400.0, 0.0)))
    assert error(bent, right) > 0.2
    # a gradient along the blips stretches: its moment per line adds to the blip's
    spacing = plan.history.echoes[1].after_s - plan.history.echoes[0].after_s
    factor = 1 + 400.0 * spacing * 0.256
    rows = np.flatnonzero(bent[:, 32] > 0.5 * np.median(bent[20:44, 32]))
    straight = np.flatnonzero(right[:, 32] > 0.5 * np.median(right[20:44, 32]))
    assert np.ptp(rows) == pytest.approx(np.ptp(straight) * factor, abs=3)


@pytest.mark.parametrize("seed", [1, 5, 11])
def test_what_calibrations_find_is_what_is_hidden(seed: int) -> None:
    magnet = Magnet.out_of_adjustment(seed)
    assert magnet == Magnet.out_of_adjustment(seed)
    found = adjust(magnet, "shims", "frequency", "flip-angle")
    assert found["shims"] == pytest.approx([-g for g in magnet.gradient_ut_per_m], abs=0.1)
    assert found["larmor_frequency"] == pytest.approx(magnet.larmor_frequency_hz, abs=0.5)
    assert found["flip_angle_calibration"] == pytest.approx(1 / magnet.transmit, rel=0.01)


def test_calibrated_images_are_right_and_uncalibrated_ones_are_not(tmp_path: Path) -> None:
    plan, magnet = gre(tmp_path), Magnet.out_of_adjustment(3)
    truth = phantom_image(64, 0.256, contrast=plan.contrast, supersampling=8)

    def off(parameter: dict[str, Any]) -> float:
        made = image(plan, magnet.adjusted(parameter))
        return float(np.linalg.norm(made - truth) / np.linalg.norm(truth))

    assert off({}) > 0.25
    assert off(adjust(magnet, "shims", "frequency", "flip-angle")) < 0.12


def test_the_quality_of_a_calibration_is_measured() -> None:
    magnet = Magnet.out_of_adjustment(6)
    first = calibrate("frequency", bench(magnet, {}), {})
    shims = calibrate("shims", bench(magnet, {}), {})
    better = calibrate("frequency", bench(magnet, shims.values), shims.values)
    assert shims.quality["line_width_hz"] < 0.1 * shims.quality["line_width_before_hz"]
    assert better.quality["line_width_hz"] < 0.1 * first.quality["line_width_hz"]
    assert better.quality["snr_db"] > first.quality["snr_db"] + 10
    again = calibrate("frequency", bench(magnet, {}), {})
    assert again == first  # the same seed
    assert calibrate("frequency", bench(magnet, {}, seed=9), {}) != first


def test_noise_alone_is_no_line() -> None:
    real, imaginary = np.random.default_rng(0).normal(0, 1, (2, 2048))
    with pytest.raises(ScanError, match="no signal"):
        measure_line(real + 1j * imaginary)


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ({"larmor_frequency": 2_000_000.0}, "no signal"),
        ({"larmor_frequency": "high"}, "no number"),
        ({"larmor_frequency": float("nan")}, "no number"),
        ({"flip_angle_calibration": 0}, "flip_angle_calibration must be"),
        ({"flip_angle_calibration": True}, "no number"),
        ({"shims": [1, 2]}, "three numbers"),
        ({"shims": [0, 0, 500.0]}, "no further"),
        ({"shims": [0, 0, None]}, "no number"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameter: dict[str, Any], reason: str) -> None:
    with pytest.raises(ScanError, match=reason):
        Magnet().adjusted(parameter)


def test_a_stopped_calibration_ends() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(ScanError, match="stopped"):
        calibrate("shims", Bench(Adjustment(), time_scale=1, seed=0, stop=stop), {})


def test_what_the_simulated_scanner_is_set_to_follows_its_own_schema():
    validator = jsonschema_rs.Draft202012Validator(PARAMETER_SCHEMA)
    parameter = SimulatedScanner().details.parameter
    assert [error.message for error in validator.iter_errors(parameter)] == []
    assert parameter.keys() == PARAMETER_SCHEMA["properties"].keys()
    assert not validator.is_valid({**parameter, "shims": [0, 0, LARGEST_SHIM_UT_PER_M + 1]})
