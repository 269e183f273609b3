"""DICOM over TLS both ways: what is right goes through, and what is wrong is named."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from images import SERIES, STUDY, instance, storescp, write_instance
from programs import require_program
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pynetdicom import build_role, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)
from test_dicomweb_retrieve import encoded
from test_node import Authority
from test_senders import last_step, send
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.ids import new_id
from scanhub_libraries.models import TargetIn
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.transport import Entity
from workflow_manager.senders.port import Item, Shipment
from workflow_manager.senders.registry import Senders

FIND = StudyRootQueryRetrieveInformationModelFind
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove


def node_of(threads, **settings):
    """Return what sends to a node over TLS."""
    document = {"name": "There", "target_type": "dicomtls", **settings}
    senders = Senders(threads, connect_timeout_s=5.0, timeout_s=5.0)
    return senders.make(TargetIn.model_validate(document).root)


def as_pem(holder):
    return {"tls_cert": holder.certificate.read_text(), "tls_key": holder.key.read_text()}


async def test_a_target_whose_certificate_is_wrong_gets_nothing_and_hears_why(tmp_path):
    path = write_instance(tmp_path / "from")
    shipment = Shipment(id=new_id(), items=[Item(f"{SERIES}.1", path)])
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Another CA")
    good, late = authority.sign("good"), authority.sign("late", days=-1.0)
    ours, ca = as_pem(authority.sign("us")), {"ca_cert": authority.file.read_text()}
    other_ca = {"ca_cert": stranger.file.read_text()}
    program = require_program("storescp")
    for server, settings, reason in (
        (good, {**ours, **other_ca}, "not accepted: self-signed certificate in"),
        (late, {**ours, **ca}, "not accepted: certificate has expired"),
        (good, {**ours, **ca, "ip": "127.0.0.2", "verify_host": True}, "not accepted: IP address"),
        (good, ca, "it wants another certificate of ours"),
    ):
        port = a_port()
        options = ("+tls", str(server.key), str(server.certificate), "+cf", str(authority.file))
        node = {"ip": "127.0.0.1", "port": port, "aet_target": "PEER", **settings}
        with (
            ThreadPoolExecutor(max_workers=1) as threads,
            storescp(program, tmp_path / "in", port, *options, "-rc"),
        ):
            sender = node_of(threads, **node)
            step, report = await last_step(sender), await send(sender, shipment)
        assert not step.ok
        assert (report.sent, len(report.failed)) == ([], 1), step.detail
        assert reason in report.error
        assert "PRIVATE KEY" not in step.detail + report.error
    assert list((tmp_path / "in").iterdir()) == []


@pytest.fixture
async def secured(serving, tmp_path):
    """Our node, which asks for certificates, with two images; and how a peer speaks with it."""
    authority, port = Authority(tmp_path), a_port()
    server = authority.sign("server")
    files = {
        "dicom_tls_port": port,
        "dicom_tls_certificate": server.certificate,
        "dicom_tls_key": server.key,
        "dicom_tls_client_ca": authority.file,
    }
    async with serving(**files) as service:
        for number in (1, 2):
            await service.wiring.store.store_instance(encoded(instance(number)), Origin("TEST"))
        service.port, service.authority = port, authority
        yield service


def identifier(level, **keys):
    made = Dataset()
    made.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(made, keyword, value)
    return made


def ask(service, model, what, *, holder, got=None, to="PEER"):
    """Ask over TLS; return the statuses and what came with them."""
    ae = Entity("SCANNER")
    ae.add_requested_context(model)
    ae.add_requested_context(MRImageStorage)
    roles = [build_role(MRImageStorage, scp_role=True)]

    def store(event):
        got.append(event.dataset)
        return 0x0000

    association = ae.associate(
        "127.0.0.1",
        service.port,
        ae_title="SCANHUB",
        tls_args=(service.authority.client(holder), "localhost"),
        ext_neg=roles,
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )
    if not association.is_established:
        return None
    sent = {FIND: "send_c_find", GET: "send_c_get"}.get(model, "send_c_move")
    destination = [to] if model == MOVE else []
    try:
        return list(getattr(association, sent)(what, *destination, query_model=model))
    finally:
        association.release()


async def test_a_peer_with_a_certificate_finds_gets_and_moves(secured, tmp_path):
    holder, port = secured.authority.sign("peer"), a_port()
    study = {"StudyInstanceUID": STUDY}
    wanted = identifier("IMAGE", **study, SeriesInstanceUID=SERIES, SOPInstanceUID="")
    answers = await asyncio.to_thread(ask, secured, FIND, wanted, holder=holder)
    found = {answer.SOPInstanceUID for _, answer in answers if answer is not None}
    assert found == {f"{SERIES}.1", f"{SERIES}.2"}
    got = []
    what = identifier("STUDY", **study)
    answers = await asyncio.to_thread(ask, secured, GET, what, holder=holder, got=got)
    assert answers[-1][0].Status == 0x0000
    assert {bytes(one.PixelData) for one in got} == {instance(n).PixelData for n in (1, 2)}
    node = {"name": "peer", "ip": "127.0.0.1", "port": port, "aet_target": "PEER"}
    assert (await secured.user.post(f"{WORKFLOW}/targets", json=node)).status_code == 201
    with storescp(require_program("storescp"), tmp_path / "in", port):
        answers = await asyncio.to_thread(ask, secured, MOVE, what, holder=holder)
        assert answers[-1][0].Status == 0x0000
        await until(lambda: len(list((tmp_path / "in").iterdir())) == 2)


async def test_a_peer_without_a_certificate_of_ours_is_not_heard(secured, tmp_path):
    what = identifier("STUDY", StudyInstanceUID=STUDY)
    stranger = Authority(tmp_path, "Another CA").sign("stranger")
    for holder in (None, stranger):
        assert await asyncio.to_thread(ask, secured, FIND, what, holder=holder) is None


async def test_images_move_over_tls_and_not_to_a_node_that_cannot_be_trusted(secured, tmp_path):
    authority, port = secured.authority, a_port()
    holder, there = authority.sign("peer"), authority.sign("there")
    trusted = {**as_pem(authority.sign("us")), "ca_cert": authority.file.read_text()}
    stranger = Authority(tmp_path, "Another CA").file.read_text()
    node = {"target_type": "dicomtls", "ip": "127.0.0.1", "port": port}
    for name, settings in (
        ("SECURE", trusted),
        ("DOUBTFUL", {**trusted, "ca_cert": stranger}),
        ("BROKEN", {**trusted, "tls_key": "no key"}),
    ):
        document = {**node, **settings, "name": name, "aet_target": name}
        made = await secured.user.post(f"{WORKFLOW}/targets", json=document)
        assert made.status_code == 201, made.text
    what, folder = identifier("STUDY", StudyInstanceUID=STUDY), tmp_path / "in"
    options = ("+tls", str(there.key), str(there.certificate), "+cf", str(authority.file), "-rc")
    with storescp(require_program("storescp"), folder, port, *options):
        for name, status in (("DOUBTFUL", 0xA702), ("BROKEN", 0xC000)):
            answers = await asyncio.to_thread(ask, secured, MOVE, what, holder=holder, to=name)
            assert answers[-1][0].Status == status, name
        assert list(folder.iterdir()) == []
        answers = await asyncio.to_thread(ask, secured, MOVE, what, holder=holder, to="SECURE")
        assert answers[-1][0].Status == 0x0000
        await until(lambda: len(list(folder.iterdir())) == 2)
