"""What leaves over DICOM: the bytes of the file, in pieces, to whoever takes them."""

import asyncio
import threading
from contextlib import contextmanager

import pydicom
import pytest
from images import SERIES, data_set_bytes, instance, write_instance
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
)
from pynetdicom import AE, evt
from workflow_service import until

from workflow_manager.dicom.associating import Peer
from workflow_manager.dicom.data_set import DataSetFile, UnsendableError, body_of
from workflow_manager.dicom.packets import Packets
from workflow_manager.dicom.scu import send_series
from workflow_manager.senders.port import SendReport

MIB = 2**20
P_DATA = 4


class Node:
    """A node of pynetdicom's, which knows nothing of our data path."""

    def __init__(self):
        self.got = {}
        self.on_store = lambda _event: 0
        self.ends = []
        self.longest = 0

    def store(self, event):
        status = self.on_store(event)
        if status == 0:
            uid = str(event.request.AffectedSOPInstanceUID)
            syntax = event.context.transfer_syntax
            self.got[uid] = (syntax, event.request.DataSet.getvalue())
        return status

    def pdu(self, event):
        if event.data[0] == P_DATA:
            self.longest = max(self.longest, len(event.data) - 6)


@pytest.fixture
def node_of():
    started = []

    @contextmanager
    def start(*syntaxes, max_pdu=16_382, handlers=()):
        node, ae = Node(), AE("PEER")
        ae.maximum_pdu_size = max_pdu
        ae.add_supported_context(MRImageStorage, list(syntaxes or [ExplicitVRLittleEndian]))
        bound = [
            (evt.EVT_C_STORE, node.store),
            (evt.EVT_DATA_RECV, node.pdu),
            (evt.EVT_RELEASED, lambda _event: node.ends.append("released")),
            (evt.EVT_ABORTED, lambda _event: node.ends.append("aborted")),
            *handlers,
        ]
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=bound)
        started.append(server)
        port = server.server_address[1]
        node.peer = Peer("127.0.0.1", port, "PEER", "SCANHUB")
        yield node

    yield start
    for server in started:
        server.shutdown()


async def send(paths, peer, report=None, **options):
    items = [(pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID, p) for p in paths]
    return await asyncio.to_thread(send_series, items, peer, report, **options)


def sparse(path, size):
    """An image whose pixels are a hole of so many bytes."""
    made = instance(1)
    made.PixelData = b""
    made.save_as(path, enforce_file_format=True)
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(size.to_bytes(4, "little"))
        file.truncate(file.tell() + size)
    return path


@pytest.mark.parametrize("max_pdu", [0, 128, 4097, 16_382, 10 * MIB])
async def test_a_peer_gets_the_bytes_of_the_file_in_pdus_that_it_takes(node_of, tmp_path, max_pdu):
    paths = [write_instance(tmp_path, n, size=n, text="x" * n) for n in (1, 2, 15, 64, 300)]
    with node_of(max_pdu=max_pdu) as node:
        report = await send(paths, node.peer)
        await until(lambda: node.ends == ["released"])
    assert report.failed == {}
    assert report.transcoded == {}
    sent = {data for _, data in node.got.values()}
    assert sent == {data_set_bytes(path) for path in paths}
    assert len(node.got) == len(paths)
    assert node.longest <= (max_pdu or 131_072)


@pytest.mark.parametrize("payload", [58, 4090])
def test_pieces_of_any_length_are_packed_as_the_standard_wants_it(payload):
    packets = Packets(payload + 6)
    for size in (2, payload - 2, payload, payload + 2, 5 * payload, packets.most):
        for is_last in (True, False):
            for context in (1, 3):
                data = bytes(n % 251 for n in range(size))
                at = 0
                for view in packets.room(context, size):
                    view[:] = data[at : at + len(view)]
                    at += len(view)
                packed = bytes(packets.packed(size, is_last=is_last, before=b"before"))
                assert packed.startswith(b"before")
                assert taken_apart(packed[6:]) == (data, context, is_last)


def taken_apart(packed):
    """Read P-DATA PDUs with one value each, as PS3.8 section 9.3.5 says."""
    data, context, lasts = b"", None, []
    while packed:
        length = int.from_bytes(packed[2:6], "big")
        assert packed[:2] == b"\x04\x00"
        assert int.from_bytes(packed[6:10], "big") == length - 4
        context = packed[10]
        lasts.append(packed[11] == 2)
        data += packed[12 : 6 + length]
        packed = packed[6 + length :]
    assert not any(lasts[:-1])
    return data, context, lasts[-1]


@pytest.mark.parametrize(
    ("stored", "taken"),
    [
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        (ImplicitVRLittleEndian, ExplicitVRLittleEndian),
    ],
)
async def test_who_takes_only_the_other_plain_encoding_gets_that(node_of, tmp_path, stored, taken):
    made = instance(1, size=64, text="Grüße")
    made.SpecificCharacterSet = "ISO_IR 100"
    made.add_new(0x00091001, "LO", "private")
    made.add_new(0x00090010, "LO", "SOMEBODY")
    made.add_new(0xFFFCFFFC, "OB", b"\x00" * 10)
    made.file_meta.TransferSyntaxUID = stored
    path = tmp_path / "1.dcm"
    made.save_as(path, enforce_file_format=True)
    with node_of(taken) as node:
        report = await send([path], node.peer)
    assert report.failed == {}
    assert report.transcoded == {made.SOPInstanceUID: taken}
    syntax, data = node.got[made.SOPInstanceUID]
    assert syntax == taken
    got = pydicom.filereader.read_dataset(
        pydicom.filebase.DicomBytesIO(data), taken.is_implicit_VR, is_little_endian=True
    )
    wanted = pydicom.dcmread(path)
    if ImplicitVRLittleEndian in (stored, taken):  # which knows no VR of private elements
        for dataset in (got, wanted):
            assert dataset[0x00091001].value in {"private", b"private "}
            del dataset[0x00091001]
    assert list(got) == list(wanted)
    assert got.PixelData == made.PixelData


async def test_what_would_have_to_be_decoded_is_not_sent(node_of, tmp_path):
    path = tmp_path / "1.dcm"
    made = instance(1)
    made.file_meta.TransferSyntaxUID = JPEG2000Lossless
    made.PixelData = pydicom.encaps.encapsulate([b"\x00\x01" * 8])
    made["PixelData"].VR = "OB"
    made.save_as(path, enforce_file_format=True)
    with pytest.raises(UnsendableError):
        body_of(DataSetFile.read(path), str(ExplicitVRLittleEndian))
    with node_of(ExplicitVRLittleEndian, ImplicitVRLittleEndian) as node:
        report = await send([path], node.peer)
    assert node.got == {}
    assert "JPEG 2000" in report.failed[made.SOPInstanceUID]


async def test_one_that_cannot_be_read_costs_no_other(node_of, tmp_path):
    paths = [write_instance(tmp_path, n) for n in (1, 2, 3, 4)]
    items = [(f"{SERIES}.{path.stem}", path) for path in paths]
    paths[1].write_bytes(b"no image")
    with node_of() as node:

        def gone(_event):
            paths[3].unlink(missing_ok=True)  # while the first is on its way
            return 0

        node.on_store = gone
        report = await asyncio.to_thread(send_series, items, node.peer)
        await until(lambda: node.ends == ["released"])
    assert report.sent == [f"{SERIES}.1", f"{SERIES}.3"]
    assert set(report.failed) == {f"{SERIES}.2", f"{SERIES}.4"}
    assert set(node.got) == set(report.sent)


async def test_what_is_stopped_amid_an_image_ends_there(node_of, tmp_path):
    report, seen = SendReport(), [0]

    def stop(event):
        seen[0] += len(event.data)
        if seen[0] > 2 * MIB:
            report.stop.set()

    path = sparse(tmp_path / "1.dcm", 512 * MIB)
    handlers = [(evt.EVT_DATA_RECV, stop)]
    with node_of(max_pdu=131_072, handlers=handlers) as node:
        await send([path, write_instance(tmp_path, 2)], node.peer, report)
        assert seen[0] < 256 * MIB
        await until(lambda: node.ends == ["aborted"])
    assert (report.sent, report.failed, node.got) == ([], {}, {})


async def test_who_takes_no_more_does_not_hold_us_for_ever(node_of, tmp_path):
    gate = threading.Event()
    handlers = [(evt.EVT_DATA_RECV, lambda event: len(event.data) > 10_000 and gate.wait(60))]
    paths = [sparse(tmp_path / "1.dcm", 64 * MIB), write_instance(tmp_path, 2)]
    with node_of(max_pdu=131_072, handlers=handlers) as node:
        peer = Peer("127.0.0.1", node.peer.port, "PEER", "SCANHUB", timeout_s=1.0)
        report = await send(paths, peer)
        gate.set()
    assert report.sent == []
    assert "stands still" in report.failed[f"{SERIES}.1"]
    assert "lost" in report.failed[f"{SERIES}.2"]


async def test_who_does_not_answer_is_left(node_of, tmp_path):
    gate = threading.Event()
    paths = [write_instance(tmp_path, n) for n in (1, 2)]
    with node_of() as node:
        node.on_store = lambda _event: (gate.wait(60), 0)[1]
        peer = Peer("127.0.0.1", node.peer.port, "PEER", "SCANHUB", timeout_s=1.0)
        report = await send(paths, peer)
        gate.set()
    assert report.failed[f"{SERIES}.1"] == "The node did not answer."
    assert "lost" in report.failed[f"{SERIES}.2"]


async def test_a_peer_that_breaks_off_costs_what_was_not_answered(node_of, tmp_path):
    paths = [write_instance(tmp_path, n) for n in (1, 2, 3)]
    with node_of() as node:

        def store(event):
            if event.request.AffectedSOPInstanceUID == f"{SERIES}.2":
                event.assoc.abort()
            return 0

        node.on_store = store
        report = await send(paths, node.peer)
    assert report.sent == [f"{SERIES}.1"]
    assert set(report.failed) == {f"{SERIES}.2", f"{SERIES}.3"}
    assert all("lost" in reason for reason in report.failed.values())
