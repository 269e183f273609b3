"""kill -9 amid a request of STOW-RS: each instance is there whole, or not at all."""

import asyncio
import json
import signal

import pytest
from images import instance
from test_dicomweb_retrieve import encoded
from test_dicomweb_store import RELATED, body_of
from test_node_kill import Place, lake_files
from workflow_service import a_port, until

NUMBERS = range(1, 9)
pytestmark = [pytest.mark.timeout(300), pytest.mark.disk]


@pytest.fixture
def place(tmp_path, empty_file):
    return Place(tmp_path, a_port(), empty_file("workflow_manager"))


def assert_whole(place, sent):
    """What is in the index is in its place, byte for byte, and nothing else is."""
    rows = place.rows()
    root = place.folder / "lake"
    assert {str(path.relative_to(root)) for path in lake_files(place)} == set(rows.values())
    for number, key in rows.items():
        assert (root / key).read_bytes() == sent[number]
    return set(rows)


@pytest.mark.parametrize(
    ("spot", "calls"),
    [
        ("amid a part", 32),
        pytest.param("before a part is named", 5, marks=pytest.mark.long),
        pytest.param("before the commit", 2, marks=pytest.mark.long),
        pytest.param("before the files are synced", 1, marks=pytest.mark.long),
    ],
)
async def test_a_killed_service_has_whole_instances_or_none(place, spot, calls):
    sent = {number: encoded(instance(number, size=400)) for number in NUMBERS}
    body = place.folder / "body"
    body.write_bytes(body_of(*sent.values()))
    bring = {"body": str(body), "content_type": RELATED}
    process, _ = await place.start(bring=bring, spot=spot, calls=calls)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL

    process, _ = await place.start(bring=bring)  # the sender heard nothing and sends all again
    assert json.loads(await process.stdout.readline()) == {"status": 200}
    await until(lambda: not place.left())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert assert_whole(place, sent) == set(NUMBERS)


@pytest.mark.long
async def test_what_was_whole_when_it_was_killed_is_indexed_without_the_sender(place):
    sent = {number: encoded(instance(number, size=400)) for number in NUMBERS}
    body = place.folder / "body"
    body.write_bytes(body_of(*sent.values()))
    bring = {"body": str(body), "content_type": RELATED}
    process, _ = await place.start(bring=bring, spot="before the commit", calls=3)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    whole = [path for path in place.left() if path.suffix == ".dcm"]
    assert whole

    process, _ = await place.start()
    await until(lambda: not place.left())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert len(assert_whole(place, sent)) >= len(whole)
