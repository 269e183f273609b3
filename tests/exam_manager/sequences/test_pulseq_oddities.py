"""Files that are odd but right are read; those that are wrong are refused with their line."""

import hashlib

import numpy as np
import pytest

from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.pulseq_file import (
    Label,
    PulseqTextError,
    RfShim,
    Rotation,
    SoftDelay,
    Trigger,
    read_pulseq,
)

HEAD = (
    "[VERSION]\nmajor 1\nminor 5\nrevision 1\n\n[DEFINITIONS]\nAdcRasterTime 1e-07\n"
    "BlockDurationRaster 1e-05\nGradientRasterTime 1e-05\nRadiofrequencyRasterTime 1e-06\n\n"
)
EXTENDED = (
    HEAD
    + "[BLOCKS]\n1 200 1 0 0 0 0 1\n2 324 0 1 2 0 1 4\n3 500 0 0 0 0 0 6\n\n"
    + "[RF]\n1 250 1 2 3 500 100 0 0 0 0 e\n\n[GRADIENTS]\n2 1000 0 0 4 5 0\n\n"
    + "[TRAP]\n1 100000 100 3000 100 0\n\n[ADC]\n1 64 5000 100 0 0 0 0 0\n\n"
    + "[EXTENSIONS]\n1 5 1 0\n2 1 1 0\n3 2 1 2\n4 3 1 3\n5 4 1 0\n6 6 1 5\n\n"
    + "extension LABELSET 1\n1 3 LIN\n\nextension LABELINC 2\n1 -1 SLC\n\n"
    + "extension TRIGGERS 3\n1 1 2 500 2000\n\nextension DELAYS 4\n1 0 100 2 TE\n\n"
    + "extension RF_SHIMS 5\n1 2 1 0 0.5 3.14\n\n"
    + "extension ROTATIONS 6\n1 0.7071067811865476 0 0 0.7071067811865476\n\n"
    + "[SHAPES]\n\nshape_id 1\nnum_samples 2\n1\n1\n\nshape_id 2\nnum_samples 2\n0\n0\n\n"
    + "shape_id 3\nnum_samples 2\n0\n1000\n\nshape_id 4\nnum_samples 3\n0\n1\n0\n\n"
    + "shape_id 5\nnum_samples 3\n0\n10\n30\n\n"
)


def same(one, other):
    left, right = (
        read_facts(data).model_dump(exclude={"signature", "definitions"}) for data in (one, other)
    )
    return left == right


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", " \t\n"),
        lambda text: "\n".join(f"  {line}" for line in text.split("\n")),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n" * 1000,
        lambda text: text.replace("[RF]", f"# {'x' * 10**6}\n[RF]"),
        lambda text: text.replace("\n\n", "\n# [BLOCKS]\n#\n"),
        lambda text: text.replace(" 200 ", "\t200   "),
        lambda text: text.replace(" 100000 ", " +1.0E+5 ").replace(" 3000 ", " 3e3 "),
        lambda text: text.replace("1 64 5000", "1 64 5000.000000"),
        lambda text: text.replace("revision 1", "revision 1post2"),
    ],
    ids=[
        *("crlf", "cr", "trailing", "indented", "bom", "unended", "ended", "comment", "comments"),
        *("tabs", "floats", "decimals", "post"),
    ],
)
def test_the_way_of_writing_does_not_matter(write):
    assert same(write(EXTENDED).encode(), EXTENDED.encode())


def test_every_extension_is_read_in_the_order_it_takes_effect():
    file = read_pulseq(EXTENDED.encode())
    assert file.extensions(1) == (RfShim((1, 0.5), (0, 3.14)),)
    assert file.extensions(4) == (
        Label("LIN", 3, increase=False),
        Label("SLC", -1, increase=True),
        Trigger(1, 2, 500e-6, 2000e-6),
    )
    delay, turn = file.extensions(6)
    assert isinstance(delay, SoftDelay)
    assert (delay.number, delay.factor, delay.hint) == (0, 2, "TE")
    assert delay.offset_s == pytest.approx(100e-6)
    assert isinstance(turn, Rotation)
    np.testing.assert_allclose(turn.matrix() @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_gradients_with_times_of_their_own_are_read():
    gradient = read_pulseq(EXTENDED.encode()).gradients[2]
    assert gradient.kind == "extended"
    np.testing.assert_allclose(gradient.time_s, [0, 1e-4, 3e-4])
    np.testing.assert_allclose(gradient.amplitude_hz_per_m, [0, 1000, 0])


def signed(text, checksum=None):
    checksum = checksum or hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return f"{text}\n[SIGNATURE]\n# signed\nType md5\nHash {checksum}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EXTENDED, "absent"),
        (signed(EXTENDED), "ok"),
        (signed(EXTENDED).replace("\n", "\r\n"), "ok"),
        ("\ufeff" + signed(EXTENDED), "ok"),
        (signed(EXTENDED, "0" * 32), "mismatch"),
        (signed(EXTENDED).replace("250 1 2 3", "251 1 2 3"), "mismatch"),
        (signed(EXTENDED).replace("md5", "sha512"), "unknown"),
        (signed(EXTENDED).replace("Hash ", "Hush "), "unknown"),
        (EXTENDED + "\n[SIGNATURE]\n", "unknown"),
    ],
    ids=["absent", "right", "windows", "bom", "wrong", "edited", "sha512", "hashless", "empty"],
)
def test_a_signature_is_told_and_nothing_is_refused_for_it(text, expected):
    assert read_facts(text.encode()).signature == expected


@pytest.mark.parametrize(
    ("old", "new", "section", "message"),
    [
        ("2 324 0 1", "1 324 0 1", "[BLOCKS]", "block 1 is defined twice"),
        ("[TRAP]\n1 100000", "[TRAP]\n2 100000", "[TRAP]", "gradient 2 is defined twice"),
        ("2 1 1 0\n", "1 1 1 0\n", "[EXTENSIONS]", "extension 1 is defined twice"),
        ("3 2 1 2\n", "3 2 1 4\n", "[EXTENSIONS]", "has no end"),
        ("5 4 1 0\n", "5 9 1 0\n", "[EXTENSIONS]", "type 9"),
        ("5 4 1 0\n", "5 4 7 0\n", "[EXTENSIONS]", "entry 7 of type 4"),
        ("1 3 LIN", "1 3 LINE", "extension LABELSET", "no label"),
        ("1 3 LIN", "1 3.5 LIN", "extension LABELSET", "not a whole number"),
        ("1 0 100 2 TE", "1 0 100 0 TE", "extension DELAYS", "factor"),
        ("1 2 1 0 0.5 3.14", "1 9 1 0 0.5 3.14", "extension RF_SHIMS", "20 columns"),
        ("1 0.7071067811865476", "1 0.9", "extension ROTATIONS", "length"),
        ("extension LABELINC 2", "extension LABELINC 1", "extension LABELINC", "defined twice"),
        ("extension LABELINC 2", "extension LABELINC", "extension LABELINC", "3 columns"),
        ("shape_id 2", "shape_id 1", "[SHAPES]", "shape 1 is defined twice"),
        ("num_samples 3\n0\n10\n30", "num_samples 3\n0\n10\n10", "[GRADIENTS]", "do not increase"),
        ("num_samples 3\n0\n10\n30", "num_samples 2\n0\n10", "[GRADIENTS]", "3 and 2 samples"),
        ("1 250 1 2 3", "1 1e400 1 2 3", "[RF]", "finite"),
        ("1 250 1 2 3", "1 0x10 1 2 3", "[RF]", "not a number"),
        ("1 250 1 2 3", "1 2_5 1 2 3", "[RF]", "not a number"),
        ("1 250 1 2 3", "1 nan 1 2 3", "[RF]", "finite"),
        ("1 64 5000", "1 64.5 5000", "[ADC]", "not a whole number"),
        ("1 64 5000", "1 9223372036854775808 5000", "[ADC]", "too large"),
        ("2 324 0 1", "2 -324 0 1", "[BLOCKS]", "not a whole number"),
        ("2 324 0 1", "2 99999999999999999999 0 1", "[BLOCKS]", "too large"),
        ("GradientRasterTime 1e-05", "GradientRasterTime 10 us", "[DEFINITIONS]", "in seconds"),
        ("GradientRasterTime 1e-05", "GradientRasterTime 0", "[DEFINITIONS]", "in seconds"),
        ("GradientRasterTime 1e-05", "GradientRasterTime 10", "[DEFINITIONS]", "in seconds"),
    ],
)
def test_what_is_wrong_is_refused_with_section_and_line(old, new, section, message):
    assert EXTENDED.count(old) >= 1
    broken = EXTENDED.replace(old, new, 1)
    with pytest.raises(PulseqTextError) as caught:
        read_pulseq(broken.encode())
    assert caught.value.section == section
    assert message in caught.value.message
    line = broken.split("\n")[caught.value.line - 1]
    assert line, caught.value
    assert caught.value.remedy


def test_soft_delays_are_noted_as_they_change_the_times():
    assert any("soft delay" in note for note in read_facts(EXTENDED.encode()).notes)
