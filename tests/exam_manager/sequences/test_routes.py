import os
from pathlib import Path

import pytest

from exam_manager.sequences.reader import ReaderProcess
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.errors import UnprocessableError

EXAM = "/api/v1/exam"
SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"


async def test_a_sequence_is_stored_with_what_it_says_of_itself(platform, upload, small):
    made = await upload(platform, description="demo", sequence_type="GRE", tags=["head", "fast"])
    assert made["facts"]["pulseq_version"] == "1.5.0"
    assert made["facts"]["duration_s"] == pytest.approx(0.00424)
    assert (made["facts"]["num_blocks"], made["facts"]["num_readouts"]) == (2, 1)
    assert made["facts"]["definitions"]["Name"] == "small"
    assert made["tags"] == ["head", "fast"]
    assert made["size_bytes"] == len(small)
    assert len(made["sha256"]) == 64
    one = (await platform.call("GET", f"{EXAM}/sequence/{made['_id']}", expect=200)).json()
    assert one["seq_file"] == small
    listed = (await platform.call("GET", f"{EXAM}/sequences/all", expect=200)).json()
    assert [(item["_id"], item["seq_file"]) for item in listed] == [(made["_id"], "")]
    assert [event.subject for event in await platform.events("sequence.created")] == [made["_id"]]


async def test_file_and_header_are_downloaded_under_a_safe_name(platform, upload, small):
    header = {"xml_file": ("header.xml", b"<ismrmrdHeader/>", "text/xml")}
    made = await upload(platform, files=header)
    url = f"{EXAM}/sequence/{made['_id']}"
    file = await platform.call("GET", f"{url}/file", params={"name": 'a"\r\nb.seq'}, expect=200)
    assert file.content == small.encode()
    assert "\n" not in file.headers["content-disposition"]
    xml = await platform.call("GET", f"{url}/header", expect=200)
    assert xml.content == b"<ismrmrdHeader/>"
    assert (await platform.call("GET", url)).json()["xml_file"] == "<ismrmrdHeader/>"
    without = await upload(platform)
    gone = await platform.call("GET", f"{EXAM}/sequence/{without['_id']}/header", expect=404)
    assert gone.json()["detail"] == "No MRD header available"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("2 324 0 1 0 0 1 0", "2 324 0 1 0 0 1", 17),
        ("2 324 0 1 0 0 1 0", "2 324 0 7 0 0 1 0", 17),
        ("2 324 0 1 0 0 1 0", "1 324 0 1 0 0 1 0", 17),
        ("1 250 1 2 3 500", "1 abc 1 2 3 500", 20),
        ("0 0 0 0 e", "0 0 0 0 x", 20),
        ("1 100000 100", "1 inf 100", 23),
        ("[TRAP]", "[TRAPS]", 22),
        ("minor 5", "minor 9", 3),
        ("revision 0\n", "", 3),
        ("# Pulseq sequence file", "hello", 1),
        ("0\n1000\n", "0\n", 42),
        ("num_samples 2\n0\n1000\n", "", 40),
    ],
)
async def test_an_error_names_its_line(platform, old, new, line, *, upload, small):
    assert old in small
    problem = await upload(platform, small.replace(old, new), expect=422)
    assert problem["line"] == line, problem["detail"]
    assert f"line {line}" in problem["detail"]
    assert (await platform.call("GET", f"{EXAM}/sequences/all")).json() == []


async def test_what_is_no_sequence_is_refused(platform, upload, small):
    assert (await upload(platform, b"\xff\xfe\x00", expect=422))["line"] == 1
    await upload(platform, b"", expect=422)
    await upload(platform, small[: small.index("[BLOCKS]")], expect=422)
    await upload(platform, name="", expect=422)
    await upload(platform, files={"xml_file": ("a.xml", b"\xff", "text/xml")}, expect=422)
    no_file = await platform.call("POST", f"{EXAM}/sequence", data={"name": "x"})
    assert no_file.status_code == 422


async def test_every_truncation_is_refused(platform, upload, small):
    """Wherever a transfer broke off, the answer is a 4xx, never a stored half or a 500."""
    end = small.rindex("1000")
    for cut in range(0, end, 17):
        await upload(platform, small[:cut], expect=422)


async def test_a_file_over_the_limit_is_refused(platform, upload):
    problem = await upload(platform, b"#" * (64 * 2**20 + 1), expect=413)
    assert problem["type"] == "/problems/payload-too-large"
    parts = {"seq_file": ("big.seq", b"#" * (97 * 2**20), "text/plain")}
    # Far over it, the rest of the body is not even read.
    await platform.call("POST", f"{EXAM}/sequence", data={"name": "x"}, files=parts, expect=413)


async def test_fields_can_be_cleared(platform, upload):
    made = await upload(platform, description="demo", tags=["head"])
    url = f"{EXAM}/sequence/{made['_id']}"
    cleared = (await platform.call("PUT", url, json={"name": "New"}, expect=200)).json()
    assert (cleared["name"], cleared["description"], cleared["tags"]) == ("New", "", [])
    await platform.call("PUT", url, json={"name": ""}, expect=422)


async def test_a_sequence_in_use_stays(platform, upload):
    made = await upload(platform)
    exam = await platform.exam()
    task = await platform.acquisition(await platform.workflow(exam), sequence_id=made["_id"])
    url = f"{EXAM}/sequence/{made['_id']}"
    refused = (await platform.call("DELETE", url, expect=409)).json()
    assert refused["tasks"] == [task["id"]]
    await platform.call("DELETE", f"{EXAM}/task/{task['id']}", expect=204)
    await platform.call("DELETE", url, expect=202)
    await platform.call("GET", url, expect=404)
    await platform.call("DELETE", url, expect=404)
    assert not platform.lake.exists(f"sequences/{made['_id']}.seq")


async def test_a_task_token_reads_the_sequence_of_its_task_alone(platform, upload):
    mine, other = await upload(platform), await upload(platform)
    workflow = await platform.workflow(await platform.exam())
    task = await platform.acquisition(workflow, sequence_id=mine["_id"])
    token = {"Authorization": f"Bearer {(await platform.claim(task))['task_token']}"}
    await platform.call("GET", f"{EXAM}/sequence/{mine['_id']}", headers=token, expect=200)
    await platform.call("GET", f"{EXAM}/sequence/{other['_id']}", headers=token, expect=403)


@pytest.mark.long
async def test_the_reader_process_reads_the_same(platform, start, tmp_path, upload, small):
    """What the product uses: a process of its own."""
    expected = (await upload(platform))["facts"]
    async with start(sqlite_url(tmp_path / "other.sqlite"), read_sequence=None) as running:
        assert (await upload(running))["facts"] == expected
        assert (await upload(running, small.replace("[TRAP]", "[T]"), expect=422))["line"] == 22


async def test_every_sample_file_can_be_read(platform, upload):
    samples = sorted(SAMPLES.glob("*.seq"))
    if not samples:
        pytest.skip(f"no samples in {SAMPLES}; set SCANHUB_SAMPLES")
    for path in samples:
        made = await upload(platform, path.read_bytes(), filename=path.name)
        declared = made["facts"]["definitions"].get("TotalDuration")
        assert made["facts"]["duration_s"] == pytest.approx(declared or made["facts"]["duration_s"])
        assert made["facts"]["num_readouts"] > 0


async def test_a_file_that_takes_too_long_is_given_up(small):
    with pytest.raises(UnprocessableError, match="could not be read within"):
        await ReaderProcess(0.05)(small.encode())
