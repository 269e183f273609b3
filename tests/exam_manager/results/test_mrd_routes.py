import struct

import numpy as np
import pytest
from mrd_files import noise, readout, write

EXAM = "/api/v1/exam"


def unpack(packet: bytes):
    """Return version and readouts of a packet, read as the contract describes it."""
    magic, version, count = struct.unpack_from("<IHH", packet)
    assert packet[:4] == b"RMSI"
    assert magic == 0x49534D52
    place, found = 8, []
    for _ in range(count):
        number, coils, kind, samples, size = struct.unpack_from("<IHHII", packet, place)
        place += 16
        assert (kind, size) == (1, 8 * coils * samples)
        values = np.frombuffer(packet, "<f4", size // 4, place)
        place += size
        found.append((number, (values[0::2] + 1j * values[1::2]).reshape(coils, samples)))
    assert place == len(packet)
    return version, found


@pytest.fixture
async def three(store, tmp_path):
    """A file of readouts of different lengths, coils and dwell times."""
    data = [noise(1, 3, 8), noise(2, 3, 5), noise(3, 1, 2)]
    rows = [
        readout(data[0], dwell=2.5, flags=22, centre=4, kspace_encode_step_1=3, slice=2, set=1),
        readout(data[1], dwell=0.4, contrast=1),
        readout(data[2], dwell=50, repetition=65535, average=9, phase=3, segment=4),
    ]
    result, place = await store({"data.mrd": write(tmp_path / "a.mrd", rows)})
    return data, f"{EXAM}/mrd/{place}", result


async def test_meta_tells_every_readout_and_does_not_round_the_dwell_time(platform, three):
    _data, url, result = three
    answer = await platform.call("GET", f"{url}/meta", expect=200)
    meta = answer.json()
    assert (meta["dtype"], meta["total"], meta["filename"]) == ("fc32", 3, "data.mrd")
    assert (meta["result_id"], meta["files"]) == (result["id"], ["data.mrd"])
    found = meta["acquisitions"]
    assert [item["acquisition_id"] for item in found] == [0, 1, 2]
    assert [(item["num_coils"], item["num_samples"]) for item in found] == [(3, 8), (3, 5), (1, 2)]
    exact = [float(np.float32(us)) / 1e6 for us in (2.5, 0.4, 50)]
    assert [item["dwell_time"] for item in found] == exact
    assert exact[0] == 2.5e-6
    assert (found[0]["flags"], found[0]["center_sample"]) == (1 << 21, 4)
    assert found[0]["idx"] == {
        "kspace_encode_step_1": 3, "kspace_encode_step_2": 0, "average": 0, "slice": 2,
        "contrast": 0,
        "phase": 0, "repetition": 0, "set": 1, "segment": 0,
    }  # fmt: skip
    assert found[2]["idx"]["repetition"] == 65535
    page = await platform.call("GET", f"{url}/meta?first=1&count=1", expect=200)
    assert page.json()["acquisitions"] == found[1:2]
    assert (await platform.call("GET", f"{url}/meta?first=9", expect=200)).json()["total"] == 3
    await platform.call("GET", f"{url}/meta?first=-1", expect=422)


async def test_a_readout_without_samples_or_time_is_no_riddle(platform, store, tmp_path):
    rows = [readout(np.zeros((1, 0))), *(readout([1], dwell=t) for t in (0, -1, np.nan, np.inf))]
    _, place = await store({"a.h5": write(tmp_path / "a.h5", rows)})
    url = f"{EXAM}/mrd/{place}"
    found = (await platform.call("GET", f"{url}/meta", expect=200)).json()["acquisitions"]
    assert [(item["acquisition_id"], item["dwell_time"]) for item in found] == [
        (number, 0) for number in (1, 2, 3, 4)
    ]
    refused = await platform.call("GET", f"{url}/data?ids=0-3", expect=422)
    assert "Readout 0 has no samples" in refused.json()["detail"]


async def test_data_are_the_samples_of_the_coil_that_was_asked_for(platform, three):
    data, url, _ = three
    for coil in (0, 2):
        answer = await platform.call("GET", f"{url}/data?ids=0-1&coil_idx={coil}", expect=200)
        version, found = unpack(answer.content)
        assert version == 1
        assert [number for number, _ in found] == [0, 1]
        for number, values in found:
            assert np.array_equal(values, data[number][coil : coil + 1])
    every = await platform.call("GET", f"{url}/data?ids=2,0&coil_idx=all&stride=3", expect=200)
    version, found = unpack(every.content)
    assert version == 2
    assert [number for number, _ in found] == [2, 0]
    assert np.array_equal(found[0][1], data[2][:, ::3])
    assert np.array_equal(found[1][1], data[0][:, ::3])


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("ids=", 400, "ids"),
        ("ids=x", 400, "a-b:step"),
        ("ids=-1", 400, "a-b:step"),
        ("ids=1-", 400, "a-b:step"),
        ("ids=0,,1", 400, "a-b:step"),
        ("ids=2-1", 400, "ends before"),
        ("ids=0-2:0", 400, "step"),
        ("ids=3", 400, "no readout 3"),
        ("ids=0-3000000", 400, "no readout 3000000"),
        ("ids=0-999999999999", 400, "no readout"),
        ("ids=%D9%A3", 400, "a-b:step"),
        ("ids=0&coil_idx=3", 400, "coil_idx"),
        ("ids=0-2&coil_idx=1", 400, "readout 2 has 1 coils"),
        ("ids=0&coil_idx=-1", 422, "coil_idx"),
        ("ids=0&coil_idx=most", 422, "coil_idx"),
        ("ids=0&stride=0", 422, "stride"),
        ("stride=1", 422, "ids"),
        ("ids=0&file=other.mrd", 404, "data.mrd"),
        ("ids=" + ",".join(["0-2"] * 5001), 422, "20000"),
        ("ids=" + ",".join(["0"] * 10_001), 422, "20000"),
    ],
)
async def test_whatever_is_wrong_with_a_request_is_said_before_the_answer(
    platform, three, query, code, says
):
    refused = await platform.call("GET", f"{three[1]}/data?{query}", expect=code)
    assert says in refused.json()["detail"]
    assert refused.headers["Content-Type"] == "application/problem+json"


@pytest.mark.long
async def test_a_packet_counts_in_16_bits_and_is_bounded(platform, store, tmp_path):
    small, large = readout(noise(1, 1, 2)), readout(noise(2, 32, 65535))
    place = (await store({"data.mrd": write(tmp_path / "a.mrd", [small] * 65536)}))[1]
    url = f"{EXAM}/mrd/{place}"
    refused = await platform.call("GET", f"{url}/data?ids=0-65535", expect=400)
    assert "65536 readouts" in refused.json()["detail"]
    whole = await platform.call("GET", f"{url}/data?ids=1-65535", expect=200)
    assert int(whole.headers["Content-Length"]) == len(whole.content) == 8 + 65535 * 32
    assert (
        len((await platform.call("GET", f"{url}/meta", expect=200)).json()["acquisitions"]) == 65536
    )
    place = (await store({"data.mrd": write(tmp_path / "b.mrd", [large] * 2)}))[1]
    url = f"{EXAM}/mrd/{place}"
    ids = ",".join(["0-1"] * 9)
    refused = await platform.call("GET", f"{url}/data?ids={ids}&coil_idx=all", expect=413)
    assert "larger stride" in refused.json()["detail"]
    streamed = await platform.call("GET", f"{url}/data?ids=0,1,0&coil_idx=all&stride=2", expect=200)
    _, found = unpack(streamed.content)
    assert np.array_equal(found[2][1], noise(2, 32, 65535)[:, ::2])


async def test_a_damaged_file_is_refused_with_a_reason(platform, store, tmp_path):
    rows = [readout(noise(n, 2, 64), kspace_encode_step_1=n % 4) for n in range(200)]
    whole = write(tmp_path / "a.mrd", rows).read_bytes()
    lying = readout(noise(1, 2, 64))
    lying["head"]["number_of_samples"] = 63
    lied = write(tmp_path / "b.mrd", [rows[0], lying])
    files = {
        "cut.mrd": whole[: len(whole) // 2],
        "text.mrd": b"no raw data at all",
        "empty.mrd": b"",
        "lying.mrd": lied,
        "none.mrd": write(tmp_path / "c.mrd", []),
    }
    _, place = await store(files)
    url = f"{EXAM}/mrd/{place}"
    for name in ("cut.mrd", "text.mrd", "empty.mrd"):
        for what in ("meta", "data?ids=0-99", "kspace"):
            joint = "&" if "?" in what else "?"
            refused = await platform.call("GET", f"{url}/{what}{joint}file={name}", expect=422)
            assert name in refused.json()["detail"]
            assert str(platform.lake.root) not in refused.text
    refused = await platform.call("GET", f"{url}/data?ids=0,1&file=lying.mrd", expect=422)
    assert "readout 1 states 2 coils with 63 samples" in refused.json()["detail"]
    meta = (await platform.call("GET", f"{url}/meta?file=none.mrd", expect=200)).json()
    assert (meta["total"], meta["acquisitions"]) == (0, [])
    await platform.call("GET", f"{url}/data?ids=0&file=none.mrd", expect=400)
    await platform.call("GET", f"{url}/kspace?file=none.mrd", expect=422)


@pytest.mark.parametrize("seed", range(12))
async def test_no_flipped_byte_makes_a_server_error(platform, store, tmp_path, seed):
    random = np.random.default_rng(seed)
    rows = [readout(noise(n, 2, 16), kspace_encode_step_1=n) for n in range(4)]
    broken = bytearray(write(tmp_path / "a.mrd", rows).read_bytes())
    for place in random.integers(0, len(broken), 30 if seed % 2 else 200):
        broken[place] = random.integers(0, 256)
    _, place = await store({"data.mrd": bytes(broken)})
    for what in ("meta", "data?ids=0-3", "kspace?format=raw"):
        answer = await platform.call("GET", f"{EXAM}/mrd/{place}/{what}")
        assert answer.status_code in {200, 400, 413, 422}, answer.text


async def test_the_file_itself_can_be_downloaded_in_ranges(platform, store, tmp_path):
    path = write(tmp_path / "a.mrd", [readout(noise(1, 1, 8))])
    _result, place = await store({"notes.txt": b"x", "scan-7.mrd": path, "later.h5": b"0123456789"})
    url = f"{EXAM}/mrd/{place}/download"
    whole = await platform.call("GET", url, expect=200)
    assert whole.content == path.read_bytes()
    assert 'filename="scan-7.mrd"' in whole.headers["Content-Disposition"]
    headers = {**platform.medical, "Range": "bytes=2-4"}
    part = await platform.call("GET", f"{url}?file=later.h5", headers=headers, expect=206)
    assert part.content == b"234"
    assert (await platform.call("GET", f"{EXAM}/mrd/{place}/meta", expect=200)).json()["files"] == [
        "scan-7.mrd",
        "later.h5",
    ]
    await platform.call("GET", f"{url}?file=notes.txt", expect=404)
    await platform.call("GET", f"{url}?file=..%2fscan-7.mrd", expect=404)
    await platform.lake.delete(f"lake/{place}/scan-7.mrd")
    absent = await platform.call("GET", url, expect=404)
    assert str(platform.lake.root) not in absent.text
    (platform.lake.path(f"lake/{place}/later.h5")).unlink()
    (platform.lake.root / "lake" / place / "later.h5").symlink_to("/etc/passwd")
    await platform.call("GET", f"{url}?file=later.h5", expect=404)
    _, place = await store({"im.dcm": b"x"}, "DICOM")
    await platform.call("GET", f"{EXAM}/mrd/{place}/meta", expect=404)
    await platform.call("GET", f"{EXAM}/mrd/x/y/z/meta", expect=400)
    await platform.call("GET", url, headers={}, expect=401)


async def test_the_example_of_scanhub_reads_as_it_is_known(platform, store, samples_folder):
    _, place = await store({"data.mrd": samples_folder / "mrd" / "scanhub-example.mrd"})
    url = f"{EXAM}/mrd/{place}"
    found = (await platform.call("GET", f"{url}/meta", expect=200)).json()["acquisitions"]
    assert len(found) == 1000
    facts = {(item["num_samples"], item["num_coils"], item["dwell_time"]) for item in found}
    assert facts == {(100, 1, 50e-6)}
    _, readouts = unpack((await platform.call("GET", f"{url}/data?ids=0-999", expect=200)).content)
    assert len(readouts) == 1000
    assert readouts[999][1].shape == (1, 100)
    image = await platform.call("GET", f"{url}/kspace?format=raw", expect=200)
    magnitude = np.frombuffer(image.content, "<f4", offset=16).reshape(100, 100)
    assert "partition=5" in image.headers["X-KSpace-Choice"]
    of = {item["idx"]["kspace_encode_step_1"]: item["acquisition_id"] for item in found
          if item["idx"]["kspace_encode_step_2"] == 5}  # fmt: skip
    assert len(of) == 100
    for line in (0, 50, 99):
        assert np.allclose(magnitude[line], np.abs(readouts[of[line]][1][0]))
