"""Trajectory, matrix and field of view of files whose truth is known."""

import os
from pathlib import Path

import numpy as np
import pytest
from pulseq_text import RASTER, Writer, gradient_echo

from exam_manager.sequences.pulseq import read_facts

SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
ANY_TURN = (0.8, 0.36, 0.48, 0.0)
"""73.7 degrees about an axis in the plane: all three gradients play at once."""


def test_without_definitions_the_field_of_view_is_that_of_k_space():
    facts = read_facts(gradient_echo(range(-16, 16)).bytes())
    assert (facts.trajectory, facts.alternating_readouts) == ("cartesian", False)
    assert facts.matrix == [64, 32, 1]
    assert facts.field_of_view_m == pytest.approx([0.2, 0.1])
    assert facts.field_of_view_source == "k-space"
    assert facts.echo_time_s == pytest.approx((50 + 120 + 10 + 32.5) * RASTER, abs=1e-6)


def test_definitions_come_first():
    writer = gradient_echo(range(-16, 16), writer=Writer("FOV 0.1 0.1 0.005\n"))
    facts = read_facts(writer.bytes())
    assert facts.field_of_view_m == [0.1, 0.1, 0.005]
    assert facts.field_of_view_source == "definitions"
    assert facts.matrix == [32, 32, 1]  # the readout is sampled twice as densely


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (2, 1), (1, 2)])
def test_lines_may_lie_along_any_axes(axes):
    facts = read_facts(gradient_echo(range(-16, 16), axes=axes).bytes())
    assert (facts.matrix, facts.field_of_view_m) == ([64, 32, 1], pytest.approx([0.2, 0.1]))


def test_an_oblique_slice_has_its_matrix_along_its_own_axes():
    facts = read_facts(gradient_echo(range(-16, 16), turn=ANY_TURN).bytes())
    assert facts.trajectory == "cartesian"
    assert facts.matrix == [64, 32, 1]
    assert facts.field_of_view_m == pytest.approx([0.2, 0.1])
    assert any("oblique" in note for note in facts.notes)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (range(-16, 4), 32),  # partial Fourier
        (range(-16, 16, 2), 16),  # every second line: half the field of view
        ([*range(-16, -4, 2), *range(-4, 4), *range(4, 16, 2)], 32),  # with calibration lines
        ([0, 0, 0, 0], 1),
    ],
)
def test_lines_that_are_left_out_count_where_the_step_shows_them(lines, expected):
    assert read_facts(gradient_echo(lines).bytes()).matrix == [64, expected, 1]


def test_partitions_are_the_third_dimension():
    writer = Writer()
    excite, adc, read = writer.pulse(), writer.readout(32, 10_000), writer.trapezoid(5e5, 32)
    for partition in range(-3, 3):
        for line in range(-8, 8):
            before = (writer.area(-5e5 * RASTER * 21.5), writer.area(line * 5))
            writer.block(100, rf=excite)
            writer.block(120, g=(*before, writer.area(partition * 20)))
            writer.block(52, g=(read, 0, 0), adc=adc)
    for turn in ("", "turned"):
        if turn:
            writer.rotation(*ANY_TURN)
            writer.blocks = [f"{block[: block.rindex(' ')]} 1" for block in writer.blocks]
        facts = read_facts(writer.bytes())
        assert sorted(facts.matrix) == [6, 16, 32]
        assert facts.matrix[0] == 32
        assert sorted(facts.field_of_view_m) == pytest.approx([0.05, 0.2, 0.2])


def slices(gradient, offsets, turn=0, writer=None):
    """Excitations at frequency offsets, each with lines of a gradient echo."""
    writer = writer or Writer()
    plain = gradient_echo(range(-8, 8), writer=Writer())
    for offset in offsets:
        number = len(writer.blocks)
        gradient_echo(range(-8, 8), writer=writer, turn=turn or None)
        pulse = writer.pulse(offset_hz=offset)
        for at in range(number, number + len(plain.blocks), 4):
            select = writer.trapezoid(gradient, 80)
            end = writer.blocks[at].split()[-1]
            writer.blocks[at] = f"100 {pulse} 0 0 {select} 0 {end}"
    return writer


def test_slices_are_told_by_frequency_over_gradient():
    facts = read_facts(slices(1e6, [-5000, 0, 5000]).bytes())
    assert (facts.num_slices, facts.matrix) == (3, [64, 16, 3])
    both = slices(1e6, [5000])
    slices(-1e6, [-5000], writer=both)
    assert read_facts(both.bytes()).num_slices == 1


def test_planes_in_other_directions_are_other_slices():
    writer = slices(1e6, [0])
    turned = slices(1e6, [0], turn=(0.5**0.5, 0.5**0.5, 0, 0), writer=writer)
    for at in range(64, len(turned.blocks), 4):
        turned.blocks[at] = f"{turned.blocks[at][:-1]}1"
    facts = read_facts(turned.bytes())
    assert facts.num_slices == 2
    assert facts.trajectory == "cartesian"
    assert any("2 directions" in note for note in facts.notes)
    assert facts.matrix == [64, 16, 2]


def echo_planar(sign=-1, lines=16, samples=32):
    """One shot: lines to and fro (sign -1), or all the same way with a return between."""
    writer = Writer()
    amplitude = 1 / (0.2 * RASTER)
    reads = [writer.trapezoid(amplitude, samples), writer.trapezoid(sign * amplitude, samples)]
    back = writer.area(-amplitude * RASTER * (samples + 10))
    adc, area = writer.readout(samples, 10_000), amplitude * RASTER * (samples / 2 + 5)
    writer.block(100, rf=writer.pulse())
    writer.block(120, g=(writer.area(-area), writer.area(-lines / 2 * 10), 0))
    for line in range(lines):
        writer.block(samples + 20, g=(reads[line % 2], 0, 0), adc=adc)
        writer.block(120, g=(back if sign > 0 else 0, writer.area(10), 0))
    return writer


def test_echo_planar_lines_alternate_or_fly_back():
    alternating, flyback = (read_facts(echo_planar(sign).bytes()) for sign in (-1, 1))
    assert (alternating.trajectory, alternating.alternating_readouts) == ("epi", True)
    assert (flyback.trajectory, flyback.alternating_readouts) == ("epi", False)
    assert alternating.matrix == flyback.matrix == [32, 16, 1]
    assert alternating.field_of_view_m == pytest.approx([0.2, 0.1])


def test_an_echo_train_and_several_echoes_of_one_line_are_no_echo_planar_imaging():
    """Refocused lines, and one line read to and fro."""
    train = echo_planar(1)
    refocus = train.pulse(500, "r")
    train.blocks = [
        block.replace("120 0", f"120 {refocus}", 1) if at > 1 and at % 2 else block
        for at, block in enumerate(train.blocks)
    ]
    assert read_facts(train.bytes()).trajectory == "cartesian"
    echoes = echo_planar()
    echoes.blocks = [block for at, block in enumerate(echoes.blocks) if at < 2 or at % 2 == 0]
    facts = read_facts(echoes.bytes())
    assert (facts.trajectory, facts.alternating_readouts) == ("cartesian", True)
    assert len(facts.echo_times_s) == 16


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("stack", [1, 4])
def test_spokes_are_radial(half, stack):
    writer = Writer()
    adc, excite = writer.readout(64, 10_000, 0 if half else 100), writer.pulse()
    for angle in np.linspace(0, np.pi, 12, endpoint=False):
        for place in range(stack):
            way = np.array([np.cos(angle), np.sin(angle)])
            read = [writer.trapezoid(4e5 * part, 64) for part in way]
            before = [writer.area(-4e5 * RASTER * 42 * part * (not half)) for part in way]
            writer.block(100, rf=excite)
            writer.block(120, g=(*before, writer.area(place * 10)))
            writer.block(84, g=(*read, 0), adc=adc)
    facts = read_facts(writer.bytes())
    assert (facts.trajectory, facts.matrix) == ("radial", None)
    assert any("no grid" in note for note in facts.notes)


def path(k):
    """Return the gradients [Hz/m] on the raster that go along k [1/m] from 0."""
    return np.diff(k, append=k[-1]) / RASTER


def wavy(kx, ky, interleaves=8):
    writer = Writer()
    adc, excite = writer.readout(len(kx) - 2, 10_000, 10), writer.pulse()
    for angle in np.arange(interleaves) * 2 * np.pi / interleaves:
        turned = kx * np.cos(angle) - ky * np.sin(angle), kx * np.sin(angle) + ky * np.cos(angle)
        writer.block(100, rf=excite)
        writer.block(len(kx), g=(*(writer.wave(path(k)) for k in turned), 0), adc=adc)
    return read_facts(writer.bytes())


def test_arms_that_turn_outwards_are_spirals():
    turn = np.linspace(0, 12 * np.pi, 1000)
    facts = wavy(turn * np.cos(turn), turn * np.sin(turn))
    assert (facts.trajectory, facts.matrix) == ("spiral", None)
    assert facts.echo_time_s == pytest.approx(50 * RASTER + 15e-6, abs=2e-5)


def test_what_is_neither_is_called_other():
    turn = np.linspace(0, 4 * np.pi, 1000)
    facts = wavy(100 * np.sin(2 * turn), 100 * np.sin(3 * turn))
    assert facts.trajectory == "other"
    assert any("no spirals" in note for note in facts.notes)


def test_a_readout_without_gradients_has_no_trajectory():
    writer = Writer()
    for _ in range(3):
        writer.block(100, rf=writer.pulse())
        writer.block(100, adc=writer.readout(64, 10_000))
    facts = read_facts(writer.bytes())
    assert (facts.trajectory, facts.matrix, facts.field_of_view_m) == (None, None, None)
    assert any("there is no trajectory" in note for note in facts.notes)


@pytest.mark.parametrize(
    ("name", "kind", "matrix"),
    [
        ("write_gre.seq", "cartesian", [64, 64, 1]),
        ("write_gre_label.seq", "cartesian", [64, 64, 1]),
        ("write_epi.seq", "epi", [64, 64, 3]),
        ("simple_mprage141.seq", "cartesian", [32, 32, 3]),
    ],
)
def test_samples_say_the_same_without_their_definition(name, kind, matrix):
    if not (SAMPLES / name).exists():
        pytest.skip(f"no {name} in {SAMPLES}; set SCANHUB_SAMPLES")
    data = (SAMPLES / name).read_bytes()
    told, worked_out = read_facts(data), read_facts(data.replace(b"\nFOV ", b"\nView "))
    assert told.trajectory == worked_out.trajectory == kind
    assert told.matrix == worked_out.matrix == matrix
    assert worked_out.field_of_view_m[:2] == pytest.approx(told.field_of_view_m[:2], rel=0.01)
