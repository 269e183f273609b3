"""kill -9 at each step of sending: all is there in the end, and known to be."""

import os
import signal

import pytest
from dispatch_for_test import SPOTS
from outgoing import Outgoing, Sending
from workflow_service import until

pytestmark = pytest.mark.timeout(300)
BACKOFF = (0.1,) * 50
KNOWN = {"queued", "sending", "waiting", "sent"}


@pytest.fixture
async def sending(tmp_path, keys):
    made = Sending(tmp_path, keys.public_pem, dispatch_backoff_s=BACKOFF, dicom_timeout_s=5)
    yield made
    await made.close()


async def assert_nothing_is_lost(outgoing, archive):
    """What counts as sent is there; what is not there is on its way."""
    for row in await outgoing.dispatches():
        assert row.status.value in KNOWN, row.error
        assert await outgoing.delivered(row) <= set(archive.got)


async def killed_at_each_step(outgoing, archive, sending, *, calls):
    for spot in SPOTS:
        refused = iter([0xA700])  # so that there is another attempt
        archive.on_store = lambda _number, refused=refused: next(refused, 0)
        pid = await sending.start(spot, calls if spot == "between two images" else 1)
        await sending.died(pid)
        await assert_nothing_is_lost(outgoing, archive)
    pid = await sending.start()
    at = archive.got.total() + calls

    def kill(number):
        if number == at:
            os.kill(pid, signal.SIGKILL)

    archive.on_store = kill  # in the middle of a C-STORE
    await sending.gone(pid)
    await assert_nothing_is_lost(outgoing, archive)
    pid = await sending.start()
    await until(outgoing.all_sent, 120)
    await sending.stop(pid)


async def assert_all_there(outgoing, archive):
    assert set(archive.got) == outgoing.uids
    assert max(archive.got.values()) <= 1 + len(SPOTS) + 1  # sent again at each death, at most
    rows = await outgoing.dispatches()
    assert await outgoing.delivered(*rows) == outgoing.uids
    assert all(row.sent == row.instances for row in rows)
    assert [(row.failures, row.error, row.under_way) for row in rows] == [({}, None, None)] * len(
        rows
    )
    told = [event.subject for event in await outgoing.events() if event.type == "dispatch.sent"]
    assert sorted(told) == sorted(str(row.id) for row in rows)


@pytest.mark.long
async def test_killed_at_each_step_everything_arrives(outgoing, archive, sending):
    await outgoing.add_target("PACS", port=archive.port)
    for number in range(1, 10):
        await outgoing.queue(number, 4, "PACS")
    await killed_at_each_step(outgoing, archive, sending, calls=2)
    await assert_all_there(outgoing, archive)


async def a_thousand_arrive(outgoing, archive, sending):
    await outgoing.add_target("PACS", port=archive.port, at_once=4)
    for number in range(1, 21):
        await outgoing.queue(number, 50, "PACS")
    await killed_at_each_step(outgoing, archive, sending, calls=60)
    await assert_all_there(outgoing, archive)


@pytest.mark.long
async def test_a_thousand_images_on_their_way(outgoing, archive, sending):
    await a_thousand_arrive(outgoing, archive, sending)


@pytest.mark.long
async def test_a_thousand_images_on_their_way_on_postgresql(
    tmp_path, keys, archive, copied_postgresql, make_postgresql_url
):
    url = copied_postgresql("workflow_manager")
    settings = {"database_url": url, "engine_database_url": make_postgresql_url()}
    settings |= {"dispatch_backoff_s": BACKOFF, "dicom_timeout_s": 5}
    outgoing, sending = Outgoing(tmp_path, url), Sending(tmp_path, keys.public_pem, **settings)
    try:
        await a_thousand_arrive(outgoing, archive, sending)
    finally:
        await sending.close()
        await outgoing.close()
