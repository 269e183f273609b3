"""Devices that move from process to process: the newest connection counts, and nothing is lost."""

import asyncio
from uuid import UUID

import pytest
from http_uploads import DATA, Uploader
from scanner_lab import DEVICE, Scanner

from device_manager.acquisitions.rules import AcquisitionState

pytestmark = pytest.mark.timeout(120)
HALF = len(DATA) // 2


@pytest.fixture
async def both(cluster):
    return await cluster.join(), await cluster.join()


async def home_of(cluster, device_id):
    rows = await cluster.query(
        "SELECT node.url FROM device JOIN node ON node.id = node_id WHERE device.id = :id",
        id=device_id,
    )
    return rows[0][0].removeprefix("http://") if rows else None  # between two homes


async def test_a_device_moves_in_the_middle_of_its_scan(cluster, both):
    here, there = both
    credentials = await here.create_device()
    async with here.scanner(credentials) as old:
        start = await here.started(old)
        assert await home_of(cluster, old.device_id) == here.address
        async with there.scanner(credentials, status="BUSY") as scanner:
            assert await home_of(cluster, old.device_id) == there.address
            await asyncio.wait_for(old.websocket.wait_closed(), 5)
            assert old.websocket.close_code == 4001
            await scanner.status("BUSY", start, progress=60)
            assert (await scanner.hear("feedback"))["ok"]
            await here.eventually(
                lambda: here.task(start["id"]), lambda task: task["progress"] == 60
            )
            assert (await here.device(old.device_id))["status"] == "BUSY"
            assert here.app.state.room.leases.all_open() == []
            assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
        task = await here.task_becomes(start["id"], "FINISHED")
        assert len(task["results"]) == 1

    async def told() -> list[str]:
        return [event.type.value for lab in both for event in lab.events]

    kinds = await here.eventually(told, lambda kinds: "acquisition.finished" in kinds)
    assert kinds.count("acquisition.finished") == kinds.count("acquisition.running") == 1
    finishes = [path for path in here.exam_gate.requests if path.endswith("/finish")]
    assert len(finishes) == 1


@pytest.mark.long
async def test_a_device_moves_in_the_middle_of_an_upload(both):
    here, there = both
    credentials = await here.create_device()
    async with here.scanner(credentials) as old:
        start = await here.started(old)
        device, elsewhere = Uploader(here, start), Uploader(there, start)
        place = await device.begin("data.mrd", DATA)
        reader, writer = await device.connect(place, 0, len(DATA))
        writer.write(DATA[:HALF])
        await writer.drain()
        await here.eventually(
            lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: sizes and sizes[0] > 0
        )
        async with there.scanner(credentials, status="BUSY"):
            head = await asyncio.wait_for(reader.readline(), 5)
            assert b" 409 " in head
            writer.close()

            async def ask():
                return await elsewhere.ask(place)

            answer = await here.eventually(ask, lambda answer: answer.status_code == 200)
            offset = int(answer.headers["Upload-Offset"])
            assert 0 < offset <= HALF
            last = await device.send(place, offset, DATA[offset:])  # now passed on
            assert last.status_code == 204, last.text
            result_id = last.headers["Upload-Result-Id"]
            assert (here.folder(start, result_id) / "data.mrd").read_bytes() == DATA
            task = await here.task_becomes(start["id"], "FINISHED")
            assert len(task["results"]) == 1


async def test_the_end_of_an_old_link_does_not_make_a_device_offline(both):
    here, there = both
    credentials = await here.create_device()
    async with here.scanner(credentials) as old:
        # It does not hear of the move, and thinks that the device has gone.
        here.app.state.custody.heard = lambda _: None
        async with there.scanner(credentials):
            await old.websocket.close()
            room = here.app.state.room

            async def gone():
                return room.links.find(UUID(old.device_id))

            await here.eventually(gone, lambda link: link is None)
            await asyncio.gather(*room._tasks)
            assert (await there.device(old.device_id))["status"] == "ONLINE"


async def test_who_is_not_the_home_writes_no_state(both):
    here, there = both
    credentials = await here.create_device()
    async with here.scanner(credentials) as old:
        start = await here.started(old)
        lease = here.app.state.room.leases.all_open()[0]
        async with there.scanner(credentials, status="BUSY"):
            moved = await here.app.state.room.move(lease, AcquisitionState.FAILED, "too late")
            assert not moved
            assert (await there.acquisition(start["id"]))["state"] == "running"


async def test_a_stop_that_was_asked_for_elsewhere_goes_down_the_link(both):
    """The process that was asked thought that the device was nowhere."""
    here, there = both
    async with here.scanner() as scanner:
        start = await here.started(scanner)
        room = there.app.state.room

        async def nowhere(_device_id):
            return None

        room.homes.find = nowhere
        answer = await there.stop(scanner.device_id)
        assert (answer.status_code, answer.json()["sent"]) == (503, False)
        assert (await scanner.hear("stop"))["task_id"] == start["id"]


async def test_of_two_connections_at_once_the_later_one_is_the_link(cluster, both):
    credentials = await both[0].create_device()
    for _ in range(5):
        links = await asyncio.gather(*(lab.connect(credentials) for lab in both))
        home = await home_of(cluster, credentials["device_id"])
        kept = [link for lab, link in zip(both, links, strict=True) if lab.address == home]
        lost = [link for lab, link in zip(both, links, strict=True) if lab.address != home]
        await asyncio.wait_for(lost[0].wait_closed(), 5)
        scanner = Scanner(credentials["device_id"], kept[0])
        assert (await scanner.register())["ok"]
        assert len([link for lab in both for link in lab.app.state.room.links]) == 1
        await kept[0].close()


async def test_what_was_missed_while_nobody_listened_is_read_anew(cluster, both):
    here, there = both
    credentials = await here.create_device()
    async with here.scanner(credentials) as old:
        start = await here.started(old)
        ended = await cluster.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            "current_database() AND application_name = 'device-manager listener'"
        )
        assert len(ended) == 2
        async with there.scanner(credentials, status="BUSY") as scanner:
            await asyncio.wait_for(old.websocket.wait_closed(), 10)
            assert old.websocket.close_code == 4001
            asking = asyncio.create_task(here.stop(scanner.device_id))
            assert (await scanner.hear("stop"))["task_id"] == start["id"]
            await scanner.say(command="stopped", task_id=start["id"])
            assert (await asking).json()["confirmed"]
    for lab in both:
        homes = lab.app.state.room.homes
        await lab.eventually(lambda homes=homes: asyncio.sleep(0, homes.follows), bool)


async def test_what_no_note_told_is_found_by_looking(both):
    here, there = both
    for lab in both:
        lab.app.state.custody.heard = lambda _: None
    credentials = await here.create_device()
    path = f"{DEVICE}/{credentials['device_id']}"
    can = ("ack", "stop", "parameter_update")
    async with here.scanner(credentials, capabilities=can) as old:
        await here.started(old)
        await there.http.put(f"{path}/parameter", json={"parameter": {"larmor_frequency": 2e6}})
        await here.app.state.custody.reconcile()
        assert (await old.hear("parameter_update"))["version"] == 1
        await here.app.state.custody.reconcile()
        await old.hear_nothing()
        async with there.scanner(credentials, status="BUSY") as scanner:
            await here.app.state.custody.reconcile()
            await asyncio.wait_for(old.websocket.wait_closed(), 5)
            assert old.websocket.close_code == 4001
            assert (await here.http.post(f"{path}/rotate-token")).status_code == 200
            await there.app.state.custody.reconcile()
            await asyncio.wait_for(scanner.websocket.wait_closed(), 5)
            assert scanner.websocket.close_code == 1008


async def test_a_rolling_restart_loses_no_word(cluster):
    there = await cluster.join()
    credentials = await there.create_device()
    async with cluster.joined() as here:
        scanner = Scanner(credentials["device_id"], await here.connect(credentials))
        await scanner.register()
        start = await here.started(scanner)
        await scanner.status("BUSY", start, progress=40)
        await scanner.hear("feedback")
    await asyncio.wait_for(scanner.websocket.wait_closed(), 5)
    assert scanner.websocket.close_code == 1012
    # Its process has ended; the other is home to the device now, before it comes back.
    await there.eventually(lambda: home_of(cluster, credentials["device_id"]), bool)
    row = await there.acquisition(start["id"])
    assert row["state"] == "running"
    room = there.app.state.room
    await there.eventually(lambda: asyncio.sleep(0, room.leases.all_open()), bool)
    refused = (await there.start(await there.create_task(scanner.device_id))).json()
    assert any("busy" in reason for reason in refused["reasons"])
    async with there.scanner(credentials, status="BUSY") as scanner:
        await scanner.status("BUSY", start, progress=70)
        assert (await scanner.hear("feedback"))["ok"]
        assert (await scanner.upload(start, "data.mrd", DATA))["ok"]
    assert (await there.task(start["id"]))["status"] == "FINISHED"


async def test_who_ends_takes_only_its_own_devices_offline(cluster):
    there = await cluster.join()
    async with there.scanner() as stays:
        async with cluster.joined() as here, here.scanner() as goes:
            assert (await there.device(goes.device_id))["status"] == "ONLINE"
        assert (await there.device(goes.device_id))["status"] == "OFFLINE"
        assert (await there.device(stays.device_id))["status"] == "ONLINE"
        async with cluster.joined() as again:
            assert (await again.device(stays.device_id))["status"] == "ONLINE"
            await again.started(stays)
    assert len(await cluster.query("SELECT id FROM node")) == 1


async def test_what_an_ended_process_owed_is_told_by_another(cluster):
    there = await cluster.join()
    async with cluster.joined() as here, here.scanner() as scanner:
        start = await here.started(scanner)
        here.exam_gate.closed = True
        await scanner.status("ERROR", start, error_message="helium")
        await here.acquisition_becomes(start["id"], "failed")
    there.exam_gate.closed = False
    assert (await there.task_becomes(start["id"], "ERROR"))["status_reason"] == "helium"


async def test_a_file_that_an_ended_process_had_whole_is_entered_by_another(cluster):
    there = await cluster.join()
    async with cluster.joined() as here, here.scanner() as scanner:
        start = await here.started(scanner)
        device = Uploader(here, start)
        place = await device.begin("data.mrd", DATA)
        await device.send(place, 0, DATA[:HALF])
        part = next((here.lake_root / "uploads").glob("*"))
        with part.open("ab") as file:  # all has come, and nobody has entered it
            file.write(DATA[HALF:])
    task = await there.task_becomes(start["id"], "FINISHED")
    assert len(task["results"]) == 1

    async def unfinished():
        return (await there.http.get(f"{DEVICE}/uploads")).json()

    await there.eventually(unfinished, lambda uploads: uploads == [])
