"""An upload lets others work: it holds no connection while a file is read or stored."""

import asyncio

import pytest

from exam_manager.audit.recorder import record_changes
from exam_manager.sequences import service
from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.service import UploadedFile
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, transaction
from scanhub_libraries.models import BaseMRISequence

EXAM = "/api/v1/exam"


def connections_of(sessions):
    """Return how many connections to the database are in use."""
    return sessions.kw["bind"].pool.checkedout()


async def nobody_connected(platform):
    """Wait for the workers of the service, which use a connection for a moment now and then."""
    while connections_of(platform.app.state.sessions):
        await asyncio.sleep(0.001)


@pytest.fixture
def slow(start, migrated_url):
    """The application with a reader that waits until it is let go."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def reader(data):
        entered.set()
        await leave.wait()
        return read_facts(data)

    return start(migrated_url, migrate=False, read_sequence=reader), entered, leave


async def test_others_write_while_a_sequence_is_read(slow, upload):
    running, entered, leave = slow
    async with running as platform:
        uploading = asyncio.create_task(upload(platform))
        await entered.wait()
        await nobody_connected(platform)
        await platform.patient()
        await platform.exam()
        assert not uploading.done()
        leave.set()
        made = await uploading
        await platform.call("GET", f"{EXAM}/sequence/{made['_id']}", expect=200)


async def test_who_gives_up_an_upload_leaves_nothing(slow, upload):
    running, entered, leave = slow
    async with running as platform:
        uploading = asyncio.create_task(upload(platform))
        await entered.wait()
        uploading.cancel()
        await asyncio.gather(uploading, return_exceptions=True)
        leave.set()
        assert (await platform.call("GET", f"{EXAM}/sequences/all", expect=200)).json() == []
        assert list(platform.lake.folder("sequences").iterdir()) == []
        await nobody_connected(platform)


class Watching:
    """A lake that notes how many connections are in use whenever a file is read or written."""

    def __init__(self, lake, sessions):
        self._lake, self._sessions, self.seen = lake, sessions, []

    def __getattr__(self, name):
        self.seen.append((name, connections_of(self._sessions)))
        return getattr(self._lake, name)


async def test_no_connection_is_held_while_files_are_stored_and_read(either, small):
    engine = create_engine(either.app.state.settings.database_url)
    sessions = create_sessions(engine)
    record_changes(sessions)
    lake = Watching(either.lake, sessions)
    principal = either.app.state.verifier.verify(either.medical["Authorization"].split()[1])

    async def reader(data):
        return read_facts(data)

    async with transaction(sessions) as session:
        made = await service.create_sequence(
            session,
            lake,
            reader,
            BaseMRISequence(name="Small"),
            seq_file=UploadedFile("small.seq", small.encode()),
            xml_file=None,
            version_of=None,
            now=utc_now(),
        )
    stored = lake.seen.copy()
    read = await service.read_sequence(sessions, lake, made.id, principal=principal)
    assert read.seq_file == small
    assert {name for name, _held in stored} == {"put"}
    assert {name for name, _held in lake.seen[len(stored) :]} == {"read"}
    assert {held for _name, held in lake.seen} == {0}
    await engine.dispose()
