"""A project of an XNAT server: a zip of the whole series to its import service."""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator, Sequence
from secrets import token_hex
from typing import IO

import httpx

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import XnatTarget
from workflow_manager.senders.http import STEP_OF, why_no_answer
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.reach import reach

_CHUNK = 1 << 18
_IN_MEMORY = 8 * 2**20
_OK = 200


class XnatSender:
    """Imports a series as the session `<PatientID>_<StudyDate>` of its subject.

    The answer is one for all: either the whole series is there, or none of it counts.
    """

    whole = True

    def __init__(
        self, target: XnatTarget, pace: Pace, *, connect_timeout_s: float, timeout_s: float
    ) -> None:
        self._target = target
        self._pace = pace
        self._connect_timeout_s = connect_timeout_s
        self._timeout = httpx.Timeout(max(timeout_s, 300.0), connect=connect_timeout_s)

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Send the zip; it takes part of the memory, and then the disk."""
        if not shipment.study_date or not shipment.patient_id:
            report.fail_rest(
                shipment.items, "XNAT needs StudyDate and PatientID, and the images lack them."
            )
            return
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            try:
                await asyncio.to_thread(_zip, file, shipment.items)
            except OSError as error:
                report.fail_rest(shipment.items, f"A file cannot be read: {error.strerror}.")
                return
            reason = await self._import(file, shipment)
        if reason is None:
            report.sent.extend(item.sop_instance_uid for item in shipment.items)
        else:
            report.fail_rest(shipment.items, reason)

    async def test(self) -> list[TargetStep]:
        """Connect, and log in."""
        url = httpx.URL(self._target.host)
        port = url.port or (443 if url.scheme == "https" else 80)
        steps = await reach(url.host, port, self._connect_timeout_s)
        if not steps[-1].ok:
            return steps
        try:
            async with self._client() as client:
                answer = await client.get(f"{self._target.host}/data/auth")
        except httpx.HTTPError as error:
            return [*steps, TargetStep(name="tls", ok=False, detail=why_no_answer(error))]
        name, detail = STEP_OF.get(answer.status_code, ("login", ""))
        detail = detail or f"XNAT answered the login with HTTP {answer.status_code}."
        return [*steps, TargetStep(name=name, ok=answer.status_code == _OK, detail=detail)]

    def _client(self) -> httpx.AsyncClient:
        target = self._target
        password = target.password.get_secret_value() if target.password else ""
        return httpx.AsyncClient(
            auth=httpx.BasicAuth(target.user, password), timeout=self._timeout, trust_env=False
        )

    async def _import(self, file: IO[bytes], shipment: Shipment) -> str | None:
        size = await asyncio.to_thread(file.seek, 0, 2)
        await asyncio.to_thread(file.seek, 0)
        fields = {
            "PROJECT_ID": self._target.project_id,
            "SUBJECT_ID": shipment.patient_id,
            "EXPT_LABEL": f"{shipment.patient_id}_{shipment.study_date}",
            "overwrite": "delete",
        }
        boundary = token_hex(16)
        head = _head(fields, boundary)
        tail = f"\r\n--{boundary}--\r\n".encode()
        try:
            async with self._client() as client:
                answer = await client.post(
                    f"{self._target.host}/data/services/import",
                    params={"import-handler": "DICOM-zip"},  # addresses are logged: no patient
                    headers={
                        "Content-Type": f"multipart/form-data; boundary={boundary}",
                        "Content-Length": str(len(head) + size + len(tail)),
                    },
                    content=self._body(head, file, tail),
                )
        except httpx.HTTPError as error:
            return why_no_answer(error)
        if answer.status_code == _OK:
            return None
        _, detail = STEP_OF.get(answer.status_code, ("", ""))
        return detail or f"XNAT did not take the series: HTTP {answer.status_code}."

    async def _body(self, head: bytes, file: IO[bytes], tail: bytes) -> AsyncIterator[bytes]:
        yield head
        while chunk := await asyncio.to_thread(file.read, self._pace.at_once(_CHUNK)):
            await self._pace.wait(len(chunk))
            yield chunk
        yield tail


def _zip(file: IO[bytes], items: Sequence[Item]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for item in items:
            archive.write(item.path, item.name)


def _head(fields: dict[str, str], boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = 'Content-Disposition: form-data; name="file"; filename="images.zip"'
    parts.append(f"--{boundary}\r\n{file}\r\nContent-Type: application/zip\r\n\r\n")
    return "".join(parts).encode()
