"""Better no image than a wrong one: each file here must be refused, with its reason."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pypulseq as pp
import pytest

from scanhub_device import ScanError
from scanhub_device.messages import XYZ, AcquisitionParameter
from scanhub_device.simulated import default_sequence
from scanhub_device.simulator import plan_scan
from scanhub_device.simulator.scanner import offset_of
from scanhub_device.simulator.sequences import write_gre

EXAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
LINES, FOV = 8, 0.2


class Bench:
    """A small gradient echo, of which each test makes one thing wrong."""

    def __init__(self) -> None:
        self.flips = [0.2] * LINES
        self.steps = [float(n - LINES // 2) for n in range(LINES)]
        self.tr_delays = [1e-3] * LINES
        self.uses = ["excitation"] * LINES
        self.reads = [1] * LINES
        self.samples = [8] * LINES
        self.slice_select = True
        self.partitions = [0.0] * LINES
        self.spoil = True
        self.fov = [FOV, FOV, 0.005]

    def text(self, path: Path) -> str:
        system = pp.Opts(max_grad=30, grad_unit="mT/m", max_slew=150, slew_unit="T/m/s")
        sequence = pp.Sequence(system)
        for line in range(len(self.steps)):
            self._repetition(sequence, system, line)
        sequence.set_definition("FOV", self.fov)
        sequence.write(str(path))
        return path.read_text()

    def _repetition(self, sequence: Any, system: Any, line: int) -> None:
        rf, gz, _ = pp.make_sinc_pulse(
            self.flips[line],
            duration=2e-3,
            slice_thickness=5e-3,
            system=system,
            return_gz=True,
            use=self.uses[line],
        )
        count = self.samples[line]
        gx = pp.make_trapezoid("x", flat_area=8 / FOV, flat_time=8 * 20e-6, system=system)
        adc = pp.make_adc(count, duration=gx.flat_time, delay=gx.rise_time, system=system)
        back = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=system)
        gy = pp.make_trapezoid("y", area=self.steps[line] / FOV, duration=1e-3, system=system)
        gy_back = pp.make_trapezoid("y", area=-self.steps[line] / FOV, duration=1e-3, system=system)
        deep = -gz.area / 2 + self.partitions[line]
        gz_back = pp.make_trapezoid("z", area=deep, duration=1e-3, system=system)
        sequence.add_block(rf, *([gz] if self.slice_select else []))
        sequence.add_block(back, gy, gz_back)
        for _ in range(self.reads[line]):
            sequence.add_block(gx, adc)
        if self.spoil:
            sequence.add_block(pp.make_trapezoid("z", area=800, system=system), gy_back)
        else:
            rest = -gz.area - deep
            sequence.add_block(
                back, gy_back, pp.make_trapezoid("z", area=rest, duration=1e-3, system=system)
            )
        sequence.add_block(pp.make_delay(self.tr_delays[line]))


def test_the_bench_itself_is_played(tmp_path: Path) -> None:
    plan = plan_scan(Bench().text(tmp_path / "bench.seq"))
    assert plan.step == tuple(range(LINES))
    assert plan.recon_matrix == (8, 8)


def second_flip(bench: Bench) -> None:
    bench.flips[3] = 0.3


def inversion(bench: Bench) -> None:
    bench.flips = [np.pi] * LINES


def refocusing(bench: Bench) -> None:
    bench.uses = ["refocusing"] * LINES


def non_selective(bench: Bench) -> None:
    bench.slice_select = False


def multi_echo(bench: Bench) -> None:
    bench.reads = [2] * LINES


def gap_in_readouts(bench: Bench) -> None:
    bench.reads[3] = 0


def nothing_read(bench: Bench) -> None:
    bench.reads = [0] * LINES


def other_length(bench: Bench) -> None:
    bench.samples[3] = 16


def hole_in_k_space(bench: Bench) -> None:
    bench.steps[2] = 4.0


def line_twice(bench: Bench) -> None:
    bench.steps[0] = bench.steps[1]


def one_line(bench: Bench) -> None:
    bench.steps = [0.0] * LINES


def beside_the_centre(bench: Bench) -> None:
    bench.steps = [step + 0.5 for step in bench.steps]


def far_from_the_centre(bench: Bench) -> None:
    bench.steps = [step + 6 for step in bench.steps]


def undersampled(bench: Bench) -> None:
    bench.steps = [2 * step for step in bench.steps]


def uneven_repetition(bench: Bench) -> None:
    bench.tr_delays[3] = 5e-3


def three_dimensions(bench: Bench) -> None:
    bench.partitions = [25.0 * n for n in range(LINES)]


def balanced(bench: Bench) -> None:
    bench.spoil = False


def wrong_fov(bench: Bench) -> None:
    bench.fov = [0.2, -1.0, 0.005]


CASES: list[tuple[Callable[[Bench], None], str]] = [
    (second_flip, "flip angle"),
    (inversion, "pulse of 180 degrees"),
    (refocusing, "pulse for refocusing"),
    (non_selective, "without slice gradient"),
    (multi_echo, "more than once after an excitation"),
    (gap_in_readouts, "excitations without readout"),
    (nothing_read, "no ADC"),
    (other_length, "length or dwell"),
    (hole_in_k_space, "gaps"),
    (line_twice, "same line more than once"),
    (one_line, "no phase encoding"),
    (beside_the_centre, "centre of k-space"),
    (far_from_the_centre, "centre of k-space"),
    (undersampled, "field of view of 200 mm"),
    (uneven_repetition, "repetition time"),
    (three_dimensions, "slab of 5 mm cuts the phantom"),
    (balanced, "balanced"),
    (wrong_fov, "definition FOV"),
]


@pytest.mark.parametrize(("spoil", "reason"), CASES, ids=[case.__name__ for case, _ in CASES])
def test_a_sequence_that_is_not_simulated_is_refused(
    tmp_path: Path, spoil: Callable[[Bench], None], reason: str
) -> None:
    bench = Bench()
    spoil(bench)
    with pytest.raises(ScanError, match=reason):
        plan_scan(bench.text(tmp_path / "bench.seq"))


UNSIGNED = default_sequence().read_text().partition("\n[SIGNATURE]")[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        UNSIGNED[: len(UNSIGNED) // 2],
        UNSIGNED.replace("[TRAP]", "[TARP]"),
        UNSIGNED.replace("[ADC]", "[ADC]\n x y z"),
    ],
    ids=["empty", "json", "cut", "no gradients", "words for numbers"],
)
def test_a_damaged_file_is_refused(text: str) -> None:
    with pytest.raises(ScanError, match="Pulseq file"):
        plan_scan(text)


@pytest.mark.parametrize("percent", range(3, 100, 6))
def test_a_file_that_ends_too_early_is_played_right_or_refused(percent: int) -> None:
    whole = plan_scan(UNSIGNED)
    try:
        plan = plan_scan(UNSIGNED[: len(UNSIGNED) * percent // 100])
    except ScanError:
        return
    assert (plan.step, plan.recon_matrix) == (whole.step, whole.recon_matrix)


@pytest.mark.long
def test_readouts_that_the_file_format_cannot_hold_are_refused() -> None:
    with pytest.raises(ScanError, match="65535 samples"):
        plan_scan(UNSIGNED.replace(" 128 20000 40 ", " 70000 20 40 "))


def test_a_file_that_was_changed_after_it_was_signed_is_refused() -> None:
    text = default_sequence().read_text()
    changed = text.replace("FOV 0.256 0.256", "FOV 0.255 0.256")
    with pytest.raises(ScanError, match="changed after it was signed"):
        plan_scan(changed)
    assert plan_scan(changed.partition("\n[SIGNATURE]")[0]).recon_fov_m[0] == 0.255
    assert plan_scan(text.replace("\n", "\r\n")).recon_fov_m[0] == pytest.approx(0.256)


def test_what_cannot_be_placed_is_refused() -> None:
    one, two = XYZ(x=1, y=1, z=1), XYZ(x=1, y=2, z=1)
    with pytest.raises(ScanError, match="scale"):
        offset_of(AcquisitionParameter(fov_scaling=two))
    with pytest.raises(ScanError, match="rotate"):
        offset_of(AcquisitionParameter(fov_rotation=one))
    assert offset_of(AcquisitionParameter(fov_offset=two)) == pytest.approx([1e-3, 2e-3, 1e-3])


def test_partial_fourier_and_oversampling_are_described_truly(tmp_path: Path) -> None:
    bench = Bench()
    bench.steps = bench.steps[3:]
    plan = plan_scan(bench.text(tmp_path / "partial.seq"))
    assert (plan.phase.count, plan.phase.centre, plan.phase.matrix) == (5, 1, 8)
    bench = Bench()
    bench.samples = [16] * LINES
    plan = plan_scan(bench.text(tmp_path / "over.seq"))
    assert (plan.read.count, plan.read.matrix) == (16, 16)
    assert plan.recon_matrix == (8, 8)
    assert plan.read.fov_m == pytest.approx(2 * FOV, rel=1e-3)
    assert plan.recon_fov_m[0] == pytest.approx(FOV)


def test_a_gradient_echo_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write_gre(tmp_path / "never.seq", te=2e-3)
    with pytest.raises(ValueError, match="do not fit"):
        write_gre(tmp_path / "never.seq", tr=8e-3)
