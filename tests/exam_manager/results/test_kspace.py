import io

import numpy as np
import pytest
from mrd_files import header, noise, readout, write
from PIL import Image

EXAM = "/api/v1/exam"


@pytest.fixture
def look(platform, store, tmp_path):
    """Return a function that stores readouts and returns their k-space as an image."""

    async def store_and_look(rows, query="", expect=200, xml=None):
        _, place = await store({"data.mrd": write(tmp_path / "k.mrd", rows, xml)})
        url = f"{EXAM}/mrd/{place}/kspace?format=raw&{query}"
        return await platform.call("GET", url, expect=expect)

    return store_and_look


def magnitude(answer):
    magic, version, kind, rows, columns = np.frombuffer(
        answer.content, np.dtype("<u4, <u2, <u2, <u4, <u4"), 1
    )[0]
    assert (magic.tobytes(), version, kind) == (b"KSPC", 1, 1)
    assert answer.headers["X-KSpace-Shape"] == f"{rows},{columns}"
    return np.frombuffer(answer.content, "<f4", offset=16).reshape(rows, columns)


def volume(data):
    """Readouts of data[partition, line, coil, sample], lines in an odd order."""
    partitions, lines, _, samples = data.shape
    return [
        readout(data[p, n], kspace_encode_step_1=n, kspace_encode_step_2=p, centre=samples // 2)
        for p in range(partitions)
        for n in sorted(range(lines), key=lambda n: (n * 7) % 5)
    ]


async def test_readouts_lie_where_their_counters_say(look):
    data = noise(1, 3, 4, 2, 8)
    rows = volume(data)
    answer = await look(rows, "coil=1", xml=header(8, 4, 3))
    assert "partition=1" in answer.headers["X-KSpace-Choice"]
    assert answer.headers["X-KSpace-Readouts"] == "4"
    assert np.allclose(magnitude(answer), np.abs(data[1, :, 1]))
    every = magnitude(await look(rows, "partition=2&coil=rss", xml=header(8, 4, 3)))
    assert np.allclose(every, np.sqrt((np.abs(data[2]) ** 2).sum(1)))


async def test_reversed_lines_are_turned_round(look):
    data = noise(2, 4, 8)
    rows = [
        readout(line[::-1] if n % 2 else line, flags=22 * (n % 2), kspace_encode_step_1=n, centre=4)
        for n, line in enumerate(data)
    ]
    xml = header(8, 4, trajectory="epi")
    assert np.allclose(magnitude(await look(rows, xml=xml)), np.abs(data))


async def test_the_centre_sample_of_a_turned_line_turns_with_it(look):
    line = noise(3, 6)
    rows = [
        readout(line, centre=1, kspace_encode_step_1=0),
        readout(line[::-1], centre=4, flags=22, kspace_encode_step_1=1),
    ]
    shown = magnitude(await look(rows, xml=header(10, 2)))
    assert np.allclose(shown[0], shown[1])
    assert np.allclose(shown[0, 4:10], np.abs(line))
    assert not shown[0, :4].any()


async def test_partial_echoes_lie_with_their_centre_in_the_middle(look):
    line = noise(4, 6)
    shown = magnitude(await look([readout(line, centre=2)], xml=header(8, 3)))
    assert shown.shape == (3, 8)
    assert np.allclose(shown[0, 2:8], np.abs(line))
    assert not shown[0, :2].any()
    assert not shown[1:].any()
    long = noise(5, 20)
    assert magnitude(await look([readout(long, centre=15)], xml=header(8, 3))).shape == (3, 20)


async def test_what_is_no_image_is_left_out_and_repeats_are_averaged(look):
    line, other = noise(6, 8), noise(7, 8)
    rows = [readout(100 * noise(8, 8), flags=flag) for flag in (19, 20, 23, 24, 26, 27, 28, 29)]
    rows += [readout(line), readout(other), readout(noise(9, 8), average=1)]
    answer = await look(rows)
    assert answer.headers["X-KSpace-Readouts"] == "2"
    mean = np.sqrt((np.abs(line) ** 2 + np.abs(other) ** 2) / 2)
    assert np.allclose(magnitude(answer)[0], mean)
    assert np.allclose(magnitude(await look(rows, "average=1"))[0], np.abs(noise(9, 8)))


@pytest.mark.parametrize("name", ["slice", "contrast", "phase", "repetition", "set", "average"])
async def test_each_counter_can_be_chosen(look, name):
    rows = [readout(noise(n, 8), **{name: n}) for n in (2, 5)]
    first = await look(rows)
    assert f"{name}=2" in first.headers["X-KSpace-Choice"]
    assert np.allclose(magnitude(await look(rows, f"{name}=5"))[0], np.abs(noise(5, 8)))
    refused = await look(rows, f"{name}=3", 400)
    assert f"{name}: there is no 3; there is 2, 5" in refused.json()["detail"]
    await look(rows, f"{name}=-1", 422)


@pytest.mark.parametrize(
    ("rows", "xml", "query", "code", "says"),
    [
        ([readout([1, 2])], "<x/>", "", 422, "describes no encoding"),
        ([readout([1, 2])], "<x", "", 422, "cannot be read"),
        ([readout([1, 2])], header(trajectory="spiral"), "", 422, "spiral"),
        ([readout([1, 2], space=1)], header(), "", 422, "no encoding 1"),
        ([readout([1, 2])], header(), "encoding=1", 400, "encoding: there is no 1"),
        ([readout([1, 2], flags=19)], header(), "", 422, "no readouts of an image"),
        ([readout([1, 2])], header(), "coil=1", 400, "no coil 1"),
        ([readout([1, 2])], header(), "coil=best", 422, "coil"),
        ([readout([1, 2])], header(65535, 65535), "", 413, "65535 x 65535"),
        ([readout([1, 2])], header("many"), "", 422, "cannot be read"),
    ],
)
async def test_what_is_no_slice_of_k_space_is_refused(look, *, rows, xml, query, code, says):
    assert says in (await look(rows, query, code, xml)).json()["detail"]


async def test_a_file_without_header_is_refused(look):
    assert "header" in (await look([readout([1, 2])], expect=422, xml="")).json()["detail"]


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (16, 65535)])
async def test_the_picture_is_grey_by_decibels(platform, store, tmp_path, bits, white):
    line = np.array([0, 1000, 100, 10, 1, 0.001, np.nan, np.inf])
    _, place = await store({"data.mrd": write(tmp_path / "a.mrd", [readout(line)])})
    url = f"{EXAM}/mrd/{place}/kspace?bits={bits}&decibels=60"
    answer = await platform.call("GET", url, expect=200)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "no-store"
    picture = np.asarray(Image.open(io.BytesIO(answer.content))).astype(float)
    assert picture.shape == (4, 8)
    shown = picture[0] / white
    assert np.allclose(shown, [0, 1, 2 / 3, 1 / 3, 0, 0, 0, 0], atol=1 / white)
    for wrong in ("bits=12", "decibels=0", "decibels=nan", "format=gif"):
        await platform.call("GET", f"{EXAM}/mrd/{place}/kspace?{wrong}", expect=422)


async def test_a_scan_without_any_signal_is_black(look, platform):
    answer = await look([readout(np.zeros(8))])
    assert not magnitude(answer).any()
    url = str(answer.request.url).replace("format=raw&", "")
    await platform.call("GET", url, expect=200)
