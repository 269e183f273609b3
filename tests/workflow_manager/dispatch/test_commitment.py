"""With storage commitment, sent is what the node says that it keeps (PS3.4 Annex J)."""

import asyncio
import threading
from collections import Counter

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel as PushModel
from workflow_service import a_port, until

from workflow_manager.senders import dicom

INSTANCE = "1.2.840.10008.1.20.1.1"
TRANSACTION = "2.25.329800735698586629295641978511506172919"


class Node:
    """A node of pynetdicom that stores, and says later what it keeps.

    Args:
        same: Over the association of the request, at once; else when it is told to.
        offers: Storage commitment.
    """

    def __init__(self, *, same=False, offers=True):
        self.got, self.asked, self.lost = Counter(), [], set()
        self._same = same
        self._ae = AE("PEER")
        self._ae.add_supported_context(MRImageStorage)
        if offers:
            self._ae.add_supported_context(PushModel)

    def __enter__(self):
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_N_ACTION, self._act)]
        self._server = self._ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]
        return self

    def __exit__(self, *_):
        self._server.shutdown()

    def _store(self, event):
        self.got[str(event.request.AffectedSOPInstanceUID)] += 1
        return 0x0000

    def _act(self, event):
        action = event.action_information
        self.asked.append(action)
        if self._same:
            threading.Thread(target=self._tell, args=(event.assoc, action)).start()
        return 0x0000, None

    def report(self, port, action=None):
        """Report over an association of its own; return the status of the answer."""
        ae = AE("PEER")
        ae.add_requested_context(PushModel)
        role = build_role(PushModel, scp_role=True)
        association = ae.associate("127.0.0.1", port, ext_neg=[role])
        assert association.is_established
        try:
            return self._tell(association, action or self.asked[-1])
        finally:
            association.release()

    def _tell(self, association, action):
        data = Dataset()
        data.TransactionUID = action.TransactionUID
        references = list(action.ReferencedSOPSequence)
        kept = [r for r in references if r.ReferencedSOPInstanceUID not in self.lost]
        lost = [r for r in references if r.ReferencedSOPInstanceUID in self.lost]
        self.lost = set()
        for item in lost:
            item.FailureReason = 0x0213
        data.ReferencedSOPSequence, kind = kept, 1
        if lost:
            data.FailedSOPSequence, kind = lost, 2
        status, _ = association.send_n_event_report(data, kind, PushModel, INSTANCE)
        return status.get("Status")  # none where the other side is gone before we look


async def the_dispatch(service, *statuses):
    async def reached():
        rows = await service.get("/dispatches")
        return rows[0] if rows and rows[0]["status"] in statuses else None

    return await until(reached)


@pytest.fixture
def silent(monkeypatch):
    """Wait but a moment for a report over the association of the request: there will be none."""
    monkeypatch.setattr(dicom, "_REPORT_S", 0.1)


@pytest.mark.long
async def test_what_the_node_has_not_confirmed_is_not_sent_and_a_restart_forgets_nothing(
    serving, outgoing, silent
):
    with Node() as node:
        await outgoing.add_target("PACS", port=node.port, storage_commitment=True)
        await outgoing.queue(1, 3, "PACS")
        async with serving() as service:
            row = await the_dispatch(service, "waiting")
        assert (row["sent"], row["stored"], len(node.asked)) == (0, 3, 1)
        assert row["waits_for"].startswith("The node's confirmation that it keeps the images")
        port = a_port()
        async with serving(dicom_port=port) as service:
            unknown = Dataset()
            unknown.TransactionUID, unknown.ReferencedSOPSequence = TRANSACTION, []
            assert await asyncio.to_thread(node.report, port, unknown) == 0x0112  # no such request
            assert await asyncio.to_thread(node.report, port) == 0x0000
            row = await the_dispatch(service, "sent")
            assert (
                await asyncio.to_thread(node.report, port) == 0x0000
            )  # once more: nothing changes
            whole = await service.get(f"/dispatches/{row['id']}")
    assert (row["sent"], row["stored"], row["error"]) == (3, 0, None)
    (asked,) = whole["commitments"]
    assert asked["transaction_uid"] == node.asked[0].TransactionUID
    assert (asked["attempt"], asked["instances"], asked["failures"]) == (1, 3, 0)
    assert asked["requested_at"] < asked["answered_at"]
    assert node.got == dict.fromkeys(outgoing.uids, 1)
    told = [event.type for event in await outgoing.events() if event.type == "dispatch.sent"]
    assert told == ["dispatch.sent"]


async def test_only_what_the_node_does_not_keep_is_sent_again(serving, outgoing):
    with Node(same=True) as node:
        await outgoing.add_target("PACS", port=node.port, storage_commitment=True)
        await outgoing.queue(1, 3, "PACS")
        lost = min(outgoing.uids)
        node.lost = {lost}
        async with serving() as service:
            row = await the_dispatch(service, "sent", "failed")
    assert (row["status"], row["sent"], row["attempt"]) == ("sent", 3, 2), row["error"]
    assert node.got == {uid: 2 if uid == lost else 1 for uid in outgoing.uids}
    assert [len(action.ReferencedSOPSequence) for action in node.asked] == [3, 1]


@pytest.mark.long
async def test_a_node_that_says_nothing_is_asked_again_and_not_sent_again(
    serving, outgoing, silent
):
    with Node() as node:
        settings = {"storage_commitment": True, "commitment_timeout_s": 1.0}
        await outgoing.add_target("PACS", port=node.port, **settings)
        await outgoing.queue(1, 2, "PACS")
        async with serving(dispatch_backoff_s=()) as service:
            row = await the_dispatch(service, "failed")
            assert row["error"].startswith("The node took the images and has not confirmed")
            whole = await service.get(f"/dispatches/{row['id']}")
    assert len(node.asked) == 2
    assert [one["answered_at"] for one in whole["commitments"]] == [None, None]
    assert [one["attempt"] for one in whole["commitments"]] == [2, 1]
    assert node.got == dict.fromkeys(outgoing.uids, 1)


async def test_a_node_without_storage_commitment_is_named_with_the_setting(serving, outgoing):
    with Node(offers=False) as node:
        await outgoing.add_target("PACS", port=node.port, storage_commitment=True)
        await outgoing.queue(1, 1, "PACS")
        async with serving(dispatch_backoff_s=()) as service:
            row = await the_dispatch(service, "failed")
    assert "switch storage_commitment of the target off" in row["error"]


pytestmark = pytest.mark.timeout(120)
