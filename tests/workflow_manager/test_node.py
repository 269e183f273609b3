"""The receiving node: what an answer means, who may send, and what survives a kill."""

import asyncio
import importlib.util
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from images import SERIES, instance
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import MRImageStorage
from raw_sender import RawSender, store
from workflow_service import until

from scanhub_libraries.database import create_engine, create_sessions, reading, transaction
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom import listeners, repository
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.listeners import ListenerError
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.rules import is_storage
from workflow_manager.journal import repository as journal

pytestmark = pytest.mark.timeout(120)
_spec = importlib.util.spec_from_file_location(
    "authority", Path(__file__).parent.parent / "device_manager" / "authority.py"
)
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)
Authority = _module.Authority


def data_set(number=1, **changes):
    """An image as a sender writes it: explicit VR, little endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, instance(number, **changes))
    return buffer.getvalue()


class Running:
    """A node and what it knows."""

    def __init__(self, node, sessions, lake):
        self.node, self.sessions, self.lake = node, sessions, lake

    def sender(self, **changes):
        return RawSender(self.node.port, **changes)

    async def send(self, number=1, **changes):
        """Send one image over an association of its own; return the status."""

        def send():
            sender = self.sender()
            sender.send(store(f"{SERIES}.{number}", data_set(number, **changes)))
            _, status = sender.status()
            sender.release()
            return status

        return await asyncio.to_thread(send)

    async def rows(self):
        async with reading(self.sessions) as session:
            return await repository.list_instances(session, SERIES)

    async def series(self):
        async with reading(self.sessions) as session:
            return (await session.scalars(sa.select(DicomSeries))).one()

    async def events(self):
        async with reading(self.sessions) as session:
            return [e.type for e in await journal.list_events(session, after=0, limit=100)]

    def incoming(self):
        """Files in the folders of listeners."""
        folder = self.lake.root / "dicom" / "incoming"
        return sorted(p for p in folder.rglob("*") if p.suffix in {".part", ".dcm"})


@pytest.fixture
def running(make_settings):
    @asynccontextmanager
    async def run(**changes):
        settings = make_settings(**{"dicom_port": 0, "dicom_min_free_bytes": 0, **changes})
        engine = create_engine(settings.database_url)
        sessions, lake = create_sessions(engine), LocalLake(settings.lake_root)
        node = DicomNode(settings, sessions, lake)
        await node.start()
        try:
            yield Running(node, sessions, lake)
        finally:
            await node.stop()
            await engine.dispose()

    return run


@pytest.mark.disk
@pytest.mark.parametrize("mode", Durability)
async def test_an_image_is_stored_in_each_mode(running, mode):
    async with running(dicom_durability=mode) as here:
        assert [await here.send(n) for n in (1, 2, 1)] == [0, 0, 0]
        await until(lambda: not here.incoming())
        rows = await here.rows()
        assert [(row.instance_number, row.duplicates) for row in rows] == [(1, 1), (2, 0)]
        for number, row in enumerate(rows, start=1):
            content = here.lake.path(row.key).read_bytes()
            assert content.endswith(data_set(number))
            assert row.size == len(content)
        series = await here.series()
        assert (series.source, series.receiver_aet) == ("SCANNER", "SCANHUB")
        assert series.sender_address == "127.0.0.1"


async def test_the_end_of_an_association_is_noted(running):
    async with running() as here:
        await here.send()

        async def closed():
            return (await here.series()).closed_at

        await until(closed)


@asynccontextmanager
async def index_held(here):
    """Nobody else can write into the index."""
    async with transaction(here.sessions) as session:
        await session.execute(sa.text("UPDATE dicom_series SET complete = complete"))
        yield


def has_answer(sender):
    sender.socket.setblocking(False)
    try:
        return bool(sender.socket.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        sender.socket.settimeout(20)


async def test_an_answer_waits_for_the_index(running):
    async with running() as here:
        sender = await asyncio.to_thread(here.sender)
        async with index_held(here):
            sender.send(store(f"{SERIES}.1", data_set()))
            await until(lambda: here.node.receiving.under_way)
            assert not has_answer(sender)
            assert [path.suffix for path in here.incoming()] == [".dcm"]
        assert await asyncio.to_thread(sender.status) == (1, 0)
        sender.release()


async def test_unsynced_answers_at_once_and_the_index_follows(running):
    async with running(dicom_durability=Durability.UNSYNCED) as here:
        async with index_held(here):
            assert await here.send() == 0
            assert await here.rows() == []
            assert len(here.incoming()) == 1
        await until(here.rows)
        await until(lambda: not here.incoming())


async def test_an_index_that_fails_is_told_and_the_file_is_indexed_later(running):
    rename = "ALTER TABLE {} RENAME TO {}"
    async with running() as here:
        async with transaction(here.sessions) as session:
            await session.execute(sa.text(rename.format("dicom_instance", "away")))
        assert await here.send() == 0xA700
        (left,) = here.incoming()
        async with transaction(here.sessions) as session:
            await session.execute(sa.text(rename.format("away", "dicom_instance")))
        os.utime(left, (0, 0))
        await until(lambda: not here.node.receiving.under_way)  # who was refused knows it before
        assert await here.node.leftovers.recover() == 1
        (row,) = await here.rows()
        assert here.lake.path(row.key).read_bytes().endswith(data_set())
        assert (await here.series()).source == "SCANNER"
        await until(lambda: not here.incoming())


async def test_what_cannot_be_parsed_is_kept_and_the_association_goes_on(running):
    async with running() as here:

        def send():
            sender = here.sender()
            sender.send(store("1.2.3", b"\x08\x00\x05\x00CS\xff\xff"))
            broken = sender.status()
            sender.send(store(f"{SERIES}.2", data_set(2)))
            good = sender.status()
            sender.release()
            return broken, good

        assert await asyncio.to_thread(send) == ((1, 0xC000), (1, 0))
        kept = sorted(p.suffix for p in (here.lake.root / "dicom" / "quarantine").iterdir())
        assert kept == [".dcm", ".json"]
        assert "dicom.instance.quarantined" in await here.events()


async def test_a_file_that_vanished_is_put_back_by_who_sends_it_again(running):
    async with running() as here:
        await here.send()
        (row,) = await here.rows()
        here.lake.path(row.key).unlink()
        assert await here.send() == 0
        assert here.lake.path(row.key).read_bytes().endswith(data_set())


async def test_a_killed_listener_is_started_again_and_nobody_is_refused(running):
    async with running() as here:
        sender = await asyncio.to_thread(here.sender)
        sender.send(store(f"{SERIES}.1", data_set(size=256))[:50_000])
        await until(here.incoming)
        killed = here.node.listeners[0].pid
        os.kill(killed, signal.SIGKILL)
        assert await here.send(2) == 0  # it waits in the queue of the socket meanwhile
        assert here.node.listeners[0].pid != killed
        await until(lambda: not here.incoming())
        assert "dicom.listener.restarted" in await here.events()
        sender.close()


class Programs:
    """What listeners run: some die before they have read what they are told, then the real one."""

    DIES = """
import select, sys, os
select.select([int(sys.argv[2])], [], [])
os._exit(3)
"""

    def __init__(self, deaths):
        self.deaths, self.real = deaths, list(listeners._PROGRAM)

    def __iter__(self):
        self.deaths -= 1
        return iter(["-c", self.DIES] if self.deaths >= 0 else self.real)


async def test_a_listener_that_dies_before_its_first_word_is_started_once_more(
    running, monkeypatch
):
    monkeypatch.setattr(listeners, "_PROGRAM", Programs(1))
    async with running(dicom_listeners=1) as here:
        assert await here.send() == 0


@pytest.mark.long
async def test_a_listener_that_always_dies_before_its_first_word_stops_the_start(
    running, monkeypatch
):
    monkeypatch.setattr(listeners, "_PROGRAM", Programs(9))
    with pytest.raises(ListenerError, match="said nothing, and ended with exit code 3"):
        async with running(dicom_listeners=1):
            pass


async def test_several_listeners_share_the_port(running):
    async with running(dicom_listeners=2) as here:
        pids = {each.pid for each in here.node.listeners}
        assert len(pids) == 2
        statuses = await asyncio.gather(*(here.send(n) for n in range(1, 9)))
        assert statuses == [0] * 8
        assert len(await here.rows()) == 8


async def test_what_a_dead_service_left_is_indexed_or_swept(running, tmp_path):
    async with running(dicom_durability=Durability.UNSYNCED) as here, index_held(here):
        await here.send()
        (whole,) = here.incoming()
        content = whole.read_bytes()
    dead = whole.parent.with_name("dead")
    dead.mkdir(parents=True)
    (dead / "1.dcm").write_bytes(content)
    (dead / "2.part").write_bytes(content[:900])
    async with running() as here:
        await until(lambda: not dead.exists())
        rows = await here.rows()
        assert [row.instance_number for row in rows] == [1]
        assert (await here.series()).source == "SCANNER"


async def test_a_folder_that_cannot_be_swept_holds_up_no_other_and_is_swept_later(running):
    async with running() as here:
        assert await here.send() == 0
        (row,) = await here.rows()
        content = here.lake.path(row.key).read_bytes()
        odd, dead = (here.lake.root / "dicom" / "incoming" / name for name in ("0dd", "1ead"))
        for folder in (odd, dead):
            folder.mkdir()
            (folder / "1.dcm").write_bytes(content)
        (odd / "2.part").mkdir()  # it cannot be removed as a file is
        assert await here.node.leftovers.recover() == 1
        assert (odd.exists(), dead.exists()) == (True, False)
        (odd / "2.part").rmdir()
        assert await here.node.leftovers.recover() == 1
        assert not odd.exists()
        (row,) = await here.rows()
        assert row.duplicates == 2


async def test_a_file_that_a_power_cut_tore_is_never_taken_for_the_image(running):
    async with running() as here:
        assert await here.send() == 0
        (row,) = await here.rows()
        content = here.lake.path(row.key).read_bytes()
    dead = here.lake.root / "dicom" / "incoming" / "dead"
    dead.mkdir(parents=True)
    for number, torn in enumerate((content[:-9], content[:-9] + bytes(9), bytes(len(content)))):
        (dead / f"{number}.{len(content)}.{row.sha256}.dcm").write_bytes(torn)
    (dead / f"9.{len(content)}.{row.sha256}.dcm").write_bytes(content)
    async with running() as here:
        await until(lambda: not dead.exists())
        (row,) = await here.rows()
        assert (row.duplicates, row.conflicts) == (1, 0)
        assert here.lake.path(row.key).read_bytes() == content
        kept = {p.read_bytes() for p in here.lake.root.glob("dicom/quarantine/*.dcm")}
        assert len(kept) == 3


async def test_the_folder_of_a_service_that_lives_is_left_alone(running, make_settings):
    async with running() as here:
        sender = await asyncio.to_thread(here.sender)
        sender.send(store(f"{SERIES}.1", data_set(size=256))[:50_000])
        (part,) = await until(here.incoming)
        other = DicomNode(make_settings(), here.sessions, here.lake)
        assert await other.leftovers.recover() == 0
        assert part.exists()
        sender.close()


def test_what_is_no_storage_is_not_received():
    for uid in ("1.2.840.10008.1.20.1", "1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.1.2.2.1"):
        assert not is_storage(uid)
    for uid in (MRImageStorage, "1.2.840.10008.5.1.4.1.1.6", "1.2.3.4", "1.2.840.10008.9.9.9"):
        assert is_storage(uid)


async def test_a_port_with_tls_asks_for_a_certificate(running, tmp_path):
    authority = Authority(tmp_path)
    server = authority.sign("server")
    files = {
        "dicom_tls_port": 0,
        "dicom_tls_certificate": server.certificate,
        "dicom_tls_key": server.key,
        "dicom_tls_client_ca": authority.file,
    }
    async with running(dicom_port=None, **files) as here:

        def send(context):
            plain = socket.create_connection(("127.0.0.1", here.node.tls_port), timeout=20)
            wrapped = context.wrap_socket(plain, server_hostname="localhost")
            try:
                sender = RawSender(0, connection=wrapped)
                sender.send(store(f"{SERIES}.1", data_set(size=256)))
                status = sender.status()
                sender.release()
            except (OSError, AssertionError):
                status = None
            plain.close()
            wrapped.close()
            return status

        stranger = authority.client()
        silent = socket.create_connection(("127.0.0.1", here.node.tls_port), timeout=20)
        assert await asyncio.to_thread(send, stranger) is None
        known = authority.client(authority.sign("scanner"))
        assert await asyncio.to_thread(send, known) == (1, 0)
        silent.close()
        (row,) = await here.rows()
        assert here.lake.path(row.key).read_bytes().endswith(data_set(size=256))


async def test_a_certificate_that_cannot_be_used_is_said_at_the_start(running, tmp_path):
    missing = tmp_path / "none.pem"
    with pytest.raises(ListenerError, match="certificate"):
        async with running(dicom_tls_port=0, dicom_tls_certificate=missing):
            pass
