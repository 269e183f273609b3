"""kill -9 while series arrive and are decided on: each image is at the target, once."""

import asyncio

import httpx
import pydicom
import pytest
from images import SERIES, write_instance
from outside_killed import Outside
from workflow_service import a_port, over_http, until

from workflow_manager.dicom.scp import DicomListener
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.senders.port import Item

pytestmark = pytest.mark.timeout(240)
ALL = 12


@pytest.fixture
def archive():
    received, port = [], a_port()

    def store(given):
        header = pydicom.dcmread(pydicom.filebase.DicomBytesIO(given.data))
        received.append(str(header.SOPInstanceUID))
        return 0x0000

    listener = DicomListener(ae_title="PEER", host="127.0.0.1", port=port, handler=store)
    listener.start()
    yield port, received
    listener.stop()


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    found = Outside(tmp_path, clinic, keys, signer, headers_of)
    found.dicom_port = a_port()
    found.environment |= {
        "SCANHUB_WORKFLOW_DICOM_PORT": str(found.dicom_port),
        "SCANHUB_WORKFLOW_SERIES_QUIET_S": "0.3",
    }
    return found


async def post(outside, path, body):
    async with httpx.AsyncClient(headers=outside._user) as client:
        answer = await client.post(f"{outside.url}{path}", json=body)
        assert answer.status_code == 201, answer.text


async def configure(outside, port):
    target = {"name": "PACS", "ip": "127.0.0.1", "port": port, "aet_target": "PEER"}
    await post(outside, "/targets", target)
    rule = {"name": "mr", "rule": "tags.Modality == 'MR'", "target": "PACS"}
    await post(outside, "/rules", rule)


@pytest.mark.parametrize(
    "delay_s", [0.35, *(pytest.param(delay_s, marks=pytest.mark.long) for delay_s in (0.0, 0.6))]
)
async def test_killed_around_the_decision(outside, wire, archive, tmp_path, delay_s):
    port, received = archive
    async with over_http(wire) as url:
        await outside.start(url)
        await configure(outside, port)
        files = [write_instance(tmp_path / "sent", number) for number in range(1, ALL + 1)]
        node = Peer("127.0.0.1", outside.dicom_port, "SCANHUB", "SCANNER", 5.0, 10.0)
        await asyncio.to_thread(send_series, [Item(str(f), f) for f in files], node)
        await asyncio.sleep(delay_s)
        outside.kill()
        await outside.wait()
        await outside.start(url)

        async def sent():
            rows = await outside.get("/dispatches")
            return rows and rows[0]["status"] == "sent"

        await until(sent, 90)
        (row,) = await outside.get("/dispatches")
        decision = await outside.get(f"/series/{SERIES}/decision")
        journal = [e["type"] for e in await outside.get(f"/journal?subject={SERIES}")]
        outside.process.terminate()
        await outside.wait()
    assert (row["sent"], row["instances"]) == (ALL, ALL)
    assert set(received) == {f"{SERIES}.{number}" for number in range(1, ALL + 1)}
    assert (decision["number"], decision["targets"]) == (1, ["PACS"])
    assert journal.count("dicom.series.decided") == 1
