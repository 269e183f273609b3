"""Whatever the file: it is read and analysed, or refused with its line."""

import re
import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.pulseq_file import PulseqTextError

HEAD = "[VERSION]\nmajor 1\nminor {}\nrevision 0\n\n[DEFINITIONS]\nFOV 0.2 0.2 0.1\n"
RASTERS = (
    "AdcRasterTime 1e-07\nBlockDurationRaster 1e-05\nGradientRasterTime 1e-05\n"
    "RadiofrequencyRasterTime 1e-06\n\n"
)
SHAPES = (
    "[SHAPES]\n\nshape_id 1\nnum_samples 20\n1\n0\n0\n17\n\n"
    "shape_id 2\nnum_samples 20\n0\n0.1\n0.1\n17\n\nshape_id 3\nnum_samples 3\n0\n5\n20\n"
    "\nshape_id 4\nnum_samples 3\n0\n1\n0\n"
)
V1_5 = (
    HEAD.format(5)
    + RASTERS
    + "[BLOCKS]\n1 200 1 0 0 1 0 0\n2 100 0 2 3 4 0 1\n3 100 2 0 0 1 0 3\n4 90 0 1 0 0 1 2\n\n"
    + "[RF]\n1 250 1 2 0 10 100 0 0 0 0 e\n2 500 1 2 0 10 100 -3 0 0 1 r\n\n"
    + "[GRADIENTS]\n2 1000 0 0 2 0 0\n3 2000 0 0 4 3 0\n\n"
    + "[TRAP]\n1 100000 100 500 100 0\n4 -5000 100 300 100 10\n\n"
    + "[ADC]\n1 64 5000 100 0 0 0 0 0\n\n"
    + "[EXTENSIONS]\n1 1 1 0\n2 2 1 1\n3 3 1 2\n\nextension LABELSET 1\n1 0 LIN\n\n"
    + "extension ROTATIONS 2\n1 1 0 0 0\n\nextension TRIGGERS 3\n1 2 1 0 100\n\n"
    + SHAPES
)
V1_4 = (
    HEAD.format(4)
    + RASTERS
    + "[BLOCKS]\n1 200 1 0 0 1 0 0\n2 100 0 2 3 0 0 0\n3 90 0 1 0 0 1 0\n\n"
    + "[RF]\n1 250 1 2 0 100 0 0\n\n[GRADIENTS]\n2 1000 2 0 0\n3 2000 4 3 0\n\n"
    + "[TRAP]\n1 100000 100 500 100 0\n\n[ADC]\n1 64 5000 100 0 0\n\n"
    + SHAPES
)
V1_3 = (
    HEAD.format(3)
    + "\n[BLOCKS]\n1 1 1 0 0 1 0 0\n2 0 0 2 2 0 0 0\n3 0 0 1 0 0 1 0\n\n"
    + "[RF]\n1 250 1 2 100 0 0\n\n[GRADIENTS]\n2 1000 2 0\n\n"
    + "[TRAP]\n1 100000 100 500 100 0\n\n[ADC]\n1 64 5000 100 0 0\n\n[DELAYS]\n1 5000\n\n"
    + SHAPES
)
ODD = st.sampled_from(
    (
        *("0", "-1", "1e308", "1e15", "-1e15", "nan", "inf", "1000000000000", "9" * 30, "0.5"),
        *("1e-300", "x", "", "1 1", "\x00", "ü", "[RF]", "1_0", "0x1", "3", "2", "-0.0", "1e-9"),
        "9007199254740993",
    )
)
FILES = st.sampled_from([V1_5, V1_4, V1_3])


def read_or_refuse(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return read_facts(data).model_dump_json()
        except PulseqTextError as error:
            refusal = error
    assert refusal.line > 0
    assert refusal.message
    return None


def test_a_file_without_anything_is_refused():
    for data in (b"", b"\n", b"# only this"):
        assert read_or_refuse(data) is None
    assert read_or_refuse(V1_5.replace(SHAPES, "[SHAPES]\n").encode()) is None


def test_what_is_mutilated_below_is_whole():
    for text in (V1_5, V1_4, V1_3):
        assert read_or_refuse(text.encode())


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILES, st.data())
def test_changed_numbers(text, data):
    words = list(re.finditer(r"\S+", text))
    for _ in range(data.draw(st.integers(1, 3))):
        word = data.draw(st.sampled_from(words))
        new = data.draw(ODD)
        text = text[: word.start()] + new + text[word.end() :]
        words = list(re.finditer(r"\S+", text))
    read_or_refuse(text.encode())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILES, st.data())
def test_lines_removed_repeated_and_moved(text, data):
    lines = text.split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines.pop(at)
        for _copy in range(data.draw(st.integers(0, 2))):
            lines.insert(data.draw(st.integers(0, len(lines))), line)
    read_or_refuse("\n".join(lines).encode())


@settings(max_examples=100, deadline=None)
@given(FILES, st.integers(0, 1000), st.binary(max_size=20))
def test_cut_off_and_followed_by_anything(text, at, more):
    read_or_refuse(text.encode()[:at] + more)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert read_or_refuse(data) is None
