"""Storage commitment behind `send`: what each instance was promised, whichever way it is told."""

import threading

import pytest
from dicom_nodes import peer_at
from orthanc_beside import orthanc
from ports import a_port
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel as PushModel
from series_files import SERIES, image, series

from scanhub_jobs.errors import SendError
from scanhub_jobs.network.association import _keep_answers
from scanhub_jobs.network.report import Outcome

INSTANCE = "1.2.840.10008.1.20.1.1"
SAME, OWN, NEVER, REFUSES = "same", "own", "never", "refuses"


class Keeper:
    """A node that keeps all but the second of what it is asked to."""

    def __init__(self, way, call_back=None):
        self.way, self.call_back = way, call_back
        self.stored, self.told = [], []
        self.reports = []
        entity = AE("PACS")
        entity.add_supported_context(MRImageStorage, ExplicitVRLittleEndian)
        entity.add_supported_context(PushModel, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_STORE, self.store), (evt.EVT_N_ACTION, self.asked)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for report in self.reports:
            report.join(30)
        self.server.shutdown()

    def store(self, event):
        self.stored.append(event.dataset.SOPInstanceUID)
        return 0

    def asked(self, event):
        if self.way == REFUSES:
            return 0x0110, None
        asked, data = event.action_information, Dataset()
        data.TransactionUID = asked.TransactionUID
        items = list(asked.ReferencedSOPSequence)
        if len(items) > 1:
            items[1].FailureReason = 0x0112
            data.FailedSOPSequence = [items.pop(1)]
        data.ReferencedSOPSequence = items
        if self.way != NEVER:
            report = threading.Thread(target=self.report, args=(event.assoc, data))
            self.reports.append(report)
            report.start()
        return 0, None

    def report(self, association, data):
        kind = 2 if "FailedSOPSequence" in data else 1
        if self.way == SAME:
            _keep_answers(association)
            status, _ = association.send_n_event_report(data, kind, PushModel, INSTANCE)
        else:
            entity = AE("PACS")
            entity.add_requested_context(PushModel)
            back = entity.associate(
                "127.0.0.1", self.call_back, ext_neg=[build_role(PushModel, scp_role=True)]
            )
            _keep_answers(back)
            stranger = Dataset()
            stranger.TransactionUID = "1.2.3"
            refused, _ = back.send_n_event_report(stranger, 1, PushModel, INSTANCE)
            assert refused.Status == 0x0112
            status, _ = back.send_n_event_report(data, kind, PushModel, INSTANCE)
            back.release()
        self.told.append(status.Status)


@pytest.mark.parametrize("way", [SAME, OWN])
def test_each_instance_has_its_promise(way):
    call_back = a_port()
    with Keeper(way, call_back) as keeper:
        peer = peer_at(keeper.port, commit_port=call_back, commit_host="127.0.0.1")
        things = [image(1), image(2), image(3, SOPClassUID=SegmentationStorage)]
        report = peer.send(things, commit=True, commit_wait_s=60)
        assert [r.outcome for r in report.instances] == ["sent", "sent", "refused"]
        assert [r.committed for r in report.instances] == [True, False, None]
        assert (
            "does not promise to keep it: it does not have it"
            in report.uncommitted[0].commit_reason
        )
    assert keeper.told == [0]
    with pytest.raises(SendError, match="1 of 3 not sent to pacs"):
        report.raise_for_failures()
    report.instances.pop()
    with pytest.raises(SendError, match="1 of 2 not promised to be kept by pacs: data set 2"):
        report.raise_for_failures()


@pytest.mark.parametrize(
    ("way", "why"),
    [(NEVER, "did not report within 0.2 s.*say commit_port="), (REFUSES, "status 0x0110")],
)
def test_a_node_that_does_not_promise_is_told_for_each(way, why):
    with Keeper(way) as keeper:
        report = peer_at(keeper.port).send([image(1)], commit=True, commit_wait_s=0.2)
    assert report.counts[Outcome.SENT] == 1
    with pytest.raises(SendError, match=why):
        report.raise_for_failures()


def test_a_node_without_storage_commitment_is_told():
    entity = AE("PACS")
    entity.add_supported_context(MRImageStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_C_STORE, lambda _: 0)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        peer = peer_at(server.socket.getsockname()[1])
        assert [r.committed for r in peer.send(image(1)).instances] == [None]
        report = peer.send(image(1), commit=True)
    finally:
        server.shutdown()
    assert report.uncommitted[0].commit_reason.endswith(
        "takes none of what was offered: Storage Commitment Push Model SOP Class."
    )


def test_orthanc_promises_to_keep_what_it_has(tmp_path):
    call_back = a_port()
    with orthanc(tmp_path / "orthanc", call_back=call_back) as (port, web):
        peer = peer_at(port, ae_title="ORTHANC", commit_port=call_back, commit_host="127.0.0.1")
        folder = series(tmp_path / "dicom", 3)
        report = peer.send(folder, commit=True, commit_wait_s=60).raise_for_failures()
        assert [r.committed for r in report.instances] == [True] * 3
        assert len(web.get("/instances").json()) == 3
        assert report.sent == [f"{SERIES}.{n}" for n in (1, 2, 3)]
