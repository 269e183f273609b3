"""Killed in an import, or while a plot is made: the next start clears what is left."""

import json
import shutil

import pytest
from outside import Outside, upload_of
from protocol_documents import document, pulseq, sequence, task

EXAM = "/api/v1/exam"


@pytest.fixture
async def outside(tmp_path, empty_database, platform_at, keys):
    shutil.copyfile(empty_database, tmp_path / "exam.sqlite")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.pem").write_text(keys.private_pem)
    (tmp_path / "keys" / "signing.pub.pem").write_text(keys.public_pem)
    outside = Outside(tmp_path, platform_at)
    yield outside
    await outside.stop()


async def stored(platform):
    names = ("protocols", "sequences/all", "templates/all")
    return [(await platform.call("GET", f"{EXAM}/{name}", expect=200)).json() for name in names]


@pytest.mark.long
@pytest.mark.parametrize(("point", "left"), [(r"\.header\.xml$", 5), (r"\.seq$", 2)])
async def test_an_import_that_is_killed_leaves_no_protocol_sequence_or_file(outside, point, left):
    sequences = [sequence(), sequence(pulseq("b"), "s2", xml_file="<ismrmrdHeader/>")]
    tasks = [task("t1", sequence="s1"), task("t2", sequence="s2")]
    file = {"file": json.dumps(document(*tasks, sequences=sequences)).encode()}
    await outside.start(TEST_KILL_AT=f"put {point}")
    await outside.killed_by("POST", f"{EXAM}/protocols/import", files=file)
    assert len(outside.files()) == left
    await outside.start(TEST_HOURS_LATER="2")
    assert (await outside.swept())["removed_files"] == left
    assert outside.files() == set()
    assert await stored(outside.platform) == [[], [], []]
    made = await outside.platform.call("POST", f"{EXAM}/protocols/import", files=file, expect=201)
    assert [item["created"] for item in made.json()["sequences"]] == [True, True]


@pytest.mark.long
async def test_a_plot_that_is_being_made_when_the_process_is_killed_is_made_anew(outside):
    await outside.start(TEST_KILL_AT=r"writer \.plot\.bin$")
    made = await outside.platform.call("POST", f"{EXAM}/sequence", expect=201, **upload_of())
    url = f"{EXAM}/sequence/{made.json()['_id']}/plot"
    await outside.killed_by("GET", url)
    (part,) = (name for name in outside.files() if name.endswith(".part"))
    assert ".plot.bin." in part
    await outside.start(TEST_HOURS_LATER="2")
    await outside.swept()
    assert part not in outside.files()
    await outside.platform.call("GET", url, expect=200)
