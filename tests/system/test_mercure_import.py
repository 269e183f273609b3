"""Moving over from mercure: its file imports, images are routed by it, and twice is once."""

import asyncio
import json
import os
from pathlib import Path
from uuid import uuid4

import httpx
import pydicom
import pytest
from nursery import start_program
from ports import a_port
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from pynetdicom import AE

from scanhub.demo.data import PASSWORD, USERNAME, DemoApi

from .conftest import Installation

pytestmark = pytest.mark.system
SAMPLE = Path(__file__).parents[1] / "scanhub" / "mercure" / "mercure.json"


async def _import(installation: Installation, path: Path) -> tuple[int, str]:
    said = installation.data_dir / "said"
    with said.open("wb") as log:
        command = await start_program(
            *("-m", "scanhub", "import", str(path)),
            *("--url", installation.url, "--username", USERNAME),
            env=os.environ | {"SCANHUB_PASSWORD": PASSWORD, "COLUMNS": "200"},
            log=log,
        )
    return await command.wait(), said.read_text()


def _words(said: str) -> dict[str, str]:
    """Return what became of each thing."""
    lines = [line.split("  ", 1) for line in said.split("\n\n", maxsplit=1)[0].splitlines()]
    return {what.split(":")[0]: became for became, what in lines}


def _send(port: int, *, body_part: str) -> str:
    """Send an image; return its SOP Instance UID."""
    image = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    image.BodyPartExamined = body_part
    image.PatientName = "Head^Harry"
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    node = AE("SCANNER")
    node.add_requested_context(image.SOPClassUID, image.file_meta.TransferSyntaxUID)
    association = node.associate("127.0.0.1", port)
    assert association.is_established
    assert association.send_c_store(image).Status == 0
    association.release()
    return str(image.SOPInstanceUID)


async def _arrives(folder: Path, uid: str) -> Path:
    async with asyncio.timeout(60):
        while True:
            for path in folder.rglob("*.dcm") if folder.exists() else []:
                if pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID == uid:
                    return path
            await asyncio.sleep(0.1)


@pytest.mark.long
async def test_a_mercure_json_imports_and_routes_and_importing_it_again_changes_nothing(tmp_path):
    disk = tmp_path / f"disk-{uuid4()}"
    disk.mkdir()
    document = json.loads(SAMPLE.read_text())
    document["targets"]["disk"]["folder"] = str(disk)
    document["rules"]["heads"]["target"] = "disk"
    path = tmp_path / "mercure.json"
    path.write_text(json.dumps(document))
    dicom_port = a_port()
    installation = Installation(tmp_path, environment={"SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.5"})
    try:
        await installation.start("--dicom-port", str(dicom_port))
        async with httpx.AsyncClient(base_url=installation.url, timeout=30) as http:
            api = DemoApi(http)
            await api.log_in()
            code, said = await _import(installation, path)
            first = _words(said)
            assert first["target pacs"] == first["rule heads"] == "made", said
            assert first["rule segment"] == "made", said
            assert code == 0
            assert "SCANHUB_WORKFLOW_STUDY_COMPLETE_S=900" in said
            assert first["module segmentation"] == first["module plain"] == "made", said
            (plain, module) = await api.call("GET", "/workflowmanager/modules")
            assert (plain["name"], module["environment"]) == ("plain", ["LICENCE", "THREADS"])
            rules = [rule["name"] for rule in await api.call("GET", "/workflowmanager/rules")]
            assert rules == ["heads", "phantoms", "told", "studies", "segment", "rest"]

            code, said = await _import(installation, path)
            assert set(_words(said).values()) == {"unchanged"}, said

            uid = await asyncio.to_thread(_send, dicom_port, body_part="HEAD")
            await _arrives(disk, uid)
    finally:
        await installation.end()
