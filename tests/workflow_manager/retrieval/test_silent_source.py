"""A source that falls silent amid a C-GET, or has none and takes no storage context."""

import asyncio
import threading

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    MRImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)
from sources import ROOT
from test_retrievals import accessions, add_source, ended, fetch
from workflow_service import WORKFLOW, until


def found(event):
    """One study with one series, whatever is asked for."""
    answer = Dataset()
    answer.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
    answer.StudyInstanceUID, answer.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.1.1"
    answer.AccessionNumber, answer.Modality = "a1", "MR"
    yield 0xFF00, answer


class Source:
    """Answers queries; what it does for a C-GET or C-MOVE is up to the test."""

    def __init__(self, *classes):
        self.asked, self.leave = threading.Event(), threading.Event()
        node = AE("ARCHIVE")
        node.add_supported_context(Verification)
        node.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        for uid in classes:
            node.add_supported_context(uid, ExplicitVRLittleEndian, scu_role=True, scp_role=True)
        handlers = [
            (evt.EVT_C_FIND, found),
            (evt.EVT_C_GET, self.silent),
            (evt.EVT_C_MOVE, self.unwilling),
        ]
        self._server = node.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.socket.getsockname()[1]

    def silent(self, _event):
        self.asked.set()
        self.leave.wait(60)
        yield 0

    def unwilling(self, _event):
        self.asked.set()
        yield None, None

    def close(self):
        self.leave.set()
        self._server.shutdown()


@pytest.fixture
def make_source():
    made = []

    def make(*classes):
        made.append(Source(*classes))
        return made[-1]

    yield make
    for source in made:
        source.close()


async def test_a_cancel_ends_what_is_fetched_while_the_source_is_silent(serving, make_source):
    source = make_source(StudyRootQueryRetrieveInformationModelGet, MRImageStorage)
    async with serving() as service:
        await add_source(service, source.port)
        id_ = await fetch(service, "A1")
        assert await asyncio.to_thread(source.asked.wait, 30)
        canceled = await service.user.post(f"{WORKFLOW}/retrievals/{id_}/cancel")
        assert canceled.json()["state"] == "canceled"
        folder = service.wiring.lake.root / "dicom" / "retrievals" / id_
        await until(lambda: not list(folder.glob("*")))  # long before the source may be silent
        assert not source.leave.is_set()
        (row,) = await accessions(service, id_)
        assert (row["state"], row["reason"]) == ("canceled", "It was canceled.")


async def test_a_source_that_is_silent_for_too_long_has_failed(serving, make_source):
    source = make_source(StudyRootQueryRetrieveInformationModelGet, MRImageStorage)
    async with serving(retrieval_silence_s=0.5, dicom_timeout_s=0.5) as service:
        await add_source(service, source.port)
        id_ = await fetch(service, "A1")
        assert (await ended(service, id_))["state"] == "failed"
        (row,) = await accessions(service, id_)
        assert row["reason"] == "The source fell silent, or ended the association."


async def test_a_source_that_only_moves_is_asked_to_move_and_says_why_it_does_not(
    serving, make_source
):
    source = make_source(StudyRootQueryRetrieveInformationModelMove)
    async with serving(dicom_port=0) as service:
        await add_source(service, source.port)
        id_ = await fetch(service, "A1")
        assert (await ended(service, id_))["state"] == "failed"
        assert source.asked.is_set()
        (row,) = await accessions(service, id_)
        assert "does not know the AE title" in row["reason"]
        id_ = await fetch(service, "A1", method="c-get")
        assert (await ended(service, id_))["state"] == "failed"
        assert "does not support" in (await accessions(service, id_))[0]["reason"]
