"""Orthanc as a node beside us, with its DICOMweb plugin."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from programs import require_program
from workflow_service import a_port, until

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@asynccontextmanager
async def orthanc(folder: Path, dicom_port: int, our_port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Orthanc, and a client of it; it knows us as `scanhub`."""
    path, http_port = require_program("Orthanc"), a_port()
    us = {"AET": "SCANHUB", "Host": "127.0.0.1", "Port": our_port}
    settings = {
        **dict.fromkeys(("StorageDirectory", "IndexDirectory"), str(folder / "orthanc")),
        "DicomAet": "ORTHANC",
        "DicomPort": dicom_port,
        "HttpPort": http_port,
        "AuthenticationEnabled": False,
        "DicomModalities": {"scanhub": us},
        "Plugins": [PLUGIN],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            path, folder / "orthanc.json", stdout=log, stderr=log, cwd=folder
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", timeout=30) as web:

            async def answers() -> bool:
                assert process.returncode is None, (folder / "log").read_text()
                with suppress(httpx.TransportError):
                    return (await web.get("/system")).is_success
                return False

            await until(answers, 60)
            yield web
    finally:
        process.terminate()
        await process.wait()
