"""Facts of a sequence against pypulseq's own numbers, and against cases worked out by hand."""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import pypulseq as pp
import pytest

from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.pulseq_facts import nerves
from exam_manager.sequences.pulseq_facts.gradients import BlockGradients
from exam_manager.sequences.pulseq_facts.kspace import KSpace
from exam_manager.sequences.pulseq_facts.pulses import played_pulses
from exam_manager.sequences.pulseq_file import read_pulseq

SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
GAMMA = 42.576e6
HEAD = (
    "[VERSION]\nmajor 1\nminor 5\nrevision 0\n\n[DEFINITIONS]\nAdcRasterTime 1e-07\n"
    "BlockDurationRaster 1e-05\nGradientRasterTime 1e-05\nRadiofrequencyRasterTime 1e-06\n"
)
LIBRARY = (
    "\n[RF]\n1 100 1 0 2 500 100 0 0 0 0 e\n2 200 1 0 2 500 100 0 0 0 0 r\n"
    "\n[TRAP]\n1 1000000 100 400 200 0\n2 500000 100 400 100 0\n3 -1000000 100 400 200 0\n"
    "\n[ADC]\n1 100 4000 100 0 0 0 0 0\n"
    "\n[SHAPES]\n\nshape_id 1\nnum_samples 2\n1\n1\n\nshape_id 2\nnum_samples 2\n0\n1000\n"
)


def facts_of(blocks, library=LIBRARY, definitions=""):
    lines = "\n".join(f"{number} {block}" for number, block in enumerate(blocks, start=1))
    return read_facts(f"{HEAD}{definitions}\n[BLOCKS]\n{lines}\n{library}".encode())


def sample(name):
    if not (SAMPLES / name).exists():
        pytest.skip(f"no {name} in {SAMPLES}; set SCANHUB_SAMPLES")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sequence = pp.Sequence()
        sequence.read(str(SAMPLES / name), remove_duplicates=False)
    return (SAMPLES / name).read_bytes(), sequence


@pytest.mark.parametrize("name", ["write_gre.seq", "write_gre_label.seq", "write_epi.seq"])
def test_the_report_of_pypulseq_says_the_same(name):
    data, sequence = sample(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = sequence.test_report()
    facts = read_facts(data)
    assert facts.echo_time_s == pytest.approx(float(re.search(r"TE: (\S+)", report)[1]), abs=2e-6)
    if "epi" not in name:
        expected = float(re.search(r"TR: (\S+)", report)[1])
        assert facts.repetition_time_s == pytest.approx(expected, abs=2e-6)
    assert facts.flip_angles_deg == pytest.approx(
        [float(re.search(r"Flip angle: (\S+)", report)[1])], abs=0.1
    )
    absolute = float(re.search(r"Max absolute gradient: \S+ Hz/m == (\S+) mT", report)[1])
    assert facts.peak_gradient_mt_per_m.vector == pytest.approx(absolute, abs=0.01)
    slew = [float(x) for x in re.search(r"Max slew rate:.*== ([\d. ]+)T/m/s", report)[1].split()]
    ours = facts.peak_slew_t_per_m_per_s
    assert [ours.x, ours.y, ours.z] == pytest.approx(slew, abs=0.01)
    assert facts.duration_s == pytest.approx(sequence.duration()[0])
    assert facts.num_timing_errors == 0


@pytest.mark.parametrize("name", ["write_gre.seq", "write_epi.seq"])
def test_k_space_is_that_of_pypulseq(name):
    data, sequence = sample(name)
    file = read_pulseq(data)
    space = KSpace(file, BlockGradients(file), played_pulses(file))
    which = np.arange(space.readouts.block.size)
    samples = int(space.samples(which)[0])
    ours = space.positions(which, space.sample_times(which, samples)).reshape(-1, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sequence.calculate_kspace()[0].T
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())


def test_samples_tell_their_matrix_and_slices():
    mprage = read_facts(sample("simple_mprage141.seq")[0])
    assert mprage.rf_pulses == {"excitation": 96, "inversion": 3}
    assert mprage.inversion_time_s > 0
    assert any("guessed" in note for note in mprage.notes)
    epi = read_facts(sample("write_epi.seq")[0])
    assert (epi.matrix, epi.num_slices, epi.repetition_time_s) == ([64, 64, 3], 3, None)
    gre = read_facts(sample("write_gre.seq")[0])
    assert gre.matrix == [64, 64, 1]
    assert gre.bandwidth_hz == 20_000


def test_b1_rms_of_block_pulses_is_exact():
    """100 Hz for 1 ms of every 10 ms, for 20 s."""
    facts = facts_of(["1000 1 0 0 0 0 0"] * 2000)
    expected = 1e6 * 100 / GAMMA * np.sqrt(0.1)
    assert facts.b1_rms_ut == pytest.approx(expected, rel=1e-9)
    assert facts.b1_rms_10s_ut == pytest.approx(expected, rel=1e-3)
    assert facts.b1_rms_6min_ut == pytest.approx(expected * np.sqrt(20 / 360), rel=1e-9)
    assert facts.peak_b1_ut == pytest.approx(1e6 * 100 / GAMMA)
    assert facts.rf_duty_cycle == pytest.approx(0.1)
    assert facts.longest_rf_pulse_s == pytest.approx(1e-3)
    assert facts.flip_angles_deg == [36.0]
    assert facts.rf_pulses == {"excitation": 2000}


def test_the_worst_10_s_are_found():
    """4 s of pulses between pauses of 30 s count whole, and over 10 s."""
    pause, burst = ["3000000 0 0 0 0 0 0"], ["1000 1 0 0 0 0 0"] * 400
    facts = facts_of([*pause, *burst, *pause])
    energy = 400 * 100**2 * 1e-3
    assert facts.b1_rms_10s_ut == pytest.approx(1e6 / GAMMA * np.sqrt(energy / 10), rel=1e-9)
    assert facts.b1_rms_ut == pytest.approx(1e6 / GAMMA * np.sqrt(energy / 64), rel=1e-9)


def test_peaks_and_slew_of_trapezoids():
    facts = facts_of(["70 0 1 2 0 0 0"])
    peak, slew = facts.peak_gradient_mt_per_m, facts.peak_slew_t_per_m_per_s
    assert (peak.x, peak.y, peak.z) == pytest.approx((1e9 / GAMMA, 0.5e9 / GAMMA, 0))
    assert peak.vector == pytest.approx(1e9 / GAMMA * np.sqrt(1.25))
    assert slew.x == pytest.approx(1e10 / GAMMA)
    assert slew.vector == pytest.approx(1e10 / GAMMA * np.sqrt(1.25))


def test_a_rotation_turns_what_the_amplifiers_see():
    turn = f"extension ROTATIONS 7\n1 {np.cos(np.pi / 8)} 0 0 {np.sin(np.pi / 8)}\n"
    turned = f"{LIBRARY}\n[EXTENSIONS]\n1 7 1 0\n\n{turn}"
    peak = facts_of(["70 0 1 0 0 0 1"], turned).peak_gradient_mt_per_m
    expected = 1e9 / GAMMA * np.sqrt(0.5)
    assert (peak.x, peak.y) == pytest.approx((expected, expected))
    assert peak.vector == pytest.approx(1e9 / GAMMA)


def test_stimulation_of_one_ramp_follows_the_law():
    """A ramp of 100 us at 1e10 Hz/m/s; the flat top only lets it fade."""
    facts = facts_of(["70 0 2 0 0 0 0"])
    slew, ramp = 5e9 / GAMMA, 100e-6
    threshold = nerves.RHEOBASE_T_PER_S / nerves.COIL_LENGTH_M * (1 + nerves.CHRONAXIE_S / ramp)
    assert facts.pns_percent == pytest.approx(100 * slew / threshold, rel=2e-3)
    assert facts.pns_time_s == pytest.approx(ramp)


def test_stimulation_is_that_of_the_plain_convolution():
    data, _sequence = sample("write_epi.seq")
    file = read_pulseq(data)
    gradients = BlockGradients(file)
    corners = gradients.corners(np.arange(len(file.blocks)))
    counts = np.diff(np.append(corners.begin, corners.time_s.size))
    time = corners.time_s + np.repeat(file.blocks.start_s, counts)
    step = 1e-5
    raster = np.arange(0, file.duration_s, step)
    wave = np.stack([np.interp(raster, time, corners.value[:, axis]) for axis in range(3)])
    after = np.arange(0, 20e-3, step)
    weight = nerves.CHRONAXIE_S / (nerves.CHRONAXIE_S + after)
    kernel = weight - nerves.CHRONAXIE_S / (nerves.CHRONAXIE_S + after + step)
    slew = np.diff(wave, axis=1) / step / GAMMA * nerves.COIL_LENGTH_M / nerves.RHEOBASE_T_PER_S
    response = np.stack([np.convolve(axis, kernel)[: raster.size] for axis in slew])
    expected = 100 * np.sqrt((response**2).sum(axis=0)).max()
    assert read_facts(data).pns_percent == pytest.approx(expected, rel=5e-3)


def test_the_echo_of_refocusing_pulses_is_found():
    """A prephaser before the refocusing pulse has the sign of the readout."""
    blocks = ["120 1 0 0 0 0 0", "70 0 1 0 0 0 0", "120 2 0 0 0 0 0", "70 0 1 0 0 1 0"]
    lines = "\n".join(f"{number} {block}" for number, block in enumerate(blocks, start=1))
    file = read_pulseq(f"{HEAD}\n[BLOCKS]\n{lines}\n{LIBRARY}".encode())
    space = KSpace(file, BlockGradients(file), played_pulses(file))
    k = space.positions(np.array([0]), np.array([[0.0, 700e-6]]))[0, :, 0]
    assert k == pytest.approx([-1e6 * (400e-6 + 150e-6), 0], abs=1e-9)


def test_a_spin_echo_tells_its_echo_time(tmp_path):
    system = pp.Opts()
    sequence = pp.Sequence(system)
    excite = pp.make_block_pulse(np.pi / 2, duration=1e-3, system=system, use="excitation")
    refocus = pp.make_block_pulse(np.pi, duration=1e-3, system=system, use="refocusing")
    readout = pp.make_trapezoid("x", flat_area=320, flat_time=3.2e-3, system=system)
    before = pp.make_trapezoid("x", area=readout.area / 2, duration=2e-3, system=system)
    adc = pp.make_adc(64, duration=3.2e-3, delay=readout.rise_time, system=system)
    half_s = 10e-3
    for line in range(4):
        phase = pp.make_trapezoid("y", area=(line - 2) * 5, duration=2e-3, system=system)
        sequence.add_block(excite)
        sequence.add_block(before, phase)
        sequence.add_block(pp.make_delay(half_s - 1e-3 - 2e-3))
        sequence.add_block(refocus)
        sequence.add_block(pp.make_delay(half_s - 0.5e-3 - pp.calc_duration(readout) / 2))
        sequence.add_block(readout, adc)
        sequence.add_block(pp.make_delay(0.2))
    path = tmp_path / "se.seq"
    sequence.set_definition("FOV", [0.2, 0.2, 0.005])
    sequence.write(str(path))
    facts = read_facts(path.read_bytes())
    assert facts.echo_time_s == pytest.approx(2 * half_s, abs=1e-5)
    assert facts.matrix == [64, 4, 1]
    assert facts.flip_angles_deg == [90.0]
    assert facts.rf_pulses == {"excitation": 4, "refocusing": 4}


@pytest.mark.parametrize(
    ("pulses", "expected"),
    [
        ("1 2 a 2 a 1 2 a 2 a", {"excitation": 2, "refocusing": 4}),
        ("2 1 a 1 a 2 1 a 1 a", {"excitation": 4, "inversion": 2}),
        ("2 1 2 a 2 a 2 1 2 a 2 a", {"excitation": 2, "inversion": 2, "refocusing": 4}),
        ("1 2 1 2 2 a", {"excitation": 2, "refocusing": 3}),
    ],
)
def test_what_pulses_are_for_is_guessed_from_their_order(pulses, expected):
    """Echo trains, inversion before gradient echoes and echo trains, two refocusing pulses."""
    library = re.sub(r"(2 500 100) 0 0 0 0 [er]", r"\1 0 0 0 0 u", LIBRARY)
    library = library.replace("2 200 1", "2 500 1")
    kinds = {"1": "120 1 0 0 0 0 0", "2": "120 2 0 0 0 0 0", "a": "70 0 0 0 0 1 0"}
    assert facts_of([kinds[pulse] for pulse in pulses.split()], library).rf_pulses == expected


def test_spokes_have_no_matrix(tmp_path):
    system = pp.Opts()
    sequence = pp.Sequence(system)
    excite = pp.make_block_pulse(0.3, duration=1e-3, system=system, use="excitation")
    readout = pp.make_trapezoid("x", flat_area=320, flat_time=3.2e-3, system=system)
    adc = pp.make_adc(64, duration=3.2e-3, delay=readout.rise_time, system=system)
    for angle in np.linspace(0, np.pi, 8):
        sequence.add_block(excite)
        sequence.add_block(*pp.rotate(readout, angle=angle, axis="z"), adc)
    path = tmp_path / "radial.seq"
    sequence.write(str(path))
    facts = read_facts(path.read_bytes())
    assert facts.matrix is None
    assert facts.trajectory == "radial"
    assert any("no grid" in note for note in facts.notes)


def test_a_gradient_echo_tells_its_times():
    """The readout regains the area of the prephaser 275 us after the middle of its ramp."""
    blocks = ["120 1 0 0 0 0 0", "70 0 3 0 0 0 0", "140 0 1 0 0 1 0", "1000 0 0 0 0 0 0"] * 3
    library = LIBRARY.replace("3 -1000000 100 400 200 0", "3 -1000000 100 75 200 0")
    facts = facts_of(blocks, library)
    # prephaser: -(75 + 150) us A; the readout has that after its ramp (50) and 175 us of its top
    assert facts.echo_time_s == pytest.approx(1200e-6 - 600e-6 + 700e-6 + 275e-6, abs=1e-6)
    assert facts.repetition_time_s == pytest.approx(13.3e-3)
    assert facts.samples_per_readout == 100


@pytest.mark.parametrize(
    ("blocks", "library", "definitions", "event", "message"),
    [
        (["70 0 1 0 0 0 0"], ("1 1000000 100", "1 1000000 103"), "", "gx", "rise time is off"),
        (["69 0 1 0 0 0 0"], None, "", "gx", "longer than its block"),
        (["100 1 0 0 0 0 0"], None, "", "rf", "longer than its block"),
        (["49 0 0 0 0 1 0"], None, "", "adc", "longer than its block"),
        (["90 0 0 0 0 1 0"], ("1 100 4000", "1 100 4001.5"), "", "adc", "dwell time is off"),
        (["120 1 0 0 0 0 0"], None, "RfDeadTime 2e-4\n", "rf", "shorter than the dead time"),
        (["120 1 0 0 0 0 0"], None, "RfRingdownTime 2e-4\n", "rf", "ringdown"),
        (["50 0 0 0 0 1 0"], None, "AdcDeadTime 2e-5\n", "adc", "dead time"),
        (["70 0 1 0 0 0 0"], ("1 1000000 100", "1 1000000 0"), "", "gx", "takes no time"),
        (["30 0 1 0 0 0 0", "9 0 0 0 0 0 0"], None, "", "gx", "left off"),
        (["30 0 1 0 0 0 0"], None, "", "gx", "does not end at 0"),
    ],
)
def test_a_fault_of_timing_is_told(blocks, library, definitions, event, message):
    text = LIBRARY.replace(*library) if library else LIBRARY
    facts = facts_of(blocks, text, definitions)
    found = [error for error in facts.timing_errors if message in error.message]
    assert [error.event for error in found] == [event]
    assert facts.num_timing_errors == len(facts.timing_errors)


def test_the_list_of_faults_is_bounded_and_counted():
    facts = facts_of(["69 0 2 0 0 0 0", "100 1 0 0 0 0 0"] * 300)
    assert len(facts.timing_errors) == 100
    assert facts.num_timing_errors == 300
    assert facts.timing_errors[0].block == 2


def test_timing_faults_are_those_that_pypulseq_finds(tmp_path):
    system = pp.Opts(grad_raster_time=1e-5)
    sequence = pp.Sequence(system)
    good = pp.make_trapezoid("x", amplitude=1e5, rise_time=1e-4, flat_time=1e-3, system=system)
    bad = pp.make_trapezoid("y", amplitude=1e5, rise_time=1.03e-4, flat_time=1e-3, system=system)
    sequence.add_block(good)
    sequence.add_block(bad, pp.make_delay(2e-3))
    sequence.add_block(pp.make_adc(10, dwell=1.005e-5), pp.make_delay(1e-3))
    path = tmp_path / "bad.seq"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sequence.write(str(path))
    facts = read_facts(path.read_bytes())
    _ok, theirs = sequence.check_timing()
    expected = {(error.block, error.event) for error in theirs}
    assert {(error.block, error.event) for error in facts.timing_errors} == expected


def test_what_cannot_be_told_is_none_and_noted():
    facts = facts_of(["70 0 1 0 0 0 0"])
    assert facts.repetition_time_s is None
    assert facts.b1_rms_ut is None
    assert facts.matrix is None
    assert any("no excitation" in note for note in facts.notes)
    assert any("no RF pulse" in note for note in facts.notes)
    assert facts.signature == "absent"
