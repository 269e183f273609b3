"""Orthanc as a target: over C-STORE, which it confirms to keep, and over STOW-RS."""

from io import BytesIO

import pydicom
import pytest
from images import SERIES
from orthanc_node import orthanc
from workflow_service import WORKFLOW, a_port, until

pytestmark = pytest.mark.timeout(120)


@pytest.mark.long
async def test_orthanc_has_every_image_as_it_is_here(serving, outgoing, tmp_path):
    home, port = a_port(), a_port()
    async with orthanc(tmp_path, home, port) as web, serving(dicom_port=port) as service:
        dicom = {"name": "Node", "ip": "127.0.0.1", "port": home, "aet_target": "ORTHANC"}
        stow = {"name": "Web", "target_type": "dicomweb", "url": f"{web.base_url}/dicom-web"}
        for target in ({**dicom, "storage_commitment": True}, stow):
            made = await service.user.post(f"{WORKFLOW}/targets", json=target)
            assert made.status_code == 201, made.text
            tested = await service.user.post(f"{WORKFLOW}/targets/{target['name']}/test")
            assert tested.json()["ok"], tested.text
        outgoing.queueing = service.wiring.sessions
        await outgoing.queue(1, 3, "Node")
        await outgoing.queue(2, 2, "Web")
        await until(outgoing.all_sent, 60)
        for uid in sorted(outgoing.uids):
            (found,) = (await web.post("/tools/lookup", content=uid)).json()
            file = await web.get(f"/instances/{found['ID']}/file")
            got = pydicom.dcmread(BytesIO(file.content))
            series, _, number = uid.rpartition(".")
            sent = pydicom.dcmread(tmp_path / "lake" / "dicom" / series / f"{number}.dcm")
            assert got.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
            assert got.to_json_dict() == sent.to_json_dict()
        (row,) = await service.get(f"/dispatches?series={SERIES}.1")
        (asked,) = (await service.get(f"/dispatches/{row['id']}"))["commitments"]
    assert (asked["instances"], asked["failures"]) == (3, 0)
    assert asked["answered_at"] is not None
