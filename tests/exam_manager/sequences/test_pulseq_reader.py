"""Our reader against pypulseq, which knows nothing of it."""

import os
import warnings
from hashlib import md5
from pathlib import Path

import numpy as np
import pypulseq as pp
import pytest

from exam_manager.sequences.pulseq_file import (
    Label,
    PulseqTextError,
    Rotation,
    SoftDelay,
    Trigger,
    read_pulseq,
)
from exam_manager.sequences.pulseq_file.shapes import MAX_SAMPLES

SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
HEAD = "[VERSION]\nmajor 1\nminor {}\nrevision 0\n\n"


def written(tmp_path):
    """Return a file of everything that pypulseq can write."""
    system = pp.Opts(max_grad=30, grad_unit="mT/m", max_slew=100, slew_unit="T/m/s")
    sequence = pp.Sequence(system)
    rf, gz, gzr = pp.make_sinc_pulse(
        flip_angle=0.5,
        duration=2e-3,
        slice_thickness=5e-3,
        return_gz=True,
        system=system,
        freq_offset=300,
        phase_offset=0.7,
        use="excitation",
        delay=1e-4,
    )
    wave = 1e5 * np.sin(np.linspace(0, np.pi, 101)) ** 2
    free = pp.make_arbitrary_grad("x", wave, first=0, last=0, system=system, delay=5e-5)
    fine = pp.make_arbitrary_grad("y", wave, first=0, last=0, oversampling=True, system=system)
    line = pp.make_extended_trapezoid(
        "z",
        amplitudes=np.array([0, 1e5, 1e5, -5e4, 0]),
        times=np.array([0, 2e-4, 1e-3, 1.4e-3, 1.6e-3]),
        system=system,
    )
    adc = pp.make_adc(128, dwell=8e-6, delay=2e-4, freq_offset=10, phase_offset=0.3)
    block = pp.make_block_pulse(np.pi, duration=1e-3, system=system, use="refocusing", delay=1e-4)
    sequence.add_block(rf, gz)
    sequence.add_block(gzr, free, pp.make_label("LIN", "SET", 3), pp.make_label("SLC", "INC", 1))
    sequence.add_block(block)
    sequence.add_block(fine, line, adc, pp.make_trigger("physio1", delay=1e-5, duration=2e-5))
    sequence.add_block(pp.make_soft_delay("TE", offset=1e-3, factor=2.0), pp.make_delay(5e-3))
    sequence.set_definition("FOV", [0.2, 0.2, 0.005])
    path = tmp_path / "all.seq"
    sequence.write(str(path), create_signature=True, remove_duplicates=False)
    return path


def oracle(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sequence = pp.Sequence()
        sequence.read(str(path), remove_duplicates=False)
    return sequence


def check_block(file, at, block):
    assert file.blocks.duration_s[at] == pytest.approx(block.block_duration, abs=1e-9)
    assert (block.rf is None, block.adc is None) == (
        file.blocks.rf[at] == 0,
        file.blocks.adc[at] == 0,
    )
    if block.rf is not None:
        rf = file.rf[int(file.blocks.rf[at])]
        np.testing.assert_allclose(rf.samples_hz, block.rf.signal, atol=1e-6)
        np.testing.assert_allclose(rf.time_s, block.rf.t + block.rf.delay, atol=1e-10)
        assert rf.center_s == pytest.approx(block.rf.delay + block.rf.center, abs=1e-9)
        assert rf.frequency_offset_hz == pytest.approx(block.rf.freq_offset)
        assert rf.phase_offset_rad == pytest.approx(block.rf.phase_offset)
        assert rf.end_s == pytest.approx(block.rf.delay + block.rf.shape_dur, abs=1e-9)
    if block.adc is not None:
        adc = file.adcs[int(file.blocks.adc[at])]
        assert adc.num_samples == block.adc.num_samples
        assert (adc.dwell_s, adc.delay_s) == pytest.approx((block.adc.dwell, block.adc.delay))
        assert adc.phase_offset_rad == pytest.approx(block.adc.phase_offset)
    for axis, theirs in enumerate((block.gx, block.gy, block.gz)):
        number = int(file.blocks.gradient(axis)[at])
        assert (theirs is None) == (number == 0)
        if theirs is not None:
            check_gradient(file.gradients[number], theirs)


def check_gradient(ours, theirs):
    if theirs.type == "trap":
        steps = [theirs.delay, theirs.rise_time, theirs.flat_time, theirs.fall_time]
        np.testing.assert_allclose(ours.time_s, np.cumsum(steps), atol=1e-10)
        expected = [0, theirs.amplitude, theirs.amplitude, 0]
        np.testing.assert_allclose(ours.amplitude_hz_per_m, expected)
        return
    edges = [theirs.first, *theirs.waveform, theirs.last]
    inner = theirs.tt + theirs.delay
    if ours.kind == "extended":
        np.testing.assert_allclose(ours.amplitude_hz_per_m, theirs.waveform, atol=1e-3)
        np.testing.assert_allclose(ours.time_s, inner, atol=1e-10)
    else:
        np.testing.assert_allclose(ours.amplitude_hz_per_m, edges, atol=1e-3)
        np.testing.assert_allclose(ours.time_s[1:-1], inner, atol=1e-10)


def check_all(path):
    file, sequence = read_pulseq(path.read_bytes()), oracle(path)
    assert len(file.blocks) == len(sequence.block_events)
    assert file.duration_s == pytest.approx(sequence.duration()[0], abs=1e-9)
    assert file.signature == "ok"
    for at, number in enumerate(file.blocks.number.tolist()):
        check_block(file, at, sequence.get_block(number))
    return file


@pytest.mark.parametrize(
    "name", ["simple_mprage141.seq", "write_epi.seq", "write_gre.seq", "write_gre_label.seq"]
)
def test_sample_files_are_read_as_pypulseq_reads_them(name):
    if not (SAMPLES / name).exists():
        pytest.skip(f"no {name} in {SAMPLES}; set SCANHUB_SAMPLES")
    check_all(SAMPLES / name)


def test_all_kinds_of_events_are_read_as_pypulseq_reads_them(tmp_path):
    file = check_all(written(tmp_path))
    assert [rf.use for rf in file.rf.values()] == ["e", "r"]
    found = [
        event for number in file.blocks.extension.tolist() for event in file.extensions(number)
    ]
    assert Label("LIN", 3, increase=False) in found
    assert Label("SLC", 1, increase=True) in found
    (trigger,) = (event for event in found if isinstance(event, Trigger))
    assert (trigger.kind, trigger.channel) == (2, 1)
    assert (trigger.delay_s, trigger.duration_s) == pytest.approx((1e-5, 2e-5))
    assert any(isinstance(event, SoftDelay) and event.hint == "TE" for event in found)


def test_a_changed_file_does_not_match_its_signature(tmp_path):
    data = written(tmp_path).read_bytes()
    assert read_pulseq(data.replace(b"FOV 0.2", b"FOV 0.3")).signature == "mismatch"
    assert read_pulseq(data.replace(b"\n", b"\r\n")).signature == "ok"
    assert read_pulseq(data[: data.index(b"\n[SIGNATURE]")]).signature == "absent"
    assert read_pulseq(data.replace(b"Type md5", b"Type sha9")).signature == "unknown"


def old(minor, blocks, more=""):
    return (HEAD.format(minor) + "[BLOCKS]\n" + blocks + "\n" + more).encode()


EVENTS = (
    "[RF]\n1 100 1 2 20 0 0\n\n[GRADIENTS]\n1 1000 1 30\n\n[TRAP]\n2 1000 100 200 100 50\n\n"
    "[ADC]\n1 10 10000 40 0 0\n\n[DELAYS]\n1 5000\n2 10\n\n"
    "[SHAPES]\n\nshape_id 1\nnum_samples 10\n1\n0\n0\n7\n\nshape_id 2\nnum_samples 10\n0\n0\n8\n"
)


def test_before_1_4_a_block_lasts_as_long_as_its_longest_event():
    blocks = "1 1 0 0 0 0 0 0\n2 2 1 0 0 0 0 0\n3 0 0 1 0 0 0 0\n4 0 0 0 2 0 0 0\n5 0 0 0 0 0 1 0\n"
    file = read_pulseq(old(3, blocks, EVENTS))
    expected = [5e-3, 30e-6, 130e-6, 450e-6, 140e-6]
    np.testing.assert_allclose(file.blocks.duration_s, expected)
    np.testing.assert_allclose(file.blocks.start_s, np.cumsum([0, *expected[:-1]]))
    np.testing.assert_allclose(file.rf[1].time_s, 20e-6 + (np.arange(10) + 0.5) * 1e-6)
    np.testing.assert_allclose(file.rf[1].samples_hz, 100)
    np.testing.assert_allclose(file.gradients[1].amplitude_hz_per_m, [0, *[1000] * 10, 1000])
    assert file.rf[1].use == "u"
    columns_of_1_2 = blocks.replace(" 0\n", "\n")
    again = read_pulseq(old(2, columns_of_1_2, EVENTS))
    np.testing.assert_allclose(again.blocks.duration_s, expected)


def test_an_old_gradient_starts_where_the_last_block_left_off():
    blocks = "1 0 0 1 0 0 0 0\n2 0 0 3 0 0 0 0\n"
    more = EVENTS.replace("1 1000 1 30\n", "1 1000 1 30\n3 500 1 0\n")
    file = read_pulseq(old(3, blocks, more))
    assert file.gradients[3].amplitude_hz_per_m[0] == pytest.approx(1000)
    alone = read_pulseq(old(3, "1 0 0 3 0 0 0 0\n", more))
    assert alone.gradients[3].amplitude_hz_per_m[0] == 0


def test_offsets_in_ppm_need_the_field():
    text = (
        HEAD.format(5)
        + "[BLOCKS]\n1 100 1 0 0 0 0 0\n\n[RF]\n1 9 1 0 0 1 0 -3 0 5 0 s\n\n"
        + "[SHAPES]\n\nshape_id 1\nnum_samples 2\n1\n1\n"
    ).encode()
    assert read_pulseq(text).rf[1].frequency_offset_hz == 5
    shifted = read_pulseq(text, b0_t=1.5).rf[1].frequency_offset_hz
    assert shifted == pytest.approx(5 - 3e-6 * 42.576e6 * 1.5)


def test_a_rotation_turns_the_gradients():
    half = np.sqrt(0.5)
    text = (
        HEAD.format(5)
        + "[BLOCKS]\n1 100 0 0 0 0 0 1\n\n[EXTENSIONS]\n1 7 1 0\n\n"
        + f"extension ROTATIONS 7\n1 {half} 0 0 {half}\n"
    )
    (rotation,) = read_pulseq(text.encode()).extensions(1)
    assert isinstance(rotation, Rotation)
    np.testing.assert_allclose(rotation.matrix() @ [1, 0, 0], [0, 1, 0], atol=1e-9)
    with pytest.raises(PulseqTextError, match="quaternion"):
        read_pulseq(text.replace(f"1 {half} 0", "1 3 0").encode())


def test_an_unknown_extension_is_passed_over_unless_it_is_required():
    text = (
        HEAD.format(5)
        + "[DEFINITIONS]\nX 1\n\n[BLOCKS]\n1 100 0 0 0 0 0 1\n\n[EXTENSIONS]\n1 7 1 0\n\n"
        + "extension NEWTHING 7\n1 what ever\n"
    )
    file = read_pulseq(text.encode())
    assert file.extensions(1) == ()
    assert any("NEWTHING" in note for note in file.notes)
    with pytest.raises(PulseqTextError, match="required"):
        read_pulseq(text.replace("X 1", "RequiredExtensions NEWTHING").encode())


def shape_file(samples, numbers):
    shape = f"[SHAPES]\n\nshape_id 1\nnum_samples {samples}\n" + "\n".join(numbers) + "\n"
    head = HEAD.format(5) + "[BLOCKS]\n1 1000000 0 1 0 0 0 0\n\n[GRADIENTS]\n1 1 0 0 1 0 0\n\n"
    return (head + shape).encode()


def test_a_million_samples_unfold_from_a_few_numbers():
    file = read_pulseq(shape_file(10**6 + 1, ["0", "1e-6", "1e-6", str(10**6 - 2)]))
    wave = file.gradients[1].amplitude_hz_per_m[1:-1]
    np.testing.assert_allclose(wave, np.arange(10**6 + 1) / 1e6, atol=1e-9)


def test_a_shape_of_endless_samples_is_refused_before_it_is_unfolded():
    for samples in (10**12, MAX_SAMPLES + 1):
        with pytest.raises(PulseqTextError, match="more than"):
            read_pulseq(shape_file(samples, ["0", "0", str(samples - 2)]))


def test_random_shapes_unfold_as_in_pypulseq():
    random = np.random.default_rng(4)
    for _ in range(50):
        wave = np.cumsum(random.choice([0, 0, 0, 0.5, -0.5], random.integers(8, 200)))
        packed = pp.compress_shape.compress_shape(wave)
        numbers = [f"{value:.9g}" for value in packed.data]
        ours = read_pulseq(shape_file(wave.size, numbers)).gradients[1].amplitude_hz_per_m[1:-1]
        np.testing.assert_allclose(ours, wave)


def test_the_signature_is_of_the_text_before_its_section():
    text = old(2, "1 0 0 0 0 0 0\n")
    signed = (
        text
        + b"\n[SIGNATURE]\nType md5\nHash "
        + md5(text, usedforsecurity=False).hexdigest().encode()
        + b"\n"
    )
    assert read_pulseq(signed).signature == "ok"
