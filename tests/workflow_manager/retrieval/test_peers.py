"""Archives of others as sources: Orthanc and DCMTK."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from programs import require_program
from pydicom.filereader import read_file_meta_info
from pydicom.uid import RLELossless
from sources import ROOT, study
from test_retrievals import accessions, add_source, ended, fetch
from workflow_service import WORKFLOW, a_port, until

from workflow_manager.dicom.associating import Peer, echo
from workflow_manager.dicom.scu import send_series

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@asynccontextmanager
async def program(*command, port, folder):
    """A node of somebody else that answers a C-ECHO."""
    with (folder / "log").open("wb") as log:
        words = list(map(str, command))
        process = await asyncio.create_subprocess_exec(*words, stdout=log, stderr=log, cwd=folder)
    try:
        peer = Peer("127.0.0.1", port, "ARCHIVE", "SCANHUB")

        async def answers():
            assert process.returncode is None, (folder / "log").read_text()
            return await asyncio.to_thread(echo, peer) is None

        await until(answers, 60)
        yield peer
    finally:
        process.terminate()
        await process.wait()


async def fill(peer, folder, images):
    items = []
    for number, dataset in enumerate(images):
        path = folder / f"{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        items.append((str(dataset.SOPInstanceUID), path))
    report = await asyncio.to_thread(send_series, items, peer)
    assert not report.failed


def compressed():
    dataset = study(2)[0]
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset


@pytest.fixture
async def orthanc(tmp_path):
    path, port, http_port = require_program("Orthanc"), a_port(), a_port()
    settings = {
        "Name": "ARCHIVE", "DicomAet": "ARCHIVE", "DicomPort": port, "HttpPort": http_port,
        "RemoteAccessAllowed": True, "AuthenticationEnabled": False,
        "StorageDirectory": str(tmp_path / "db"), "IndexDirectory": str(tmp_path / "db"),
        "DicomModalities": {"us": ["SCANHUB", "127.0.0.1", 104]}, "Plugins": [PLUGIN],
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    async with program(path, tmp_path / "orthanc.json", port=port, folder=tmp_path) as peer:
        await fill(peer, tmp_path, [*study(1, series=2), compressed()])
        yield port, http_port


def stored_syntaxes(service):
    files = service.wiring.lake.root.glob(f"dicom/{ROOT}*/*/*.dcm")
    return [str(read_file_meta_info(path).TransferSyntaxUID) for path in files]


@pytest.mark.long
async def test_orthanc_gives_studies_by_c_get(serving, orthanc):
    port, _ = orthanc
    async with serving() as service:
        await add_source(service, port)
        id_ = await fetch(service, "A1", "A2", "A3")
        found = await ended(service, id_)
        rows = await accessions(service, id_)
        assert [row["state"] for row in rows] == ["done", "done", "failed"], rows
        assert found["instances"] == 5
        assert len(stored_syntaxes(service)) == 5


@pytest.mark.long
async def test_orthanc_gives_studies_by_wado_rs_as_they_are_stored(serving, orthanc):
    if not Path(PLUGIN).exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    _, port = orthanc
    async with serving() as service:
        body = {"name": "old", "target_type": "dicomweb", "direction": "pull"}
        body["url"] = f"http://127.0.0.1:{port}/dicom-web"
        answer = await service.user.post(f"{WORKFLOW}/targets", json=body)
        assert answer.status_code == 201
        id_ = await fetch(service, "A1", "A2", "A3")
        found = await ended(service, id_)
        rows = await accessions(service, id_)
        assert [row["state"] for row in rows] == ["done", "done", "failed"], rows
        assert found["instances"] == 5
        assert stored_syntaxes(service).count(str(RLELossless)) == 1


@pytest.mark.long
@pytest.mark.parametrize("without", [(), ("--disable-get",)])
async def test_dcmtk_gives_studies_by_c_get_or_moves_them(serving, tmp_path, without):
    path, port, ours = require_program("dcmqrscp"), a_port(), a_port()
    (tmp_path / "db").mkdir()
    (tmp_path / "qr.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nus = (CTRL, 127.0.0.1, {ours})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {tmp_path / 'db'} RW (200, 1024mb) ANY\nAETable END\n"
    )
    command = (path, *without, "-c", tmp_path / "qr.cfg")
    async with (
        program(*command, port=port, folder=tmp_path) as peer,
        serving(dicom_port=ours, dicom_ae_title="CTRL") as service,
    ):
        await fill(peer, tmp_path, study(1, series=2))
        await add_source(service, port)
        id_ = await fetch(service, "A1", "A2")
        found = await ended(service, id_)
        one, two = await accessions(service, id_)
        assert (one["state"], one["retrieved"]) == ("done", 4), one
        assert two["reason"] == "The source has no study with this accession number."
        assert found["instances"] == 4
