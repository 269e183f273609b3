"""Real associations with DCMTK on the other side."""

import asyncio
import itertools
import json
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pydicom
import pytest
from images import SERIES, STUDY, data_set_bytes, storescp, write_instance
from programs import require_program
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_ECHO
from workflow_service import WORKFLOW, a_port, until

from workflow_manager.dicom.associating import Peer, echo, keep_answers
from workflow_manager.dicom.scu import send_series
from workflow_manager.senders.port import Item

VERIFICATION = "1.2.840.10008.1.1"


async def run(*command):
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode(errors="replace")


async def test_dcmtk_echoes_and_stores_and_the_bytes_are_those_sent(serving, tmp_path):
    echoscu, storescu = require_program("echoscu"), require_program("storescu")
    port = a_port()
    paths = [write_instance(tmp_path / "out", n, size=256) for n in range(1, 4)]
    async with serving(dicom_port=port, series_quiet_s=0.5) as service:
        code, output = await run(echoscu, "-aec", "SCANHUB", "127.0.0.1", str(port))
        assert code == 0, output
        code, output = await run(
            storescu, "-aec", "SCANHUB", "-aet", "SCANNER", "127.0.0.1", str(port), *map(str, paths)
        )
        assert code == 0, output
        (series,) = await service.get(f"/series?study_instance_uid={STUDY}")
        assert (series["instances"], series["patient_id"]) == (3, "P-1")
        for path in paths:
            stored = service.wiring.lake.path(f"dicom/{STUDY}/{SERIES}/{SERIES}.{path.stem}.dcm")
            assert data_set_bytes(stored) == data_set_bytes(path)

        async def complete():
            return (await service.get("/series"))[0]["complete"]

        await until(complete)


@asynccontextmanager
async def fragmenting(port):
    """A way to a port on which TCP arrives in crumbs of every size."""

    async def crumble(reader, writer):
        sizes = itertools.cycle((1, 5, 6, 7, 11, 13, 700, 4096, 3))
        while data := await reader.read(next(sizes)):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def connect(reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        there_writer.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        await asyncio.gather(crumble(reader, there_writer), crumble(there_reader, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_fragmented_tcp_changes_no_byte(serving, tmp_path):
    storescu, port = require_program("storescu"), a_port()
    paths = [write_instance(tmp_path / "out", n, size=128) for n in range(1, 6)]
    async with serving(dicom_port=port) as service, fragmenting(port) as way:
        code, output = await run(
            storescu, "-aec", "SCANHUB", "127.0.0.1", str(way), *map(str, paths)
        )
        assert code == 0, output
        for path in paths:
            stored = service.wiring.lake.path(f"dicom/{STUDY}/{SERIES}/{SERIES}.{path.stem}.dcm")
            assert data_set_bytes(stored) == data_set_bytes(path)


async def test_an_unparsable_object_costs_one_status_not_the_association(serving, tmp_path):
    port = a_port()
    async with serving(dicom_port=port) as service:

        def send():
            ae = AE("SCANNER")
            ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4")
            association = ae.associate("127.0.0.1", port, ae_title="SCANHUB")
            assert association.is_established
            broken = Dataset()
            broken.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
            broken.SOPInstanceUID = "1.2.3"
            broken.file_meta = Dataset()
            broken.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
            first = association.send_c_store(broken).Status
            second = association.send_c_store(broken).Status
            alive = association.is_established
            association.release()
            return first, second, alive

        assert await asyncio.to_thread(send) == (0xC000, 0xC000, True)
        journal = await service.get("/journal")
        assert [e["type"] for e in journal] == ["dicom.instance.quarantined"] * 2
        assert "Study Instance UID" in journal[0]["data"]["detail"]


def test_sending_to_dcmtk_and_back_keeps_every_byte(tmp_path):
    program = require_program("storescp")
    port = a_port()
    paths = [write_instance(tmp_path / "out", n, size=200) for n in range(1, 6)]
    peer = Peer("127.0.0.1", port, "PEER", "SCANHUB")
    with storescp(program, tmp_path / "in", port, "+xa"):
        assert echo(peer) is None
        report = send_series([Item(f"{SERIES}.{p.stem}", p) for p in paths], peer)
    assert (len(report.sent), report.failed, report.error) == (5, {}, None)
    received = sorted(data_set_bytes(p) for p in (tmp_path / "in").iterdir())
    assert received == sorted(data_set_bytes(p) for p in paths)


def test_an_answer_reaches_who_waits_for_it_whoever_looks_first(tmp_path):
    """A thread of pynetdicom that was to rest may look once more, and take the answer."""
    program, port = require_program("storescp"), a_port()
    node = AE("SCANHUB")
    node.dimse_timeout = 5.0
    node.add_requested_context(VERIFICATION)
    with storescp(program, tmp_path / "in", port):
        association = node.associate("127.0.0.1", port)
        keep_answers(association)
        association._reactor_checkpoint.clear()
        while not association._is_paused:
            time.sleep(0.001)
        request = C_ECHO()
        request.MessageID, request.AffectedSOPClassUID = 1, VERIFICATION
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        context_id, answer = association.dimse.get_msg(block=True)
        association._serve_request(answer, context_id)  # as that thread does
        assert association.dimse.get_msg(block=True) == (context_id, answer)
        association._reactor_checkpoint.set()
        association.release()
    assert answer.Status == 0


def test_a_node_that_takes_implicit_only_gets_it(tmp_path):
    program = require_program("storescp")
    port = a_port()
    path = write_instance(tmp_path / "out", 1)
    with storescp(program, tmp_path / "in", port, "+xi"):
        report = send_series([Item("1", path)], Peer("127.0.0.1", port, "PEER", "SCANHUB"))
    assert report.error is None
    assert len(list((tmp_path / "in").iterdir())) == 1


def test_what_cannot_be_sent_is_named_one_by_one(tmp_path):
    program = require_program("storescp")
    port = a_port()
    good = write_instance(tmp_path / "out", 1)
    compressed = tmp_path / "compressed.dcm"
    content = good.read_bytes()
    compressed.write_bytes(content)
    dataset = pydicom.dcmread(compressed)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = pydicom.encaps.encapsulate([b"\x00" * 100])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(compressed, enforce_file_format=True)
    missing = tmp_path / "missing.dcm"
    with storescp(program, tmp_path / "in", port):
        report = send_series(
            [Item("good", good), Item("compressed", compressed), Item("missing", missing)],
            Peer("127.0.0.1", port, "PEER", "SCANHUB"),
        )
    assert report.sent == ["good"]
    assert set(report.failed) == {"compressed", "missing"}
    assert "cannot be read" in report.failed["missing"]
    assert "2 of 3 not sent" in report.error


def test_a_node_that_is_not_there_is_named(tmp_path):
    peer = Peer("127.0.0.1", a_port(), "PEER", "SCANHUB", connect_timeout_s=2)
    refused = f"127.0.0.1:{peer.port} refuses connections"
    assert echo(peer).startswith(refused)
    report = send_series([Item("1", write_instance(tmp_path, 1))], peer)
    assert report.error.startswith(f"1 of 1 not sent: {refused}")


def test_a_node_that_refuses_us_says_so(tmp_path):
    program = require_program("storescp")
    port = a_port()
    with storescp(program, tmp_path / "in", port, "--refuse"):
        reason = echo(Peer("127.0.0.1", port, "PEER", "SCANHUB"))
    assert reason.startswith("The node refused the association:")


def test_something_that_does_not_speak_dicom_is_named():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        peer = Peer("127.0.0.1", port, "PEER", "SCANHUB", timeout_s=0.5)
        assert "does not speak DICOM" in echo(peer)


def test_the_archive_prints_a_line_for_every_instance(tmp_path):
    storescu = require_program("storescu")
    command = [sys.executable, "-m", "workflow_manager.dicom.archive", "--port", "0"]
    command += ["--folder", str(tmp_path / "archive"), "--ae-title", "ARCHIVE"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = json.loads(process.stdout.readline())["port"]
            path = write_instance(tmp_path / "out", 1)
            send = [storescu, "-aec", "ARCHIVE", "127.0.0.1", str(port), str(path)]
            for duplicate in (False, True):
                subprocess.run(send, check=True, timeout=30)
                line = json.loads(process.stdout.readline())
                assert (line["event"], line["duplicate"]) == ("stored", duplicate)
                assert line["sop_instance_uid"] == f"{SERIES}.1"
        finally:
            process.terminate()
        assert process.wait(timeout=20) == 0


@pytest.mark.long
async def test_a_taken_port_is_said_at_the_start(serving):
    port = a_port()
    async with serving(dicom_port=port):
        pass
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Exception, match="cannot be used"):
            async with serving(dicom_port=taken.getsockname()[1]):
                pass


async def test_a_port_that_is_left_a_moment_later_is_taken(serving):
    taken = socket.create_server(("127.0.0.1", 0))  # as listeners of a service that was killed
    port = taken.getsockname()[1]
    asyncio.get_running_loop().call_later(0.5, taken.close)
    async with serving(dicom_port=port):
        await asyncio.to_thread(lambda: socket.create_connection(("127.0.0.1", port), 20).close())


async def test_images_have_their_routes(serving, tmp_path):
    async with serving() as service:
        assert (await service.user.get(f"{WORKFLOW}/series/1.2.3/instances")).status_code == 404
        assert (await service.user.get(f"{WORKFLOW}/instances/1.2.3/file")).status_code == 404
