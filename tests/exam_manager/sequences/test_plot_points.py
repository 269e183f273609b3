"""What is drawn of a channel, against all of its vertices written down."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_manager.sequences.plot.channel import FEWEST_POINTS
from exam_manager.sequences.plot.extremes import find_smallest, smallest_tree
from exam_manager.sequences.plot.tables import Budget, ChannelTables, TooManyVerticesError

heights = st.floats(-100, 100, width=32)
factors = st.sampled_from([1.0, -1.0, 0.0, 2.5, -0.25])
steps = st.sampled_from([0.0, 1e-6, 1e-5, 1e-3])


@st.composite
def channels(draw):
    """A channel, and the times and values of all its vertices, one by one."""
    tables, events = ChannelTables(Budget()), []
    for number in range(draw(st.integers(1, 4))):
        value = np.array(draw(st.lists(heights, min_size=1, max_size=90)))
        time_s = draw(steps) + np.cumsum(
            draw(st.lists(steps, min_size=value.size, max_size=value.size))
        )
        factor, offset = draw(factors), draw(st.sampled_from([0.0, 1.5]))
        row = tables.event(number, time_s, value, factor, offset)
        events.append((row, time_s, factor * np.float64(np.float32(value)) + offset))
    played = draw(st.lists(st.integers(0, len(events) - 1), max_size=60))
    gaps = draw(st.lists(steps, min_size=len(played), max_size=len(played)))
    starts, times, values, now = [], [np.zeros(0)], [np.zeros(0)], 0.0
    for number, gap in zip(played, gaps, strict=True):
        starts.append(now := now + gap)
        times.append(now + events[number][1])
        values.append(events[number][2])
        now = times[-1][-1]
    rows = np.array([events[number][0] for number in played], np.int64)
    channel = tables.finish(rows, np.array(starts))
    return channel, np.concatenate(times), np.concatenate(values).astype(np.float32)


@st.composite
def windows(draw):
    """A channel with its vertices, and a window that may begin and end at a vertex."""
    channel, times, values = draw(channels())
    ends = st.floats(-0.01, 0.2)
    if times.size:
        ends |= st.sampled_from(times.tolist())
    begin_s, end_s = sorted([draw(ends), draw(ends)])
    return channel, times, values, begin_s, end_s


@settings(deadline=None, max_examples=200)
@given(windows())
def test_a_window_with_few_vertices_is_all_of_them(window):
    channel, times, values, begin_s, end_s = window
    points = channel.points(begin_s, end_s, 10**6)
    inside = (times >= begin_s) & (times <= end_s)
    shown = (points.time_s >= begin_s) & (points.time_s <= end_s)
    assert points.exact
    assert points.num_vertices == inside.sum()
    assert points.time_s[shown].tolist() == times[inside].tolist()
    assert points.value[shown].tolist() == values[inside].tolist()
    assert np.count_nonzero(points.time_s < begin_s) <= 1
    assert np.count_nonzero(points.time_s > end_s) <= 1


@settings(deadline=None, max_examples=300)
@given(windows(), st.integers(FEWEST_POINTS, 60))
def test_no_extreme_of_a_window_is_lost_and_nothing_is_made_up(window, most):
    channel, times, values, begin_s, end_s = window
    points = channel.points(begin_s, end_s, most)
    assert points.time_s.size <= most
    assert bool(np.all(np.diff(points.time_s) >= 0))
    stored = set(zip(times.tolist(), values.tolist(), strict=True))
    assert set(zip(points.time_s.tolist(), points.value.tolist(), strict=True)) <= stored
    inside = (times >= begin_s) & (times <= end_s)
    shown = (points.time_s >= begin_s) & (points.time_s <= end_s)
    assert shown.any() == inside.any()
    if inside.any():
        assert points.value[shown].min() == values[inside].min()
        assert points.value[shown].max() == values[inside].max()


@settings(deadline=None, max_examples=200)
@given(windows(), st.integers(FEWEST_POINTS, 60))
def test_each_bin_of_time_keeps_its_extremes(window, most):
    channel, times, values, begin_s, end_s = window
    points = channel.points(begin_s, end_s, most)
    if points.exact:
        return
    inside = (times >= begin_s) & (times <= end_s)
    times, values = times[inside], values[inside]
    borders = np.linspace(times[0], times[-1], (most - 2) // 4 + 1)
    for first, last in pairwise(borders):
        whole = (times >= first) & ((times < last) | (last == borders[-1]))
        shown = (points.time_s >= first) & ((points.time_s < last) | (last == borders[-1]))
        shown &= (points.time_s >= begin_s) & (points.time_s <= end_s)
        assert shown.any() == whole.any()
        if whole.any():
            assert points.value[shown].min() == values[whole].min()
            assert points.value[shown].max() == values[whole].max()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=400), st.data())
def test_the_tree_finds_what_a_search_finds(numbers, data):
    values = np.array(numbers, dtype=np.float32)
    first = data.draw(st.integers(0, values.size - 1))
    last = data.draw(st.integers(first + 1, values.size))
    tree = smallest_tree(values)
    (found,) = find_smallest(
        lambda at: values[at], tree, np.array([first]), np.array([last])
    ).tolist()
    assert first <= found < last
    assert values[found] == values[first:last].min()


def test_lines_break_where_nothing_is_played():
    tables = ChannelTables(Budget())
    row = tables.event(1, np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    channel = tables.finish(np.full(4, row), np.array([0.0, 1.0, 3.0, 4.0]))
    assert channel.points(0, 10, 100).strokes.tolist() == [0, 4]
    assert channel.points(20, 30, 100).strokes.tolist() == []


def test_a_channel_that_plays_nothing_has_no_points():
    channel = ChannelTables(Budget()).finish(np.zeros(0, np.int64), np.zeros(0))
    points = channel.points(0, 1, 100)
    assert (points.time_s.size, points.num_vertices, points.exact) == (0, 0, True)


def test_a_wave_that_repeats_is_kept_once():
    tables = ChannelTables(Budget(100))
    time_s, value = np.arange(100.0), np.sin(np.arange(100.0))
    rows = [tables.event(number, time_s, value, factor=number) for number in range(1000)]
    channel = tables.finish(np.array(rows), np.arange(1000) * 100.0)
    assert channel.wave_value.size == 100
    assert channel.points(0, 1e6, 16).num_vertices == 100_000
    with pytest.raises(TooManyVerticesError):
        tables.event("other", time_s, value + 1)
