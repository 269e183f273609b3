"""Orthanc as a node beside a test, with its DICOMweb plugin."""

import json
import subprocess
import time
from contextlib import contextmanager

import httpx
from ports import a_port
from programs_of_dicom import program

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@contextmanager
def orthanc(folder, *, call_back=None, user=None):
    """Start Orthanc; give its DICOM port and a client of its own interface.

    It knows a node `OURS` at the port `call_back`, and one user, as name and password.
    """
    folder.mkdir()
    dicom_port, http_port = a_port(), a_port()
    settings = {
        **dict.fromkeys(("StorageDirectory", "IndexDirectory"), str(folder / "db")),
        "DicomAet": "ORTHANC",
        "DicomPort": dicom_port,
        "HttpPort": http_port,
        "AuthenticationEnabled": user is not None,
        "RegisteredUsers": dict([user] if user else []),
        "DicomModalities": {
            "ours": {"AET": "OURS", "Host": "127.0.0.1", "Port": call_back or a_port()}
        },
        "Plugins": [PLUGIN],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    command = [program("Orthanc"), folder / "orthanc.json"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{http_port}", auth=user, timeout=30) as web,
    ):
        try:
            _wait(process, web, folder / "log")
            yield dicom_port, web
        finally:
            process.terminate()


def _wait(process, web, log):
    deadline = time.monotonic() + 60
    while True:
        try:
            if web.get("/system").is_success:
                return
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
