"""Plots of a sequence over HTTP."""

import asyncio
import struct

import numpy as np
import pytest

from exam_manager.sequences.plot.plotter import Plotter

EXAM = "/api/v1/exam"
MT_PER_HZ = 1e3 / 42.576e6
CHANNELS = ["rf_magnitude", "rf_phase", "gx", "gy", "gz", "adc"]


async def plot(platform, made, expect=200, **params):
    url = f"{EXAM}/sequence/{made['_id']}/plot"
    while (answer := await platform.call("GET", url, params=params)).status_code == 503:
        await asyncio.sleep(0.05)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def begun(platform, made):
    """Wait until the plot that an upload began is made."""
    while platform.app.state.plotter.busy:
        await asyncio.sleep(0.01)
    return f"sequences/{made['_id']}.plot.bin"


async def test_a_trapezoid_is_drawn_with_four_points(platform, upload):
    drawn = await plot(platform, await upload(platform))
    assert drawn["duration_s"] == pytest.approx(0.00424)
    assert drawn["num_blocks"] == 2
    assert drawn["block_start_s"] == pytest.approx([0, 0.001])
    channels = {channel["name"]: channel for channel in drawn["channels"]}
    assert list(channels) == CHANNELS
    assert all(channel["exact"] for channel in channels.values())
    gx = channels["gx"]
    assert gx["unit"] == "mT/m"
    assert gx["time_s"] == pytest.approx([0.001, 0.0011, 0.0041, 0.0042])
    assert gx["value"] == pytest.approx(np.array([0, 1e5, 1e5, 0]) * MT_PER_HZ)
    assert gx["strokes"] == [0]
    assert channels["rf_magnitude"]["value"] == [250, 250]
    assert channels["rf_magnitude"]["unit"] == "Hz"
    assert channels["adc"]["time_s"] == pytest.approx([0.0011, 0.00142])
    assert channels["adc"]["value"] == [1, 1]
    assert channels["gy"]["time_s"] == []


async def test_a_window_inside_of_an_event_has_its_neighbours(platform, upload):
    drawn = await plot(
        platform, await upload(platform), begin_s=0.002, end_s=0.003, channels=["gx", "adc"]
    )
    gx, adc = drawn["channels"]
    assert gx["time_s"] == pytest.approx([0.0011, 0.0041])
    assert (gx["num_vertices"], gx["exact"]) == (0, True)
    assert adc["time_s"] == []


async def test_the_binary_form_says_the_same(platform, upload):
    made = await upload(platform)
    drawn = await plot(platform, made)
    url = f"{EXAM}/sequence/{made['_id']}/plot"
    by_accept = {**platform.medical, "Accept": "application/octet-stream"}
    answer = await platform.call("GET", url, headers=by_accept, expect=200)
    asked = await platform.call("GET", url, params={"format": "binary"}, expect=200)
    assert asked.content == answer.content
    data = answer.content
    magic, version, count, *times, blocks, starts, zero = struct.unpack_from("<4sHHdddQII", data)
    assert (magic, version, count, zero) == (b"SHSP", 1, 6, 0)
    assert times == [drawn["begin_s"], drawn["end_s"], drawn["duration_s"]]
    assert blocks == drawn["num_blocks"]
    at = 48 + 48 * count
    assert list(np.frombuffer(data, "<f8", starts, at)) == pytest.approx(drawn["block_start_s"])
    at += 8 * starts
    for number, expected in enumerate(drawn["channels"]):
        fields = struct.unpack_from("<16s8sIIIIQ", data, 48 + 48 * number)
        name, unit, exact, points, strokes, _zero, vertices = fields
        assert name.rstrip(b"\0").decode() == expected["name"]
        assert unit.rstrip(b"\0").decode() == expected["unit"]
        assert (bool(exact), vertices) == (expected["exact"], expected["num_vertices"])
        assert at % 8 == 0
        assert np.frombuffer(data, "<f8", points, at).tolist() == pytest.approx(expected["time_s"])
        at += 8 * points
        assert np.frombuffer(data, "<f4", points, at).tolist() == pytest.approx(expected["value"])
        at += -(-4 * points // 8) * 8
        assert np.frombuffer(data, "<u4", strokes, at).tolist() == expected["strokes"]
        at += -(-4 * strokes // 8) * 8
    assert at == len(data)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"begin_s": 0.003, "end_s": 0.002}, "end_s"),
        ({"begin_s": 0.003, "end_s": 0.003}, "end_s"),
        ({"begin_s": 5}, "begin_s"),
        ({"begin_s": -1}, "begin_s"),
        ({"end_s": "nan"}, "end_s"),
        ({"begin_s": "inf"}, "begin_s"),
        ({"begin_s": "soon"}, "begin_s"),
        ({"max_points": 3}, "max_points"),
        ({"max_points": 10**9}, "max_points"),
        ({"max_points": 20_001}, "max_points"),
        ({"channels": "b0"}, "channels"),
        ({"format": "png"}, "format"),
    ],
)
async def test_a_bad_window_is_refused_by_its_field(platform, upload, params, field):
    problem = await plot(platform, await upload(platform), expect=422, **params)
    assert field in problem["detail"]


async def test_a_plot_of_no_sequence_is_not_found(platform):
    await plot(platform, {"_id": "absent"}, expect=404)
    await platform.call("GET", f"{EXAM}/sequence/absent/blocks", expect=404)


async def test_the_blocks_tell_what_is_played(platform, upload, small):
    labelled = small.replace("1 100 1 0 0 0 0 0", "1 100 1 0 0 0 0 1").replace(
        "[SHAPES]", "[EXTENSIONS]\n1 1 1 0\nextension LABELSET 1\n1 7 LIN\n\n[SHAPES]"
    )
    url = f"{EXAM}/sequence/{(await upload(platform, labelled))['_id']}/blocks"
    first, second = (await platform.call("GET", url, expect=200)).json()
    assert (first["index"], first["number"], first["start_s"]) == (0, 1, 0)
    assert first["rf"]["amplitude_hz"] == 250
    assert first["rf"]["use"] == "e"
    assert (first["gx"], first["adc"]) == (None, None)
    assert first["extensions"] == [{"kind": "Label", "name": "LIN", "value": 7, "increase": False}]
    assert second["duration_s"] == pytest.approx(0.00324)
    assert second["gx"]["kind"] == "trapezoid"
    assert second["gx"]["amplitude"] == pytest.approx(1e5 * MT_PER_HZ)
    assert (second["adc"]["num_samples"], second["adc"]["dwell_s"]) == (64, pytest.approx(5e-6))
    later = await platform.call("GET", url, params={"begin_s": 0.002}, expect=200)
    assert [block["index"] for block in later.json()] == [1]
    page = await platform.call("GET", url, params={"limit": 1}, expect=200)
    assert [block["index"] for block in page.json()] == [0]
    rest = await platform.call("GET", page.links["next"]["url"], expect=200)
    assert [block["index"] for block in rest.json()] == [1]
    assert "next" not in rest.links


@pytest.mark.long
async def test_a_file_for_plots_that_is_cut_off_or_old_is_made_anew(platform, upload):
    made = await upload(platform)
    key = await begun(platform, made)
    drawn = await plot(platform, made)
    whole = await platform.lake.read(key)
    for broken in (b"", whole[:5], whole[:200], whole[:-1000], b"SHPLOT\x00\x00" + whole[8:]):
        await platform.lake.put(key, broken)
        assert await plot(platform, made) == drawn
        assert await platform.lake.read(key) == whole


async def test_a_deleted_sequence_leaves_no_file(platform, upload):
    made = await upload(platform)
    await plot(platform, made)
    await platform.call("DELETE", f"{EXAM}/sequence/{made['_id']}", expect=202)
    assert list(platform.lake.folder("sequences").iterdir()) == []


async def test_what_cannot_be_plotted_says_why(platform, upload):
    made = await upload(platform)
    await platform.lake.delete(await begun(platform, made))
    await platform.lake.put(f"sequences/{made['_id']}.seq", b"no sequence\n")
    for _ in range(2):
        problem = await plot(platform, made, expect=422)
        assert "cannot be plotted" in problem["detail"]
        assert "line 1" in problem["detail"]


async def test_a_plot_is_made_right_after_the_upload(platform, upload):
    made = await upload(platform)
    key = await begun(platform, made)
    assert platform.lake.exists(key)


async def test_a_plot_that_is_not_ready_is_asked_for_again(platform, upload):
    made = await upload(platform)
    await platform.lake.delete(await begun(platform, made))
    platform.app.state.plotter = Plotter(platform.lake, 60, patience_seconds=0)
    url = f"{EXAM}/sequence/{made['_id']}/plot"
    early = await platform.call("GET", url, expect=503)
    assert early.json()["type"] == "/problems/unavailable"
    assert int(early.headers["retry-after"]) > 0
    blocks = await platform.call("GET", f"{EXAM}/sequence/{made['_id']}/blocks", expect=503)
    assert "ask again" in blocks.json()["detail"]
    assert (await plot(platform, made))["num_blocks"] == 2


async def test_a_sequence_that_is_deleted_while_it_is_plotted_leaves_no_file(platform, upload):
    made = await upload(platform)
    assert platform.app.state.plotter.busy
    await platform.call("DELETE", f"{EXAM}/sequence/{made['_id']}", expect=202)
    assert not platform.app.state.plotter.busy
    assert list(platform.lake.folder("sequences").iterdir()) == []
