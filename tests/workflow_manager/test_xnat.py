"""XNAT as a target: an import of the whole series, a login that ends, a project that is there."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import Response
from images import SERIES, write_instance
from test_senders import last_step, send, uids, web_server

from scanhub_libraries.ids import new_id
from scanhub_libraries.models import TargetIn
from workflow_manager.senders.port import Item, Shipment
from workflow_manager.senders.registry import Senders


@pytest.fixture
def xnat_at():
    """Return what makes a sender to an XNAT."""
    with ThreadPoolExecutor(max_workers=2) as threads:
        senders = Senders(threads, connect_timeout_s=5.0, timeout_s=5.0)

        def make(host, project="P1", key="pw"):
            wanted = {"name": "There", "target_type": "xnat", "host": host, "user": "u"}
            more = {"project_id": project, "password": key}
            return senders.make(TargetIn.model_validate({**wanted, **more}).root)

        yield make


@pytest.fixture
def shipment(tmp_path):
    paths = [write_instance(tmp_path / "from", number) for number in (1, 2, 3)]
    items = [Item(f"{SERIES}.{path.stem}", path) for path in paths]
    return Shipment(id=new_id(), items=items, patient_id="P-1", study_date="20260102")


async def test_xnat_imports_a_zip_and_no_patient_stands_in_the_address(xnat_at, shipment):
    placed = Response("/data/prearchive/projects/P1/20260102_101112/P-1_20260102\r\n")
    async with web_server(lambda *_: placed) as (url, asked):
        sender = xnat_at(url)
        assert (await send(sender, shipment)).sent == uids(shipment)
        assert (await last_step(sender)).name == "project"
    request, body = asked[0]
    assert str(request.url.query) == "import-handler=DICOM-zip"
    assert b"P-1_20260102" in body
    with zipfile.ZipFile(io.BytesIO(body[body.index(b"PK\x03\x04") :])) as archive:
        assert archive.namelist() == [item.name for item in shipment.items]
    undated = Shipment(shipment.id, shipment.items, patient_id="P-1")
    assert "StudyDate" in (await send(sender, undated)).error


class Xnat:
    """Answers as XNAT does: a session for each login, and images of no project put aside."""

    def __init__(self):
        self.sessions, self.opened = set(), 0

    def __call__(self, request, body):
        user = request.headers.get("Authorization", "")
        if request.url.path == "/data/JSESSION" and request.method == "DELETE":
            self.sessions.discard(request.cookies["JSESSIONID"])
            return Response()
        if user != "Basic dTpwdw==":
            return Response(status_code=401)
        answer = self.answered(request, body)
        if request.cookies.get("JSESSIONID") not in self.sessions:
            self.opened += 1
            self.sessions.add(f"S{self.opened}")
            answer.set_cookie("JSESSIONID", f"S{self.opened}", path="/", httponly=True)
        return answer

    def answered(self, request, body):
        if request.url.path.startswith("/data/projects/"):
            return Response(status_code=200 if request.url.path.endswith("/P1") else 404)
        if request.url.path == "/data/auth":
            return Response("User 'u' is logged in")
        project = "P1" if b"\r\n\r\nP1\r\n" in body else "Unassigned"
        return Response(f"/data/prearchive/projects/{project}/20260102_101112/P-1_20260102\r\n")


async def test_xnat_is_logged_out_of_and_its_projects_are_looked_at(xnat_at, shipment):
    xnat = Xnat()
    async with web_server(xnat) as (url, _):
        sender = xnat_at(url)
        assert not (await send(sender, shipment)).failed
        assert all(step.ok for step in await sender.test())
        assert (xnat.opened, xnat.sessions) == (2, set())
        astray = xnat_at(url, project="P2")
        assert "no project 'P2'" in (await send(astray, shipment)).error
        step = await last_step(astray)
        assert (step.name, step.ok) == ("project", False)
        stranger = xnat_at(url, key="wrong")
        assert "user, password" in (await send(stranger, shipment)).error
        assert (await last_step(stranger)).name == "login"
        assert xnat.sessions == set()
