"""Two workflow-managers on one PostgreSQL: one finishes what another left, nothing twice."""

import asyncio
import os
import signal

import pytest
from images import SERIES, write_instance
from outgoing import Sending
from workflow_service import a_port, until

from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.senders.port import Item

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def database(copied_postgresql):
    return copied_postgresql("workflow_manager")


@pytest.fixture
async def sending(tmp_path, keys, database, make_postgresql_url):
    made = Sending(
        tmp_path,
        keys.public_pem,
        database_url=database,
        engine_database_url=make_postgresql_url(),
        dispatch_backoff_s=(0.1,) * 50,
        series_quiet_s=1.0,
    )
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("series", "images", "seconds"),
    [(12, 3, 60), pytest.param(20, 50, 200, marks=pytest.mark.long)],
)
async def test_what_a_killed_process_was_sending_the_other_one_sends(
    outgoing, archive, sending, *, series, images, seconds
):
    await outgoing.add_target("PACS", port=archive.port, at_once=4)
    for number in range(1, series + 1):
        await outgoing.queue(number, images, "PACS")
    first = await sending.start()

    def kill(number):
        if number == series * images // 4:
            os.kill(first, signal.SIGKILL)

    archive.on_store = kill
    second = await sending.start()
    await sending.gone(first)
    await until(outgoing.all_sent, seconds)
    await sending.stop(second)
    rows = await outgoing.dispatches()
    assert set(archive.got) == outgoing.uids == await outgoing.delivered(*rows)
    twice = {uid.rpartition(".")[0] for uid, count in archive.got.items() if count > 1}
    assert len(twice) <= 4  # only of what was under way, and not noted yet
    told = [event.subject for event in await outgoing.events() if event.type == "dispatch.sent"]
    assert sorted(told) == sorted(str(row.id) for row in rows)


@pytest.mark.long
async def test_two_processes_send_nothing_twice(outgoing, archive, sending):
    await outgoing.add_target("PACS", port=archive.port, at_once=2)
    processes = [await sending.start(), await sending.start()]
    for number in range(1, 25):
        await outgoing.queue(number, 1, "PACS")
    await until(outgoing.all_sent, 60)
    for pid in processes:
        await sending.stop(pid)
    assert archive.got == dict.fromkeys(outgoing.uids, 1)


@pytest.mark.long
async def test_two_processes_receive_and_one_sends_what_the_other_got(outgoing, archive, sending):
    """Both have a listener and one lake; the one that got the last images is killed."""
    await outgoing.add_target("PACS", port=archive.port)
    await outgoing.add_rule("mr", "tags.Modality == 'MR'", "PACS")
    ports = [a_port(), a_port()]
    first, second = [await sending.start(dicom_port=port) for port in ports]
    folder = outgoing.folder / "from"
    for number, port in enumerate(ports, start=1):
        uid = f"{SERIES}.{number}"
        files = [write_instance(folder / uid, image, series=uid) for image in (1, 2)]
        items = [Item(str(file), file) for file in files]
        node = Peer("127.0.0.1", port, "SCANHUB", "SCANNER")
        report = await asyncio.to_thread(send_series, items, node)
        assert report.failed == {}
        outgoing.uids |= {f"{uid}.1", f"{uid}.2"}
    os.kill(second, signal.SIGKILL)

    async def both_sent():
        return len(await outgoing.dispatches(status="sent")) == len(ports)

    await until(both_sent, 60)
    await sending.stop(first)
    assert set(archive.got) == outgoing.uids
    told = [event.type for event in await outgoing.events()]
    assert told.count("dicom.series.decided") <= 2
    assert told.count("dispatch.queued") == 2
