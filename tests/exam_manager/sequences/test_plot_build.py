"""What is drawn of a file, against its events one by one."""

import os
from pathlib import Path

import numpy as np
import pytest
from effort import tries

from exam_manager.sequences.plot.array_file import NotAnArrayFileError, pack, unpack
from exam_manager.sequences.plot.build import plot_tables
from exam_manager.sequences.plot.draw import UNITS, channel_of
from exam_manager.sequences.plot.tables import TooManyVerticesError
from exam_manager.sequences.pulseq_file import read_pulseq

SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
MT_PER_HZ = 1e3 / 42.576e6
EVERYTHING = 10**9


def drawn(file, name):
    arrays, _about = plot_tables(file)
    return channel_of(arrays, name).points(-1.0, 1e6, EVERYTHING)


def expected(file, name):
    """Return times and values of a channel, block by block."""
    times, values = [np.zeros(0)], [np.zeros(0)]
    blocks = file.blocks
    for index in range(len(blocks)):
        start_s = blocks.start_s[index]
        if name.startswith("rf"):
            if blocks.rf[index]:
                pulse = file.rf[int(blocks.rf[index])]
                times.append(start_s + pulse.time_s)
                phase = np.angle(pulse.samples_hz) + pulse.phase_offset_rad
                values.append(np.abs(pulse.samples_hz) if name == "rf_magnitude" else phase)
        elif name == "adc":
            if blocks.adc[index]:
                readout = file.adcs[int(blocks.adc[index])]
                times.append(start_s + np.array([readout.delay_s, readout.end_s]))
                values.append(np.ones(2))
        elif number := int(getattr(blocks, name)[index]):
            gradient = file.gradients[number]
            times.append(start_s + gradient.time_s)
            values.append(gradient.amplitude_hz_per_m * MT_PER_HZ)
    return np.concatenate(times), np.concatenate(values)


def check(data):
    file = read_pulseq(data)
    arrays, _about = plot_tables(file)
    for name in UNITS:
        points = channel_of(arrays, name).points(-1.0, 1e6, EVERYTHING)
        time_s, value = expected(file, name)
        assert points.exact
        assert points.time_s == pytest.approx(time_s, abs=1e-12)
        if name == "rf_phase":  # an angle and the same angle a turn later are one
            assert np.exp(1j * points.value) == pytest.approx(np.exp(1j * value), abs=1e-5)
        else:
            assert points.value == pytest.approx(value, rel=1e-6, abs=1e-5)


def test_all_vertices_of_a_file_are_drawn(small):
    check(small.encode())
    check(small.replace("1 100000 100", "1 -100000 100").encode())
    check(
        small.replace("1 250 1 2 3", "1 -250 1 2 3").replace(" 0 0 0 0 e", " 0 0 0 1.5 e").encode()
    )


def test_every_sample_file_is_drawn_with_all_its_vertices():
    samples = sorted(SAMPLES.glob("*.seq"), key=lambda path: path.stat().st_size)
    if not samples:
        pytest.skip(f"no samples in {SAMPLES}; set SCANHUB_SAMPLES")
    for path in samples[: tries(in_ci=len(samples), here=1)]:
        check(path.read_bytes())


def test_a_rotated_gradient_is_drawn_as_it_is_played(small):
    half = np.sqrt(0.5)  # a quarter turn about z: x becomes y
    turned = small.replace("2 324 0 1 0 0 1 0", "2 324 0 1 0 0 1 1").replace(
        "[SHAPES]", f"[EXTENSIONS]\n1 1 1 0\nextension ROTATIONS 1\n1 {half} 0 0 {half}\n\n[SHAPES]"
    )
    plain, file = read_pulseq(small.encode()), read_pulseq(turned.encode())
    along_y, before = drawn(file, "gy"), drawn(plain, "gx")
    assert along_y.time_s == pytest.approx(before.time_s)
    assert along_y.value == pytest.approx(before.value, abs=1e-6)
    assert drawn(file, "gx").value == pytest.approx(np.zeros(4), abs=1e-6)


def test_a_file_with_too_much_to_plot_says_so(small):
    with pytest.raises(TooManyVerticesError, match="more than 3 different samples"):
        plot_tables(read_pulseq(small.encode()), max_vertices=3)


def test_a_file_of_arrays_is_read_as_it_was_written(tmp_path):
    arrays = {
        "a": np.arange(100.0),
        "empty": np.zeros(0, np.float32),
        "b": np.arange(7, dtype=np.int32),
        "text": np.frombuffer(b"abc", np.uint8),
    }
    path = tmp_path / "x.plot.bin"
    whole = b"".join(bytes(piece) for piece in pack(arrays, {"duration_s": 1.5}))
    path.write_bytes(whole)
    found, about = unpack(path)
    assert about == {"duration_s": 1.5}
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    assert {name: array.dtype for name, array in found.items()} == {
        name: array.dtype for name, array in arrays.items()
    }
    for size in (0, 10, 40, len(whole) - 64):
        path.write_bytes(whole[:size])
        with pytest.raises(NotAnArrayFileError):
            unpack(path)
