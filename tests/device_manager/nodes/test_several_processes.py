"""Two device-managers on one PostgreSQL database: whichever is asked, the scanner hears it."""

import asyncio

import pytest
import sqlalchemy as sa
from cluster import DidNotStartError
from http_uploads import DATA, Uploader
from scanner_lab import DEVICE

CAN = ("ack", "stop", "pause", "calibrate", "parameter_update")
pytestmark = pytest.mark.timeout(180)  # on a busy machine a process takes long to start
HALF = len(DATA) // 2


@pytest.fixture
async def both(cluster):
    return await cluster.join(), await cluster.join()


async def test_a_scan_runs_by_a_process_that_does_not_hold_the_link(both):
    here, there = both
    async with here.scanner(capabilities=CAN) as scanner:
        start = await there.started(scanner)
        asking = asyncio.create_task(there.http.post(f"{DEVICE}/{scanner.device_id}/pause"))
        await scanner.hear("pause")
        await scanner.say(command="paused", task_id=start["id"])
        assert (await asking).json()["confirmed"]
        await there.acquisition_becomes(start["id"], "paused")
        asking = asyncio.create_task(there.http.post(f"{DEVICE}/{scanner.device_id}/resume"))
        await scanner.hear("resume")
        await scanner.say(command="resumed", task_id=start["id"])
        assert (await asking).json()["confirmed"]
        asking = asyncio.create_task(there.stop(scanner.device_id))
        assert (await scanner.hear("stop"))["task_id"] == start["id"]
        await scanner.say(command="stopped", task_id=start["id"])
        answer = await asking
        assert (answer.status_code, answer.json()["confirmed"]) == (200, True)
        assert (await there.acquisition(start["id"]))["state"] == "stopped"
        await there.task_becomes(start["id"], "CANCELED")


async def test_a_refusal_comes_back_as_it_was_said(both):
    here, there = both
    async with here.scanner(capabilities=("ack", "stop")) as scanner:
        start = await there.started(scanner)
        answers = [
            await lab.http.post(
                f"{DEVICE}/{scanner.device_id}/pause", headers={"X-Correlation-Id": "c"}
            )
            for lab in both
        ]
        assert answers[0].json() == answers[1].json()
        assert answers[1].status_code == 409
        assert answers[0].headers.keys() == answers[1].headers.keys()
        again = await there.start(await there.create_task(scanner.device_id))
        assert (again.status_code, start["id"] in again.text) == (409, True)


@pytest.mark.long
async def test_a_file_may_come_by_both_processes(both):
    here, there = both
    async with here.scanner() as scanner:
        start = await there.started(scanner)
        device, elsewhere = Uploader(here, start), Uploader(there, start)
        place = await elsewhere.begin("data.mrd", DATA)
        assert (await elsewhere.send(place, 0, DATA[:HALF])).status_code == 204
        assert await device.offset(place) == await elsewhere.offset(place) == HALF
        wrong = await elsewhere.send(place, 7, DATA[:HALF])
        assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, str(HALF))

        async def pieces():
            for begin in range(HALF, len(DATA), 100_000):
                yield DATA[begin : begin + 100_000]

        last = await elsewhere.send(place, HALF, pieces())
        assert last.status_code == 204
        assert last.headers["Tus-Resumable"] == "1.0.0"
        result_id = last.headers["Upload-Result-Id"]
        assert (here.folder(start, result_id) / "data.mrd").read_bytes() == DATA
        task = await there.task_becomes(start["id"], "FINISHED")
        assert [result["id"] for result in task["results"]] == [result_id]
        assert (await there.http.get(place)).json()["offset"] == len(DATA)


async def test_parameters_and_calibrations_reach_the_device(both):
    here, there = both
    async with here.scanner(capabilities=CAN) as scanner:
        path = f"{DEVICE}/{scanner.device_id}"
        parameter = {"larmor_frequency": 2e6}
        changed = await there.http.put(f"{path}/parameter", json={"parameter": parameter})
        assert changed.status_code == 200, changed.text
        assert (await scanner.hear("parameter_update"))["parameter"] == parameter
        asked = await there.http.post(f"{path}/calibrate", json={"kinds": ["frequency"]})
        assert asked.status_code == 202, asked.text
        order = await scanner.hear("calibrate")
        measured = {"larmor_frequency": 2_000_100.0}
        await scanner.say(
            command="calibrated",
            calibration_id=order["calibration_id"],
            kind="frequency",
            values=measured,
        )
        assert (await scanner.hear("parameter_update"))["parameter"] == measured
        assert (await there.http.get(f"{path}/parameter")).json()["version"] == 2


@pytest.mark.parametrize("what", ["rotate", "delete"])
async def test_a_token_is_void_at_all_processes_at_once(both, what):
    here, there = both
    credentials = await here.create_device()
    path = f"{DEVICE}/{credentials['device_id']}"
    async with here.scanner(credentials) as scanner:
        if what == "rotate":
            assert (await there.http.post(f"{path}/rotate-token")).status_code == 200
        else:
            assert (await there.http.delete(path)).status_code == 204
        await asyncio.wait_for(scanner.websocket.wait_closed(), 5)
        assert scanner.websocket.close_code == 1008
    for lab in both:
        with pytest.raises(Exception, match="403"):
            await lab.connect(credentials)


@pytest.mark.long
async def test_a_lost_scan_is_given_up_at_any_process(make_cluster):
    async with make_cluster(lost_after_seconds=0.1) as cluster:
        here, there = await cluster.join(), await cluster.join()
        async with here.scanner() as scanner:
            start = await there.started(scanner)
        lost = await there.acquisition_becomes(start["id"], "lost")
        answer = await there.abandon(lost["id"])
        assert (answer.status_code, answer.json()["state"]) == (200, "failed")
        async with there.scanner() as other:
            await here.started(other)


async def test_of_two_starts_at_two_processes_one_wins(both):
    here, _ = both
    async with here.scanner() as scanner:
        tasks = [await here.create_task(scanner.device_id) for _ in both]
        answers = await asyncio.gather(
            *(lab.start(task) for lab, task in zip(both, tasks, strict=True))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        await scanner.accept()
        await scanner.hear_nothing()


async def test_the_same_start_at_two_processes_is_one(both):
    here, _ = both
    async with here.scanner() as scanner:
        task = await here.create_task(scanner.device_id)
        key = {"Idempotency-Key": "0197c1f0-1111-7000-8000-000000000001"}
        answers = await asyncio.gather(*(lab.start(task, headers=key) for lab in both))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert len({answer.json()["acquisition_id"] for answer in answers}) == 1
        await scanner.accept()
        await scanner.hear_nothing()


async def test_a_start_follows_the_plan_and_not_what_is_said_of_it(both):
    """The body names a device here, the plan one that is at home there."""
    here, there = both
    async with here.scanner() as one, there.scanner() as other:
        task = await here.create_task(other.device_id)
        answer = await here.start({**task, "device_id": one.device_id})
        assert answer.status_code == 200, answer.text
        assert (await other.accept())["id"] == task["id"]
        task = await here.create_task(one.device_id)
        answer = await here.start({**task, "device_id": other.device_id})
        assert answer.status_code == 200, answer.text
        assert (await one.accept())["id"] == task["id"]


async def test_a_stop_costs_no_statement_where_the_link_is_not(make_cluster):
    async with make_cluster(node_heartbeat_seconds=20) as cluster:
        here, there = await cluster.join(), await cluster.join()
        async with here.scanner() as scanner:
            start = await there.started(scanner)
            engine = there.app.state.sessions.kw["bind"].sync_engine
            statements = []

            def note(_connection, _cursor, statement, *_):
                statements.append(statement)

            sa.event.listen(engine, "before_cursor_execute", note)
            asking = asyncio.create_task(there.stop(scanner.device_id))
            await scanner.hear("stop")
            assert statements == []
            await scanner.say(command="stopped", task_id=start["id"])
            assert (await asking).json()["confirmed"]


@pytest.fixture
async def patient_cluster(make_cluster):
    """The way between two processes has a part of the stop's time; on a busy machine that is short.

    None takes the other for dead, however long the database is away.
    """
    async with make_cluster(stop_deadline_seconds=60, node_dead_after_seconds=600) as cluster:
        yield cluster


async def test_a_stop_reaches_the_scanner_while_the_database_is_away(
    patient_cluster, postgresql_server
):
    here, there = await patient_cluster.join(), await patient_cluster.join()
    name = sa.make_url(patient_cluster.database_url).database

    async def let_in(allowed):
        psql = postgresql_server.psql
        await asyncio.to_thread(psql, f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")

    async with here.scanner() as scanner:
        start = await there.started(scanner)
        await let_in("false")
        try:
            ended = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'"
            )
            await asyncio.to_thread(postgresql_server.psql, ended)
            homes = there.app.state.room.homes
            await there.eventually(
                lambda: asyncio.sleep(0, homes.follows), lambda follows: not follows
            )
            asking = asyncio.create_task(there.stop(scanner.device_id))
            assert (await scanner.hear("stop"))["task_id"] == start["id"]
        finally:
            await let_in("true")
        await there.eventually(lambda: asyncio.sleep(0, homes.follows), bool)
        again = asyncio.create_task(there.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=start["id"])
        answers = await asyncio.gather(asking, again)
        assert [answer.json()["confirmed"] for answer in answers] == [True, True]


async def test_a_stop_is_remembered_when_the_home_does_not_answer(cluster):
    there = await cluster.join()
    credentials = await there.create_device()
    async with cluster.joined() as here, here.scanner(credentials) as scanner:
        start = await there.started(scanner)
        await cluster.query(
            "UPDATE node SET url = 'http://127.0.0.1:9' WHERE url = :url",
            url=f"http://{here.address}",
        )
        await there.app.state.room.homes.reread()
        refused = await there.http.post(f"{DEVICE}/{scanner.device_id}/pause")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        answer = await there.stop(scanner.device_id)
        assert (answer.status_code, answer.json()["sent"]) == (503, False)
        assert (await there.acquisition(start["id"]))["state"] == "stopping"
        # Its home hears of it all the same.
        assert (await scanner.hear("stop"))["task_id"] == start["id"]
        await scanner.say(command="stopped", task_id=start["id"])
        await there.acquisition_becomes(start["id"], "stopped")


async def test_nothing_is_passed_on_twice(both):
    here, there = both
    async with here.scanner() as scanner:
        await there.started(scanner)
        answer = await there.http.post(
            f"{DEVICE}/{scanner.device_id}/pause", headers={"X-Scanhub-Node": "another"}
        )
        assert answer.status_code == 503


@pytest.mark.long
async def test_a_second_process_without_an_address_does_not_start(make_cluster):
    async with make_cluster(node_heartbeat_seconds=0.1) as cluster:
        first = await cluster.join()
        with pytest.raises(
            DidNotStartError, match=r"and this one has no .* SCANHUB_DEVICE_NODE_URL"
        ):
            await cluster.spawn(node_url=None)
        await cluster.query("UPDATE node SET url = NULL")
        with pytest.raises(
            DidNotStartError, match=r"and that one has no .* SCANHUB_DEVICE_NODE_URL"
        ):
            await cluster.spawn()
        assert len(await cluster.query("SELECT id FROM node")) == 1
        async with first.scanner() as scanner:
            await first.started(scanner)


async def test_one_process_on_sqlite_has_no_homes(lab):
    async with lab.scanner() as scanner:
        await lab.started(scanner)
        async with lab.app.state.sessions() as session:
            rows = (await session.execute(sa.text("SELECT node_id FROM device"))).all()
            assert [tuple(row) for row in rows] == [(None,)]
            assert (await session.execute(sa.text("SELECT id FROM node"))).all() == []
