"""The search for the largest stimulation against following all of a sequence corner by corner."""

import numpy as np
import pytest
from pulseq_text import Writer

from exam_manager.sequences.pulseq_facts import nerves
from exam_manager.sequences.pulseq_facts.fading import CHRONAXIE_S
from exam_manager.sequences.pulseq_facts.gradients import BlockGradients
from exam_manager.sequences.pulseq_file import read_pulseq

GAMMA = 42.576e6
STEP_S = 2e-6


def random_sequence(seed):
    """Blocks of few kinds in any order; some waves end high, so that the next block jumps."""
    rng = np.random.default_rng(seed)
    writer = Writer()
    kinds = [(0, 0, 0)]
    for _ in range(5):
        heights = rng.uniform(-1e6, 1e6, 3)
        rise = int(rng.integers(5, 40))
        kinds.append(tuple(writer.trapezoid(height, 30, rise) for height in heights))
    for _ in range(3):
        wave = np.cumsum(rng.normal(size=60)) * 5e4
        kinds.append((writer.wave(wave), 0, writer.wave(wave[::-1].copy())))
    for kind in rng.integers(0, len(kinds), 300).tolist():
        writer.block(int(rng.choice([110, 150, 400])), g=kinds[kind])
    return read_pulseq(writer.bytes())


def plain(file, gradients):
    """Return the filtered slew of the whole sequence on a raster, by convolution."""
    corners = gradients.corners(np.arange(len(file.blocks)))
    counts = np.diff(np.append(corners.begin, corners.time_s.size))
    time_s = corners.time_s + np.repeat(file.blocks.start_s, counts)
    grid = np.arange(0, file.duration_s, STEP_S)
    wave = np.stack([np.interp(grid, time_s, corners.value[:, axis]) for axis in range(3)]) / GAMMA
    after = np.arange(grid.size) * STEP_S
    weight = CHRONAXIE_S / (CHRONAXIE_S + after)
    kernel = (weight - CHRONAXIE_S / (CHRONAXIE_S + after + STEP_S)) / STEP_S
    size = 2 * grid.size
    spectrum = np.fft.rfft(kernel, size)
    rises = np.diff(wave, axis=1, append=wave[:, -1:])
    return np.fft.irfft(np.fft.rfft(rises, size) * spectrum, size)[:, : grid.size]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_the_largest_value_is_found_wherever_it_is(seed):
    file = random_sequence(seed)
    gradients = BlockGradients(file)
    found = nerves.estimate_stimulation(gradients, file.blocks.start_s, GAMMA)
    expected = plain(file, gradients)
    assert found.complete
    assert found.filtered_slew[:3] == pytest.approx(np.abs(expected).max(axis=1), rel=0.01)
    vector = np.sqrt((expected**2).sum(axis=0))
    assert found.filtered_slew[3] == pytest.approx(vector.max(), rel=0.01)
    assert found.time_s == pytest.approx(np.argmax(vector) * STEP_S, abs=2 * STEP_S)
    scale = 100 * nerves.COIL_LENGTH_M / nerves.RHEOBASE_T_PER_S
    assert found.percent == pytest.approx(scale * found.filtered_slew[3])


def test_what_is_too_much_is_left_out_and_said(monkeypatch):
    file = random_sequence(0)
    gradients = BlockGradients(file)
    whole = nerves.estimate_stimulation(gradients, file.blocks.start_s, GAMMA)
    monkeypatch.setattr(nerves, "MAX_POINTS", 300)
    some = nerves.estimate_stimulation(gradients, file.blocks.start_s, GAMMA)
    assert some.analysed_s < whole.analysed_s
    assert some.percent <= whole.percent
    monkeypatch.setattr(nerves, "MAX_POINTS", 0)
    none = nerves.estimate_stimulation(gradients, file.blocks.start_s, GAMMA)
    assert (none.analysed_s, none.complete) == (0, False)
