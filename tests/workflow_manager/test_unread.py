"""Where a listener answers first, the header of a file is read later: nothing is lost by it."""

import asyncio
import socket

import pytest
from images import SERIES
from pydicom.uid import ExplicitVRLittleEndian
from raw_sender import store
from test_node import data_set, index_held, running  # noqa: F401 - a fixture
from workflow_service import until

from workflow_manager.dicom.channel import UNREAD, as_line
from workflow_manager.dicom.image import header_of
from workflow_manager.dicom.incoming import Durability, IncomingFolder, Peer, file_meta
from workflow_manager.dicom.intake import Handing, Intake
from workflow_manager.dicom.part10 import read_header
from workflow_manager.dicom.rules import OUT_OF_RESOURCES
from workflow_manager.dicom.unread import Reader

pytestmark = pytest.mark.timeout(120)


def received(folder, data, uid="1.2.3"):
    """A file as a listener writes it that answers first, and what it tells of it."""
    folder.mkdir(exist_ok=True)
    peer = Peer("SCANNER", "SCANHUB", "127.0.0.1")
    meta = file_meta("1.2.840.10008.5.1.4.1.1.4", uid, ExplicitVRLittleEndian, peer)
    incoming = IncomingFolder(folder, Durability.UNSYNCED, hashes=False)
    file = incoming.open(meta, ExplicitVRLittleEndian)
    file.write(memoryview(data))
    written = file.finish()
    return written.path, {
        "kind": UNREAD,
        "number": 7,
        "association": 1,
        "path": str(written.path),
        "syntax": ExplicitVRLittleEndian,
        "offset": written.data_set_offset,
        "origin": ("SCANNER", "SCANHUB", "127.0.0.1"),
    }


@pytest.mark.parametrize("edge", [16, 900])
def test_a_file_is_read_later_as_it_would_be_at_once(tmp_path, edge):
    path, message = received(tmp_path, data_set(size=edge))
    assert (path.stat().st_size > 2**20) == (edge == 900)
    header = read_header(path)
    read = Reader(()).read(message)
    assert (header_of(read["image"]), read["problem"]) == (header, "")
    assert read["sha256"] == header.sha256


@pytest.mark.parametrize("nonsense", [b"?\n", as_line({"kind": UNREAD, "number": 1})])
async def test_a_listener_that_talks_nonsense_silences_no_other(running, tmp_path, nonsense):  # noqa: F811
    async with running() as here:
        intake, loop = Intake(here.node.receiving), asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(2)]
        handings = [Handing(theirs, loop, lambda *_: None) for _, theirs in pairs]
        (mad, _), (sane, _) = pairs
        for handing in handings:
            intake.serve(handing)
        mad.sendall(nonsense)
        _, message = received(tmp_path / "listener", data_set())
        sane.sendall(as_line(message))
        sane.settimeout(60)
        answer = await asyncio.to_thread(sane.recv, 1000)
        assert answer == as_line({"stored": [(7, 0, "")]})
        mad.close(), sane.close()
        for handing in handings:
            await asyncio.wait_for(handing.drained.wait(), 60)
        await intake.close()
        assert len(await here.rows()) == 1


async def test_a_listener_that_does_not_read_holds_up_no_other(running, tmp_path):  # noqa: F811
    """It is answered all the same, once it reads."""
    async with running() as here:
        intake, loop = Intake(here.node.receiving), asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(2)]
        handings = [Handing(theirs, loop, lambda *_: None) for _, theirs in pairs]
        (stuck, theirs), (sane, _) = pairs
        for one in (stuck, theirs):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for handing in handings:
            intake.serve(handing)
        _, gone = received(tmp_path / "gone", data_set())
        count = 1500

        def talk():
            for number in range(count):
                stuck.sendall(as_line({**gone, "path": "/nowhere", "number": number}))

        talking = asyncio.create_task(asyncio.to_thread(talk))
        await until(lambda: handings[0].unsent)
        _, message = received(tmp_path / "listener", data_set(2))
        sane.sendall(as_line(message))
        sane.settimeout(60)
        answer = await asyncio.to_thread(sane.recv, 1000)
        assert answer == as_line({"stored": [(7, 0, "")]})

        def read():
            stuck.settimeout(60)
            found = b""
            while found.count(f',{OUT_OF_RESOURCES},""]'.encode()) < count:
                found += stuck.recv(65_536)
            return found

        assert f"[{count - 1},".encode() in await asyncio.to_thread(read)
        await talking
        stuck.close(), sane.close()
        for handing in handings:
            await asyncio.wait_for(handing.drained.wait(), 60)
        await intake.close()


async def test_what_cannot_be_read_later_is_kept_and_told(running):  # noqa: F811
    async with running(dicom_durability=Durability.UNSYNCED) as here:

        def send():
            sender = here.sender()
            sender.send(store("1.2.3", b"\x08\x00\x05\x00CS\xff\xff"))
            broken = sender.status()
            sender.send(store(f"{SERIES}.2", data_set(2)))
            good = sender.status()
            sender.release()
            return broken, good

        assert await asyncio.to_thread(send) == ((1, 0), (1, 0))
        await until(lambda: not here.incoming())
        assert [row.instance_number for row in await here.rows()] == [2]
        kept = sorted(p.suffix for p in (here.lake.root / "dicom" / "quarantine").iterdir())
        assert kept == [".dcm", ".json"]
        assert "dicom.instance.quarantined" in await here.events()


async def test_a_file_that_somebody_else_has_indexed_is_left_alone(running, tmp_path):  # noqa: F811
    async with running() as here:
        gone, told = received(tmp_path / "gone", data_set())
        gone.unlink()
        _, good = received(tmp_path / "good", data_set(2))
        intake, (ours, theirs) = Intake(here.node.receiving), socket.socketpair()
        handing = Handing(theirs, asyncio.get_running_loop(), lambda *_: None)
        intake.serve(handing)
        ours.sendall(as_line(told) + as_line({**good, "number": 8}))
        ours.settimeout(20)
        answer = await asyncio.to_thread(ours.recv, 65_536)
        assert f'[7,{OUT_OF_RESOURCES},""]' in answer.decode()
        assert '[8,0,""]' in answer.decode()
        assert [row.instance_number for row in await here.rows()] == [2]
        ours.close()
        await handing.drained.wait()
        await intake.close()


async def test_a_file_without_checksum_that_a_power_cut_tore_is_known_by_its_size(
    running,  # noqa: F811
    make_settings,
):
    dead = make_settings().lake_root / "dicom" / "incoming" / "dead"
    dead.mkdir(parents=True)
    torn, _ = received(dead, data_set(1))
    torn.write_bytes(torn.read_bytes()[:-9])
    received(dead, data_set(2))
    async with running() as here:
        await until(lambda: not dead.exists())
        assert [row.instance_number for row in await here.rows()] == [2]
        assert len(list((here.lake.root / "dicom" / "quarantine").glob("*.dcm"))) == 1
