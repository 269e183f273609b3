"""C-GET and C-MOVE: what each answer counts, whoever asks and whatever goes wrong."""

import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pydicom
import pytest
from images import SERIES, STUDY, data_set_bytes, instance, write_instance
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom import AE, build_role, evt

from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.listener import ListenerOptions, StoreListener
from workflow_manager.dicom.provider import StoreAssociation
from workflow_manager.dicom.transport import listen
from workflow_manager.query.dimse import GET, MOVE
from workflow_manager.query.giving import served

PENDING = 0xFF00


@pytest.fixture
def node(tmp_path):
    """A listener whose index says what `found` holds."""
    node = SimpleNamespace(found=[], destination=None, questions=[])

    def ask(question):
        node.questions.append(question)
        if node.found is None:
            return {"problem": "nothing can be found like that"}
        return {"files": node.found, "destination": node.destination}

    folder = tmp_path / "incoming"
    folder.mkdir()
    options = ListenerOptions("SCANHUB", folder, Durability.UNSYNCED, served=served(ask))
    listener = StoreListener(options, lambda _received: (0, ""))
    listener.start(listen("127.0.0.1", 0))
    node.port = listener.port
    yield node
    listener.stop()


def stored(folder, *numbers, **changes):
    """Files as the index tells of them."""
    return [
        {"path": str(write_instance(folder, n, **changes)), "sop_instance_uid": f"{SERIES}.{n}"}
        for n in numbers
    ]


@contextmanager
def asking(
    node, model, *, syntaxes=(ExplicitVRLittleEndian,), store=lambda _event: 0, patience_s=30.0
):
    ae = AE("ASKER")
    ae.dimse_timeout = patience_s
    ae.add_requested_context(model)
    ae.add_requested_context(MRImageStorage, list(syntaxes))
    association = ae.associate(
        "127.0.0.1",
        node.port,
        ae_title="SCANHUB",
        ext_neg=[build_role(MRImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )
    assert association.is_established
    yield association
    if association.is_established:
        association.release()


def study():
    identifier = pydicom.Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", STUDY
    return identifier


def told(status):
    """What an answer counts: remaining, completed, failed, warned."""
    names = ("Remaining", "Completed", "Failed", "Warning")
    return tuple(status.get(f"NumberOf{name}Suboperations") for name in names)


def test_a_get_counts_each_image_and_gives_its_bytes(node, tmp_path):
    node.found = stored(tmp_path, 1, 2, 3, size=300)
    got = []

    def store(event):
        got.append(event.request.DataSet.getvalue())
        return 0xB000 if len(got) == 2 else 0

    with asking(node, GET[1], store=store) as association:
        answers = [(s.Status, *told(s)) for s, _ in association.send_c_get(study(), GET[1])]
    assert got == [data_set_bytes(tmp_path / f"{n}.dcm") for n in (1, 2, 3)]
    assert answers[:3] == [(PENDING, 2, 1, 0, 0), (PENDING, 1, 1, 0, 1), (PENDING, 0, 2, 0, 1)]
    assert answers[3:] == [(0xB000, None, 2, 0, 1)]
    (question,) = node.questions
    assert question["model"] == "study"
    assert question["level"] == "STUDY"
    assert question["keys"] == [["StudyInstanceUID", STUDY]]


def test_a_get_tells_which_images_failed(node, tmp_path):
    node.found = stored(tmp_path, 1, 2, 3)
    made = instance(2)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    made.save_as(tmp_path / "2.dcm", enforce_file_format=True)
    (tmp_path / "3.dcm").unlink()
    with asking(node, GET[0]) as association:
        *_, (last, failed) = association.send_c_get(study(), GET[0])
        assert (last.Status, *told(last)) == (0xB000, None, 1, 2, 0)
        assert failed.FailedSOPInstanceUIDList == [f"{SERIES}.2", f"{SERIES}.3"]
        node.found = node.found[1:]
        *_, (last, failed) = association.send_c_get(study(), GET[0])
        assert (last.Status, *told(last)) == (0xA702, None, 0, 2, 0)
        node.found = []
        assert [s.Status for s, _ in association.send_c_get(study(), GET[0])] == [0]
        node.found = None
        (last, _), *_ = association.send_c_get(study(), GET[0])
        assert last.Status == 0xA900


def test_a_get_in_the_other_plain_encoding_is_written_anew(node, tmp_path):
    node.found = stored(tmp_path, 1, size=64)
    got = []

    def store(event):
        got.append((event.context.transfer_syntax, event.dataset.PixelData))
        return 0

    with asking(node, GET[1], syntaxes=[ImplicitVRLittleEndian], store=store) as association:
        *_, (last, _) = association.send_c_get(study(), GET[1])
    assert last.Status == 0
    assert got == [(ImplicitVRLittleEndian, instance(1, size=64).PixelData)]


def test_a_get_that_is_canceled_ends_with_the_image_under_way(node, tmp_path):
    node.found = stored(tmp_path, *range(1, 31))

    def store(event):
        event.assoc.send_c_cancel(7, query_model=GET[1])
        return 0

    with asking(node, GET[1], store=store) as association:
        *_, (last, _) = association.send_c_get(study(), GET[1], msg_id=7)
        remaining, completed, failed, _ = told(last)
        assert last.Status == 0xFE00
        assert (completed, failed) == (30 - remaining, 0)
        assert remaining > 0
        node.found = node.found[:1]  # the association goes on
        *_, (last, _) = association.send_c_get(study(), GET[1], msg_id=8)
        assert last.Status == 0


def test_who_breaks_off_a_get_holds_up_nobody(node, tmp_path):
    node.found = stored(tmp_path, *range(1, 11), size=300)

    def leave(event):
        event.assoc.abort()
        return 0

    with asking(node, GET[1], store=leave, patience_s=1.0) as association:
        list(association.send_c_get(study(), GET[1]))
        assert not association.is_established
    with asking(node, GET[1]) as association:
        *_, (last, _) = association.send_c_get(study(), GET[1])
        assert (last.Status, *told(last)) == (0, None, 10, 0, 0)


@pytest.fixture
def third(tmp_path):
    """A node that images are moved to."""
    got, ae = [], AE("THIRD")
    ae.add_supported_context(MRImageStorage, ExplicitVRLittleEndian)
    third = SimpleNamespace(got=got, status=lambda _event: 0)

    def store(event):
        request = event.request
        got.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return third.status(event)

    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    third.target = {"host": "127.0.0.1", "port": server.server_address[1], "tls": None}
    yield third
    server.shutdown()


def test_a_move_counts_each_image_and_says_who_asked(node, third, tmp_path):
    node.found, node.destination = stored(tmp_path, 1, 2, 3, 4), third.target
    third.status = lambda _event: {2: 0xB000, 3: 0xA700}.get(len(third.got), 0)
    with asking(node, MOVE[1]) as association:
        answers = list(association.send_c_move(study(), "THIRD", MOVE[1], msg_id=9))
    assert [(s.Status, *told(s)) for s, _ in answers[:-1]] == [
        (PENDING, 3, 1, 0, 0),
        (PENDING, 2, 1, 0, 1),
        (PENDING, 1, 1, 1, 1),
        (PENDING, 0, 2, 1, 1),
    ]
    last, failed = answers[-1]
    assert (last.Status, *told(last)) == (0xB000, None, 2, 1, 1)
    assert failed.FailedSOPInstanceUIDList == f"{SERIES}.3"
    assert third.got == [("ASKER", 9)] * 4
    assert node.questions[0]["destination"] == "THIRD"


def test_a_move_to_nobody_is_refused_and_one_to_who_is_away_fails(node, third, tmp_path):
    node.found = stored(tmp_path, 1, 2)
    with asking(node, MOVE[0]) as association:
        ((last, _),) = association.send_c_move(study(), "STRANGER", MOVE[0])
        assert last.Status == 0xA801
        with listen("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
        node.destination = {**third.target, "port": port}
        *_, (last, failed) = association.send_c_move(study(), "THIRD", MOVE[0])
        assert (last.Status, *told(last)) == (0xA702, None, 0, 2, 0)
        assert failed.FailedSOPInstanceUIDList == [f"{SERIES}.1", f"{SERIES}.2"]


def test_a_move_that_is_canceled_stops(node, third, tmp_path):
    node.found, node.destination = stored(tmp_path, *range(1, 31)), third.target
    with asking(node, MOVE[1]) as association:

        def status(_event):
            association.send_c_cancel(5, query_model=MOVE[1])
            while not any(5 in served.dimse.cancel_req for served in associations()):
                time.sleep(0.01)
            return 0

        third.status = status
        *_, (last, _) = association.send_c_move(study(), "THIRD", MOVE[1], msg_id=5)
    remaining, completed, failed, _ = told(last)
    assert last.Status == 0xFE00
    assert (remaining, completed, failed) == (29, 1, 0)
    assert len(third.got) == 1


def associations():
    return [thread for thread in threading.enumerate() if isinstance(thread, StoreAssociation)]
