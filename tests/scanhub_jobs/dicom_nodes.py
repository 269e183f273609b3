"""Nodes to send to, in the process of the test."""

from contextlib import contextmanager

from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from scanhub_jobs import Peer


def peer_at(port, **changes):
    fields = {"name": "pacs", "host": "127.0.0.1", "port": port, "ae_title": "PACS"}
    return Peer(**{**fields, "calling_ae_title": "OURS", "timeout_s": 20, **changes})


@contextmanager
def node(kinds=(MRImageStorage,), syntaxes=(ExplicitVRLittleEndian,), answer=lambda _event, _n: 0):
    """A node of pynetdicom that takes what it is told to, and what it got."""
    got, ae = [], AE("PACS")

    def store(event):
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        got.append((dataset, event.assoc.requestor.ae_title, event.assoc.acceptor.primitive))
        return answer(event, len(got))

    ae.add_supported_context(Verification)
    for kind in kinds:
        ae.add_supported_context(kind, list(syntaxes))
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield server.socket.getsockname()[1], got, server
    finally:
        server.shutdown()
