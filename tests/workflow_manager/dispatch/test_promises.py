"""Other nodes ask which of their images we keep, and hear it (PS3.4 Annex J)."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from images import SERIES, write_instance
from orthanc_node import orthanc
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid
from pynetdicom import AE, evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import StorageCommitmentPushModel as PushModel
from workflow_service import WORKFLOW, a_port, until

INSTANCE = "1.2.840.10008.1.20.1.1"
UNKNOWN = "1.2.826.0.1.3680043.8.498.999"
pytestmark = pytest.mark.timeout(120)


class Modality:
    """A scanner of pynetdicom: it sends, asks, and listens for the report."""

    def __init__(self, port):
        self.port, self.reports, self.heard = port, [], threading.Event()
        self._ae = AE("SCANNER")
        self._ae.add_requested_context(MRImageStorage)
        self._ae.add_requested_context(PushModel)

    @property
    def _handlers(self):
        return [(evt.EVT_N_EVENT_REPORT, self._take), (evt.EVT_PDU_SENT, self._sent)]

    def _take(self, event):
        self.reports.append(event.event_information)
        return 0x0000, None

    def _sent(self, event):
        """Its answer has gone too: who releases before cannot send it any more."""
        if self.reports and isinstance(event.pdu, P_DATA_TF):
            self.heard.set()

    def ask(self, references, *paths, transaction_uid=None, stays=False):
        """Send images, ask about instances; return the status of the answer."""
        association = self._ae.associate(
            "127.0.0.1", self.port, ae_title="SCANHUB", evt_handlers=self._handlers
        )
        assert association.is_established
        try:
            for path in paths:
                assert association.send_c_store(dcmread(path)).Status == 0x0000
            action = Dataset()
            action.TransactionUID = transaction_uid or generate_uid()
            action.ReferencedSOPSequence = [as_reference(*one) for one in references]
            status, _ = association.send_n_action(action, 1, PushModel, INSTANCE)
            if stays:
                assert self.heard.wait(30)
            return status.Status
        finally:
            association.release()

    @contextmanager
    def listening(self, port):
        """Take reports over associations that others open."""
        ae = AE("SCANNER")
        ae.add_supported_context(PushModel, scu_role=True, scp_role=True)
        server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=self._handlers)
        try:
            yield
        finally:
            server.shutdown()


def as_reference(sop_class, uid):
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def kept_by(report):
    return [str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])]


def failed_by(report):
    items = report.get("FailedSOPSequence", [])
    return {str(item.ReferencedSOPInstanceUID): item.FailureReason for item in items}


async def the_request(service, *states):
    async def reached():
        rows = await service.get("/commitments")
        return rows[0] if rows and rows[0]["state"] in states else None

    return await until(reached)


async def test_who_stays_hears_it_over_the_same_association_image_by_image(serving, tmp_path):
    paths = [write_instance(tmp_path / "from", number) for number in (1, 2, 3)]
    uids = [f"{SERIES}.{number}" for number in (1, 2, 3)]
    port = a_port()
    async with serving(dicom_port=port) as service:
        modality = Modality(port)
        assert await asyncio.to_thread(modality.ask, [(MRImageStorage, UNKNOWN)], *paths) == 0
        await until(lambda: len(list((tmp_path / "lake").rglob("*.3.dcm"))) == 1)
        (lost,) = (tmp_path / "lake").rglob("*.3.dcm")
        lost.unlink()
        references = [
            (MRImageStorage, uids[0]),
            (CTImageStorage, uids[1]),
            (MRImageStorage, uids[2]),
            (MRImageStorage, UNKNOWN),
        ]
        assert await asyncio.to_thread(modality.ask, references, stays=True) == 0x0000
        row = await the_request(service, "reported")
        whole = await service.get(f"/commitments/{row['id']}")
    (report,) = modality.reports
    assert kept_by(report) == [uids[0]]
    assert failed_by(report) == {uids[1]: 0x0119, uids[2]: 0x0110, UNKNOWN: 0x0112}
    assert (row["peer_aet"], row["own_aet"], row["instances"]) == ("SCANNER", "SCANHUB", 4)
    assert (row["kept"], row["error"]) == (1, None)
    assert [(one["sop_instance_uid"], one["failure"]) for one in whole["references"]] == [
        (uids[1], "The archive has it as another SOP class."),
        (uids[2], "Its file is not as the archive says."),
        (UNKNOWN, "It is not in the archive."),
        (uids[0], None),
    ]


@pytest.mark.long
async def test_who_has_gone_is_called_until_it_answers_also_after_a_restart(
    serving, outgoing, tmp_path
):
    path, port, home = write_instance(tmp_path / "from"), a_port(), a_port()
    await outgoing.add_target("Scanner", port=home, aet_target="SCANNER", direction="pull")
    modality = Modality(port)
    backoff = {"dispatch_backoff_s": (0.5,) * 100}
    async with serving(dicom_port=port, **backoff) as service:
        question = [(MRImageStorage, f"{SERIES}.1")]
        assert await asyncio.to_thread(modality.ask, question, path) == 0x0000

        async def tried():
            (row,) = await service.get("/commitments")
            return row if row["error"] else None

        row = await until(tried)
        assert f"127.0.0.1:{home} refuses connections" in row["error"]
        assert (row["state"], row["kept"]) == ("waiting", None)
    with modality.listening(home):
        async with serving(**backoff) as service:
            row = await the_request(service, "reported")
    assert [kept_by(report) for report in modality.reports] == [[f"{SERIES}.1"]]
    assert (row["kept"], row["error"]) == (1, None)
    told = [event.type for event in await outgoing.events() if event.type.startswith("commitment")]
    assert told == ["commitment.requested", "commitment.reported"]


@pytest.mark.long
async def test_who_is_not_known_is_told_when_its_address_is_given(serving, tmp_path):
    path, port, home = write_instance(tmp_path / "from"), a_port(), a_port()
    modality = Modality(port)
    async with serving(dicom_port=port, dispatch_backoff_s=()) as service:
        question = [(MRImageStorage, f"{SERIES}.1")]
        assert await asyncio.to_thread(modality.ask, question, path) == 0x0000
        row = await the_request(service, "failed")
        assert "has the AE title 'SCANNER': configure one" in row["error"]
        node = {"name": "Scanner", "ip": "sender", "port": home, "aet_target": "SCANNER"}
        assert (await service.user.post(f"{WORKFLOW}/targets", json=node)).status_code == 201
        retry = f"{WORKFLOW}/commitments/{row['id']}/retry"
        broken = {**node, "target_type": "dicomtls", "ip": "127.0.0.1", "ca_cert": "no PEM"}
        target = f"{WORKFLOW}/targets/Scanner"
        assert (await service.user.put(target, json=broken)).status_code == 200
        assert (await service.user.post(retry)).status_code == 200

        async def cannot_be_used():
            row = await the_request(service, "failed", "waiting")
            return "'Scanner' cannot be used" in (row["error"] or "")

        await until(cannot_be_used)
        assert (await service.user.put(target, json=node)).status_code == 200
        with modality.listening(home):
            assert (await service.user.post(retry)).status_code == 200
            await the_request(service, "reported")
        assert (await service.user.post(retry)).status_code == 409
    assert [kept_by(report) for report in modality.reports] == [[f"{SERIES}.1"]]


async def test_the_same_request_is_answered_twice_and_another_under_its_name_is_refused(
    serving, tmp_path
):
    path, port, name = write_instance(tmp_path / "from"), a_port(), generate_uid()
    async with serving(dicom_port=port) as service:
        for _ in range(2):
            modality = Modality(port)
            question = [(MRImageStorage, f"{SERIES}.1")]
            status = await asyncio.to_thread(
                modality.ask, question, path, transaction_uid=name, stays=True
            )
            assert (status, kept_by(modality.reports[0])) == (0x0000, [f"{SERIES}.1"])
        other = [(MRImageStorage, UNKNOWN)]
        status = await asyncio.to_thread(modality.ask, other, transaction_uid=name)
        assert status == 0x0110
        assert await asyncio.to_thread(modality.ask, [("no uid", "none")]) == 0x0110
        (first,) = await service.get("/commitments")
        assert await asyncio.to_thread(modality.ask, other) == 0x0000
        second, _ = await service.get("/commitments")
        assert await service.get(f"/commitments?before={second['id']}") == [first]
        assert await service.get(f"/commitments?before={first['id']}") == []


@pytest.mark.long
async def test_orthanc_asks_and_hears(serving, tmp_path):
    image, port, home = write_instance(tmp_path / "from"), a_port(), a_port()
    node = {"name": "Orthanc", "ip": "127.0.0.1", "port": home, "aet_target": "ORTHANC"}
    async with orthanc(tmp_path, home, port) as web, serving(dicom_port=port) as service:
        node["direction"] = "pull"
        assert (await service.user.post(f"{WORKFLOW}/targets", json=node)).status_code == 201
        stored = (await web.post("/instances", content=image.read_bytes())).json()
        sent = await web.post("/modalities/scanhub/store", content=stored["ID"])
        assert sent.status_code == 200, sent.text
        wanted = [[MRImageStorage, uid] for uid in (f"{SERIES}.1", UNKNOWN)]
        asked = await web.post(
            "/modalities/scanhub/storage-commitment", json={"DicomInstances": wanted}
        )

        async def heard():
            report = (await web.get(asked.json()["Path"])).json()
            return report if report["Status"] != "Pending" else None

        report = await until(heard, 60)
    assert report["Status"] == "Failure"
    assert [item["SOPInstanceUID"] for item in report["Success"]] == [f"{SERIES}.1"]
    assert [item["SOPInstanceUID"] for item in report["Failures"]] == [UNKNOWN]
