"""Whose turn it is: priorities, places of a target, and how fast it may go."""

import asyncio
import threading

from images import write_instance
from workflow_service import WORKFLOW, until

from workflow_manager.dicom.data_set import DataSetFile
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.dispatch.rules import Priority
from workflow_manager.senders.port import Item, Pace, SendReport


async def test_a_flood_of_urgent_series_leaves_every_third_turn_to_the_others(serving, outgoing):
    await outgoing.add_target("PACS", target_type="dummy")
    async with serving(offpeak_start="00:00", offpeak_end="00:00") as service:
        await service.user.post(f"{WORKFLOW}/targets/PACS/pause")
        wanted = [Priority.URGENT] * 12 + [Priority.NORMAL] * 2 + [Priority.OFFPEAK] * 2
        for number, priority in enumerate(wanted, start=1):
            await outgoing.queue(number, 1, "PACS", priority=priority)
        await service.user.post(f"{WORKFLOW}/targets/PACS/resume")
        await until(outgoing.all_sent)
    told = [event for event in await outgoing.events() if event.type == "dispatch.sent"]
    order = [event.data["priority"] for event in told]
    assert len(order) == len(wanted)
    turns = ["".join(priority[0] for priority in order[at : at + 3]) for at in range(0, 12, 3)]
    assert turns == ["uun", "uun", "uuo", "uuo"]


async def test_a_target_gets_as_many_series_at_once_as_it_has_places(serving, outgoing, archive):
    both, lock, now, most = threading.Barrier(2, timeout=60), threading.Lock(), [0], [0]

    def store(_number):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait()  # until another series is on its way too
        with lock:
            now[0] -= 1

    archive.on_store = store
    await outgoing.add_target("PACS", port=archive.port, at_once=2)
    async with serving(dicom_timeout_s=60.0) as service:
        outgoing.queueing = service.wiring.sessions
        for number in range(1, 7):
            await outgoing.queue(number, 1, "PACS")
        await until(outgoing.all_sent, 60)
    assert most == [2]
    assert archive.got == dict.fromkeys(outgoing.uids, 1)


async def test_while_the_queue_is_paused_nothing_is_sent(serving, outgoing, archive):
    await outgoing.add_target("PACS", port=archive.port)
    async with serving() as service:
        outgoing.queueing, path = service.wiring.sessions, f"{WORKFLOW}/queues/dispatch"
        assert (await service.user.post(f"{path}/pause")).status_code == 200
        await outgoing.queue(1, 1, "PACS")
        (queue,) = (one for one in await service.get("/queues") if one["name"] == "dispatch")
        assert (queue["waiting"], queue["running"]) == (1, 0)
        assert [row.status for row in await outgoing.dispatches()] == ["queued"]
        assert not archive.got
        assert (await service.user.post(f"{path}/resume")).status_code == 204
        await until(outgoing.all_sent, 60)


class Hourglass(threading.Event):
    """An event that nobody sets; to wait for it takes no time but that of its own clock."""

    def __init__(self):
        super().__init__()
        self.waits, self.time_s = 0, 0.0

    def wait(self, timeout=None):
        self.waits += 1
        self.time_s += timeout
        return False


async def test_no_more_goes_out_than_the_bandwidth_limit_allows(archive, tmp_path):
    paths = [write_instance(tmp_path, number, size=64) for number in range(1, 11)]
    size, glass = DataSetFile.read(paths[0]).size, Hourglass()
    report = SendReport(stop=glass)
    pace = Pace(1000, clock=lambda: glass.time_s)
    items = [Item(path.stem, path) for path in paths]
    peer = Peer("127.0.0.1", archive.port, "PEER", "SCANHUB")
    await asyncio.to_thread(send_series, items, peer, report, pace)
    assert len(report.sent) == 10
    parts = [min(pace.at_once(2**20), size - at) for at in range(0, size, pace.at_once(2**20))]
    assert len(parts) > 2  # a long image is no burst
    assert glass.waits == 10 * len(parts) - 1  # the first goes at once
    sent_before_the_last = sum(DataSetFile.read(path).size for path in paths) - parts[-1]
    assert abs(glass.time_s - sent_before_the_last / 1000) < size / 1000 / 100
