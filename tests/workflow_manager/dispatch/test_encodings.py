"""What a node does not take as it is stored is not sent, and the reason names the encoding."""

import asyncio

import pydicom
import pytest
from images import SERIES, write_instance
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, RLELossless
from pynetdicom import AE, evt

from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.senders.port import Item


@pytest.fixture
def node():
    ae = AE("PEER")
    ae.add_supported_context(MRImageStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_C_STORE, lambda _: 0x0000)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    yield Peer("127.0.0.1", server.server_address[1], "PEER", "SCANHUB")
    server.shutdown()


@pytest.mark.parametrize("with_native", [True, False])
async def test_an_encoding_that_the_node_does_not_take_is_named(node, tmp_path, with_native):
    paths = [write_instance(tmp_path, number) for number in (1, 2)]
    dataset = pydicom.dcmread(paths[1])
    dataset.compress(RLELossless)
    dataset.save_as(paths[1])
    before = paths[1].read_bytes()
    items = [Item(f"{SERIES}.{path.stem}", path) for path in paths]
    chosen = items if with_native else items[1:]
    report = await asyncio.to_thread(send_series, chosen, node)
    assert report.sent == ([items[0].sop_instance_uid] if with_native else [])
    (reason,) = report.failed.values()
    assert "MR Image Storage as RLE Lossless" in reason
    assert "allow that there" in reason
    assert paths[1].read_bytes() == before
