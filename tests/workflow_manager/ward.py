"""What tests of cases work with: a target that counts, and a ward that receives images."""

import asyncio
import threading

import pydicom
from images import write_instance
from pynetdicom import AE
from workflow_service import WORKFLOW, a_port, until

from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.scu import Peer, send_series


class Node:
    """A target that counts what it gets."""

    def __init__(self):
        self.port, self.received = a_port(), []
        self.refused = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.status = 0x0000

    def store(self, received):
        file = pydicom.filebase.DicomBytesIO(received.data)
        if self.status == 0:
            self.received.append(str(pydicom.dcmread(file).SOPInstanceUID))
        else:
            self.refused += 1
        self.go_on.wait(20)
        return self.status


class Ward:
    """What the tests do with a running service."""

    def __init__(self, service, folder, patience=30.0):
        self.service, self.folder, self.patience = service, folder, patience

    async def post(self, path, body=None, status=None):
        answer = await self.service.user.post(f"{WORKFLOW}{path}", json=body)
        assert answer.status_code in ({status} if status else {200, 201}), answer.text
        return answer.json()

    async def add_target(self, name, port):
        body = {"name": name, "ip": "127.0.0.1", "port": port, "aet_target": "PEER"}
        await self.post("/targets", body)

    async def add_rule(self, name, expression="True", **options):
        body = {"name": name, "rule": expression, "target": "PACS", **options}
        await self.post("/rules", body)

    async def receive(self, series, *numbers, description="T2", origin=None):
        origin = origin or Origin(source="SCANNER")
        for number in numbers:
            path = write_instance(self.folder / series, number, series=series)
            dataset = pydicom.dcmread(path)
            dataset.SeriesDescription = description
            dataset.save_as(path)
            await self.service.wiring.store.store_instance(path, origin)

    async def send(self, port, series, *numbers, calling="SCANNER"):
        """Send images over one association that ends cleanly."""
        folder = self.folder / f"{series} over the wire"
        files = [write_instance(folder, number, series=series) for number in numbers]
        peer = Peer("127.0.0.1", port, "SCANHUB", calling, 5.0, 10.0)
        report = await asyncio.to_thread(send_series, [(str(f), f) for f in files], peer)
        assert not report.failed

    async def open_association(self, port):
        ae = AE("SCANNER")
        ae.add_requested_context("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1")
        association = await asyncio.to_thread(ae.associate, "127.0.0.1", port, ae_title="SCANHUB")
        assert association.is_established
        return association

    async def store(self, association, series, number):
        path = write_instance(self.folder / f"{series} slowly", number, series=series)
        status = await asyncio.to_thread(association.send_c_store, path)
        assert status.Status == 0

    async def close(self, association):
        await asyncio.to_thread(association.release)

    async def case(self, *states, **wanted):
        """Return the case, once it is in one of these states."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items() if name != "number")

        async def there():
            found = await self.service.get(f"/cases?{query}")
            right = [c for c in found if c["number"] == wanted.get("number", 1)]
            return right[0] if right and right[0]["state"] in states else None

        return await until(there, self.patience)

    async def timeline(self, case):
        events = (await self.service.get(f"/cases/{case['id']}"))["timeline"]
        return [event["type"] for event in events]
