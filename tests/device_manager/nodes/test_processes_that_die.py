"""Processes that are killed, or stand still: another one takes over, and no scan is left behind.

Real processes, of which one holds the link of a scanner.
"""

import asyncio
import signal

import pytest
from http_uploads import DATA, Uploader

pytestmark = pytest.mark.timeout(180)  # on a busy machine a process takes long to start
HALF = len(DATA) // 2
CAN = ("ack", "stop", "pause")
STAGES = ["requested", "accepted", "running", "paused", "uploading", "stopping"]
QUICK = {"node_heartbeat_seconds": 0.4, "node_dead_after_seconds": 3}


@pytest.fixture
async def pair(make_cluster):
    """Two processes; the first one holds the link."""
    async with make_cluster(**QUICK) as cluster:
        first, second = await asyncio.gather(cluster.spawn(), cluster.spawn())
        yield cluster, first, second


async def bring_to(stage, here, there, scanner):
    """Bring a scan to a stage; return its payload."""
    task = await here.create_task(scanner.device_id)
    answer = await there.start(task)
    assert answer.status_code == 200, answer.text
    if stage == "requested":
        return (await scanner.hear("start"))["data"]
    start = await scanner.accept()
    if stage != "accepted":
        await scanner.status("BUSY", start, progress=30)
        await here.task_becomes(start["id"], "INPROGRESS")
    if stage == "paused":
        await scanner.say(command="paused", task_id=start["id"])
    if stage == "stopping":
        asking = asyncio.create_task(there.stop(scanner.device_id))
        await scanner.hear("stop")
        asking.cancel()  # whoever asked has gone; the device has not answered
    if stage == "uploading":
        device = Uploader(here, start)
        answer = await device.announce("data.mrd", DATA)
        await device.send(answer.headers["Location"], 0, DATA[:HALF])
        await scanner.announce(start, "second.mrd", DATA)  # and one over the link
        await scanner.send_bytes(DATA[:HALF])
        await here.eventually(lambda: asyncio.sleep(0, here.files()), bool)
    else:
        await there.acquisition_becomes(start["id"], stage)
    return start


@pytest.mark.parametrize(
    "stage",
    [
        stage if stage == "running" else pytest.param(stage, marks=pytest.mark.long)
        for stage in STAGES
    ],
)
async def test_a_scan_outlives_the_process_that_held_it(pair, stage):
    cluster, (here, process), (there, _) = pair
    credentials = await here.create_device()
    async with here.scanner(credentials, capabilities=CAN) as scanner:
        start = await bring_to(stage, here, there, scanner)
        await process.kill()
    async with there.scanner(credentials, capabilities=CAN, status="BUSY") as scanner:
        if stage == "stopping":
            stops = [message for message in scanner.heard if message["command"] == "stop"]
            stops = stops or [await scanner.hear("stop")]
            assert {stop["task_id"] for stop in stops} == {start["id"]}
            await scanner.say(command="stopped", task_id=start["id"])
            await there.task_becomes(start["id"], "CANCELED")
        else:
            if stage == "requested":
                told = {"task_id": start["id"], "acquisition_id": start["acquisition_id"]}
                await scanner.say(command="ack", **told)
            await scanner.status("BUSY", start, progress=60)
            assert (await scanner.hear("feedback"))["ok"]
            device = Uploader(there, start)
            place = await device.begin("data.mrd", DATA)
            offset = await device.offset(place)
            assert offset == (HALF if stage == "uploading" else 0)
            assert (await device.send(place, offset, DATA[offset:])).status_code == 204
            task = await there.task_becomes(start["id"], "FINISHED")
            assert len(task["results"]) == 1
        await there.eventually(
            lambda: asyncio.sleep(0, there.files()),
            lambda names: not any(name.endswith(".part") for name in names),
        )
        await scanner.status("ONLINE")
        await there.device_becomes(scanner.device_id, "ONLINE")
        await there.started(scanner)
    assert_events_are_in_order(cluster, start["acquisition_id"])


def assert_events_are_in_order(cluster, acquisition_id):
    """Each state is told, some perhaps twice: by the process that was killed, and by the next."""
    told, seen = [], set()
    for event in cluster.told():
        if event["subject"] == acquisition_id and event["id"] not in seen:
            seen.add(event["id"])
            told.append((event["time"], event["data"]["state"]))
    states = [state for _, state in sorted(told)]
    assert states[0] == "requested"
    assert states[-1] in {"finished", "stopped"}
    assert len(set(states)) == len(states)


@pytest.mark.long
async def test_a_device_that_stays_away_is_free_in_the_end(make_cluster):
    settings = {"lost_after_seconds": 0.5, "return_deadline_seconds": 0.5}
    async with make_cluster(**QUICK, **settings) as cluster:
        (here, process), (there, _) = await asyncio.gather(cluster.spawn(), cluster.spawn())
        credentials = await here.create_device()
        async with here.scanner(credentials) as scanner:
            start = await here.started(scanner)
            await process.kill()
        device = await there.device_becomes(scanner.device_id, "OFFLINE")
        assert "server process" in device["status_detail"]
        ended = await there.task_becomes(start["id"], "ERROR")
        assert "server process" in ended["status_reason"]

        def kinds():
            told = (e for e in cluster.told() if e["subject"] == start["acquisition_id"])
            return [event["data"]["state"] for event in told]

        await there.eventually(
            lambda: asyncio.sleep(0, kinds()), lambda states: states[-2:] == ["lost", "failed"]
        )
        async with there.scanner(credentials) as scanner:
            await there.started(scanner)


@pytest.mark.long
async def test_a_process_that_stood_still_writes_nothing_and_begins_anew(pair):
    cluster, (here, process), (there, _) = pair
    credentials = await here.create_device()
    async with here.scanner(credentials) as old:
        start = await here.started(old)
        process.signal(signal.SIGSTOP)
        # It will read these when it goes on, as if they were new.
        await old.status("BUSY", start, progress=20)
        await old.status("ERROR", start, error_message="what was said long ago")
        device = await there.device_becomes(old.device_id, "OFFLINE")
        assert "server process" in device["status_detail"]
        async with there.scanner(credentials, status="BUSY") as scanner:
            await scanner.status("BUSY", start, progress=80)
            assert (await scanner.hear("feedback"))["ok"]
            await there.eventually(lambda: there.task(start["id"]), lambda t: t["progress"] == 80)
            process.signal(signal.SIGCONT)
            await asyncio.wait_for(old.websocket.wait_closed(), 10)
            assert old.websocket.close_code == 1012
            nodes = "SELECT id FROM node"
            await there.eventually(lambda: cluster.query(nodes), lambda rows: len(rows) == 2)
            assert (await there.task(start["id"]))["progress"] == 80
            assert (await there.acquisition(start["id"]))["state"] == "running"
            assert (await there.device(old.device_id))["status"] == "BUSY"
            # It passes on what it is asked.
            asking = asyncio.create_task(here.stop(scanner.device_id))
            assert (await scanner.hear("stop"))["task_id"] == start["id"]
            await scanner.say(command="stopped", task_id=start["id"])
            assert (await asking).json()["confirmed"]
    async with here.scanner(credentials) as scanner:
        await there.started(scanner)


@pytest.mark.long
async def test_a_process_that_is_killed_starts_again_at_once(make_cluster):
    async with make_cluster(**{**QUICK, "node_dead_after_seconds": 60}, node_url=None) as cluster:
        here, process = await cluster.spawn(node_dead_after_seconds=1.5)
        credentials = await here.create_device()
        async with here.scanner(credentials) as scanner:
            start = await here.started(scanner)
            await process.kill()
        again, _ = await cluster.spawn(node_dead_after_seconds=1.5)
        async with again.scanner(credentials, status="BUSY") as scanner:
            assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        assert (await again.task(start["id"]))["status"] == "FINISHED"


@pytest.mark.long
async def test_two_processes_restarted_one_after_the_other_lose_no_word(pair):
    cluster, (here, process), (there, other) = pair
    credentials = await here.create_device()
    async with here.scanner(credentials) as scanner:
        start = await there.started(scanner)
        await process.end()
        await asyncio.wait_for(scanner.websocket.wait_closed(), 5)
    async with there.scanner(credentials, status="BUSY") as scanner:
        await scanner.status("BUSY", start, progress=50)
        assert (await scanner.hear("feedback"))["ok"]
        new, _ = await cluster.spawn()
        await other.end()
    async with new.scanner(credentials, status="BUSY") as scanner:
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
    task = await new.task_becomes(start["id"], "FINISHED")
    assert (task["progress"], len(task["results"])) == (100, 1)
    assert_events_are_in_order(cluster, start["acquisition_id"])
