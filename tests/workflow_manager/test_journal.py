"""One order for every event, and a stream that misses nothing."""

import asyncio
import json
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from workflow_service import WORKFLOW, over_http, until

from scanhub_libraries.database import (
    JSONDocument,
    UtcDateTime,
    create_engine,
    create_sessions,
    reading,
    transaction,
)
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.migrate import alembic_config, upgrade
from scanhub_libraries.models import UserRole
from scanhub_libraries.models.user import Revocation, Revocations
from workflow_manager.database import Table
from workflow_manager.journal import repository
from workflow_manager.journal.models import JournalEvent
from workflow_manager.journal.service import append
from workflow_manager.journal.stream import follow
from workflow_manager.journal.tail import JournalTail
from workflow_manager.main import close_streams


def event(subject="x", **data):
    return Event(type=EventType.TASK_UPDATED, source="test", subject=subject, data=data)


def wire(subject="x", **data):
    return event(subject, **data).model_dump(mode="json")


async def test_numbers_follow_the_order_of_a_batch(sessions):
    batch = [event(number=n) for n in range(300)]
    async with transaction(sessions) as session:
        assert await append(session, batch) == 300
    async with reading(sessions) as session:
        rows = await repository.list_events(session, after=0, limit=1000)
    assert [row.id for row in rows] == [e.id for e in batch]
    assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)


async def test_delivering_again_writes_nothing(sessions):
    first, second = event(), event()
    for batch, written in (([first], 1), ([first, second], 1), ([first, second], 0), ([], 0)):
        async with transaction(sessions) as session:
            assert await append(session, batch) == written


async def test_an_event_twice_in_one_batch_is_written_once(sessions):
    one = event()
    async with transaction(sessions) as session:
        assert await append(session, [one, one]) == 1


async def test_sequence_order_is_commit_order(sessions):
    """A reader that has seen a number never meets a lower one later."""
    seen: list[int] = []
    stop = asyncio.Event()

    async def write(writer):
        for number in range(8):
            async with transaction(sessions) as session:
                await append(session, [event(str(writer), number=number)])
                await asyncio.sleep(0.002 * (writer % 3))  # keep the commit waiting

    async def read():
        while not stop.is_set():
            async with reading(sessions) as session:
                rows = await repository.list_events(
                    session, after=seen[-1] if seen else 0, limit=1000
                )
            seen.extend(row.sequence for row in rows)
            await asyncio.sleep(0.001)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(n) for n in range(6)))
    await until(lambda: len(seen) >= 48, 5)
    stop.set()
    await reader
    async with reading(sessions) as session:
        count = await session.scalar(sa.select(sa.func.count()).select_from(JournalEvent))
    assert len(seen) == count == 48


async def test_an_event_of_a_transaction_that_failed_was_never_there(sessions):
    with pytest.raises(RuntimeError):
        async with transaction(sessions) as session:
            await append(session, [event()])
            raise RuntimeError
    async with reading(sessions) as session:
        assert await repository.last_sequence(session) == 0


async def test_a_number_is_never_given_twice(sessions):
    async with transaction(sessions) as session:
        await append(session, [event(), event()])
    async with transaction(sessions) as session:
        await session.execute(sa.delete(JournalEvent))
    async with transaction(sessions) as session:
        await append(session, [event()])
    async with reading(sessions) as session:
        assert await repository.last_sequence(session) >= 3


async def test_a_tail_wakes_at_commit_and_holds_a_bounded_number(sessions):
    tail = JournalTail(sessions, keep=10)
    await tail.start()
    waiting = asyncio.create_task(tail.wait(0, 5))
    async with transaction(sessions) as session:
        await append(session, [event(number=n) for n in range(50)])
    await asyncio.wait_for(waiting, 2)
    assert len(tail._recent) == 10
    everything, place = [], 0
    while page := await tail.read(place, 20):  # a slow reader gets the old ones from the database
        everything += page
        place = page[-1].sequence
    assert [entry.data["number"] for entry in everything] == list(range(50))
    await tail.stop()


async def test_a_tail_takes_in_more_than_it_reads_at_once(sessions):
    tail = JournalTail(sessions)
    await tail.start()
    async with transaction(sessions) as session:
        await append(session, [event(number=n) for n in range(1001)])
    await until(lambda: tail.last == 1001, 10)
    assert [entry.data["number"] for entry in await tail.read(998)] == [998, 999, 1000]
    await tail.stop()


async def test_waiting_for_a_closed_journal_lets_others_work(sessions):
    tail, worked = JournalTail(sessions), asyncio.Event()
    await tail.close_streams()
    other = asyncio.create_task(asyncio.sleep(0))
    other.add_done_callback(lambda _: worked.set())
    await tail.wait(0, 5)
    assert worked.is_set()


async def test_a_reader_never_gets_what_it_has_when_the_tail_lags(sessions):
    tail = JournalTail(sessions)  # not started: it has read nothing
    async with transaction(sessions) as session:
        await append(session, [event(number=n) for n in range(5)])
    stream = follow(tail, 2, lambda: True)
    assert b'{"sequence":5}' in await anext(stream)
    await tail.start()
    async with transaction(sessions) as session:
        await append(session, [event(number=5)])
    got = await asyncio.wait_for(anext(stream), 10)
    assert next(line for line in got.split(b"\n") if line.startswith(b"id:")) == b"id: 3"
    await stream.aclose()
    await tail.stop()


async def test_a_quiet_stream_gives_a_sign_of_life_that_a_browser_can_see(sessions):
    tail = JournalTail(sessions)
    async with transaction(sessions) as session:
        await append(session, [event()])
    await tail.start()
    stream = follow(tail, None, lambda: True, heartbeat_s=0.05)
    assert b"event: hello" in await anext(stream)
    for _ in range(2):
        lines = (await asyncio.wait_for(anext(stream), 5)).split(b"\n")
        assert lines == [b"event: heartbeat", b'data: {"sequence":1}', b"", b""]  # and no id
    await stream.aclose()
    await tail.stop()


async def test_the_migrations_make_what_the_models_say(sessions):
    def compare(sync) -> list:
        options = {"compare_type": True, "version_table": "alembic_version_workflow_manager"}
        return compare_metadata(MigrationContext.configure(sync, opts=options), Table.metadata)

    async with reading(sessions) as session:
        connection = await session.connection()
        assert await connection.run_sync(compare) == []


async def test_events_of_before_the_column_keep_their_task(database_url):
    await asyncio.to_thread(upgrade, "workflow_manager", database_url, "0001")
    task = uuid4()
    old = sa.table(
        "journal_event",
        *(sa.column(name) for name in ("type", "source", "subject")),
        sa.column("id", sa.Uuid()),
        sa.column("time", UtcDateTime()),
        sa.column("data", JSONDocument),
    )
    engine = create_engine(database_url)
    try:
        async with engine.begin() as connection:
            for data in ({"task_id": str(task)}, {"task_id": None}, {}, {"task_id": "archive"}):
                row = event(**data)
                values = row.model_dump(include={"id", "source", "subject", "time", "data"})
                await connection.execute(old.insert().values(type=str(row.type), **values))
        await asyncio.to_thread(upgrade, "workflow_manager", database_url)
        async with reading(create_sessions(engine)) as session:
            rows = await repository.list_events(session, after=0, limit=9)
        assert [row.task_id for row in rows] == [task, None, None, None]
        config = alembic_config("workflow_manager", database_url)
        await asyncio.to_thread(command.downgrade, config, "0001")
    finally:
        await engine.dispose()


async def test_the_history_of_a_task_is_whatever_tells_of_it(service):
    task, other = str(uuid4()), str(uuid4())
    await service.deliver(
        wire(task, task_id=task, status="STARTED"),
        wire("run-1", task_id=task),
        wire(other, task_id=other),
        wire("archive", task_id="archive"),
        wire("dispatch-1", task_id=task),
    )
    found = await service.get(f"/journal?task_id={task}")
    assert [e["subject"] for e in found] == [task, "run-1", "dispatch-1"]
    newest = await service.get(f"/journal?task_id={task}&newest=true&limit=2")
    assert newest == found[1:]
    assert await service.get(f"/journal?task_id={uuid4()}") == []


async def test_only_services_write_the_journal(service, headers_of):
    for headers in (None, headers_of(UserRole.ADMIN)):
        async with httpx.AsyncClient(transport=service.user._transport) as client:
            answer = await client.post(
                f"http://test{WORKFLOW}/journal/events", json={"events": []}, headers=headers
            )
            assert answer.status_code == (401 if headers is None else 403)


async def test_the_journal_is_read_by_number_and_subject(service):
    await service.deliver(wire("a"), wire("b"), wire("a"))
    assert [e["subject"] for e in await service.get("/journal")] == ["a", "b", "a"]
    assert len(await service.get("/journal?subject=a")) == 2
    (last,) = await service.get("/journal?after=2")
    assert last["sequence"] == 3


async def test_an_unknown_event_type_is_refused_by_name(service):
    answer = await service.peer.post(
        f"{WORKFLOW}/journal/events", json={"events": [{**wire(), "type": "nonsense"}]}
    )
    assert answer.status_code == 422
    assert "/body/events/0/type" in answer.text


class Stream:
    """A browser's EventSource, as far as the tests need it."""

    def __init__(self, response):
        self._lines = response.aiter_lines()

    async def next(self, seconds=30.0):
        message = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if not line:
                    if "data" in message:
                        return message
                    continue
                name, _, value = line.partition(": ")
                message[name] = value
        return None


async def test_the_stream_says_hello_then_every_event_at_once(service, headers_of):
    await service.deliver(wire("before"))
    async with (
        over_http(service.app) as url,
        httpx.AsyncClient(headers=headers_of()) as client,
        client.stream("GET", f"{url}{WORKFLOW}/events") as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        hello = await stream.next()
        assert (hello["event"], hello["id"]) == ("hello", "1")
        assert json.loads(hello["data"]) == {"sequence": 1}
        await service.deliver(wire("one", number=1), wire("two"))
        first = await stream.next()
        assert (first["event"], first["id"]) == ("task.updated", "2")
        assert json.loads(first["data"])["data"] == {"number": 1}
        assert (await stream.next())["id"] == "3"


async def test_who_comes_back_misses_nothing(service, headers_of):
    await service.deliver(*(wire(str(n)) for n in range(5)))
    async with over_http(service.app) as url, httpx.AsyncClient(headers=headers_of()) as client:
        for how in ({"headers": {"Last-Event-ID": "2"}}, {"params": {"after": 2}}):
            async with client.stream("GET", f"{url}{WORKFLOW}/events", **how) as response:
                stream = Stream(response)
                assert (await stream.next())["event"] == "hello"
                assert [(await stream.next())["id"] for _ in range(3)] == ["3", "4", "5"]


async def test_a_number_from_the_future_is_taken_as_now(service, headers_of):
    """The journal was put back from a backup: the browser's number is ahead of it."""
    await service.deliver(wire())
    async with (
        over_http(service.app) as url,
        httpx.AsyncClient(headers=headers_of()) as client,
        client.stream("GET", f"{url}{WORKFLOW}/events?after=999") as response,
    ):
        stream = Stream(response)
        assert (await stream.next())["id"] == "1"
        await service.deliver(wire())
        assert (await stream.next())["id"] == "2"


async def test_nonsense_as_last_event_id_is_refused(service):
    answer = await service.user.get(f"{WORKFLOW}/events", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 400


async def test_the_stream_takes_the_cookie_and_refuses_nobody(service, headers_of):
    token = headers_of()["Authorization"].split()[1]
    async with over_http(service.app) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}{WORKFLOW}/events")).status_code == 401
        cookie = {"Cookie": f"access_token={token}"}
        async with client.stream("GET", f"{url}{WORKFLOW}/events", headers=cookie) as response:
            assert response.status_code == 200


async def test_the_stream_ends_at_shutdown_at_once(service, headers_of):
    async with (
        over_http(service.app) as url,
        httpx.AsyncClient(headers=headers_of()) as client,
        client.stream("GET", f"{url}{WORKFLOW}/events") as response,
    ):
        stream = Stream(response)
        await stream.next()
        await close_streams(service.app)
        assert await stream.next() is None


async def test_the_stream_ends_when_the_session_does(service, signer):
    session_id = uuid4()
    token = signer.user_token("tester", UserRole.MEDICAL, UUID(int=session_id.int))
    async with (
        over_http(service.app) as url,
        httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client,
        client.stream("GET", f"{url}{WORKFLOW}/events") as response,
    ):
        stream = Stream(response)
        await stream.next()
        revoked = Revocation(id=1, kind="session", value=str(session_id), not_before=0)
        service.app.state.verifier.revocations.update(Revocations(items=[revoked], last=1))
        assert await stream.next() is None


async def test_many_readers_share_one_tail(service, headers_of):
    async with over_http(service.app) as url, httpx.AsyncClient(headers=headers_of()) as client:

        async def follow():
            async with client.stream("GET", f"{url}{WORKFLOW}/events?after=0") as response:
                stream = Stream(response)
                return [(await stream.next())["id"] for _ in range(21)][1:]

        readers = [asyncio.create_task(follow()) for _ in range(20)]
        await asyncio.sleep(0.2)
        for number in range(20):
            await service.deliver(wire(str(number)))
        expected = [str(n) for n in range(1, 21)]
        assert await asyncio.gather(*readers) == [expected] * 20


async def test_who_waits_for_a_journal_that_is_closed_lets_others_run(sessions):
    tail, ended = JournalTail(sessions), asyncio.Event()
    await tail.start()
    await tail.close_streams()

    async def follow_on():
        while not ended.is_set():
            await tail.wait(0, 5.0)

    following = asyncio.create_task(follow_on())
    await asyncio.sleep(0)
    ended.set()
    await following
    await tail.stop()
