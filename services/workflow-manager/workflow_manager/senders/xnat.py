"""A project of an XNAT server: a zip of the whole series to its import service."""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import IO
from urllib.parse import quote

import httpx

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import XnatTarget
from workflow_manager.senders.http import STEP_OF, why_no_answer
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.reach import reach

_CHUNK = 1 << 18
_IN_MEMORY = 8 * 2**20
_OK = 200
_SESSION = "JSESSIONID"
_NOBODYS = "/prearchive/projects/Unassigned/"


class XnatSender:
    """Imports a series as the session `<PatientID>_<StudyDate>` of its subject.

    The answer is one for all: either the whole series is there, or none of it counts. It names
    where in archive or prearchive XNAT put the images (XNAT's Image Session Import Service API).
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
        """Connect, log in, and look whether the user sees the project."""
        url = httpx.URL(self._target.host)
        port = url.port or (443 if url.scheme == "https" else 80)
        steps = await reach(url.host, port, self._connect_timeout_s)
        if not steps[-1].ok:
            return steps
        project = quote(self._target.project_id, safe="")
        try:
            async with self._session() as client:
                login = await client.get(f"{self._target.host}/data/auth")
                steps.append(_login_step(login.status_code))
                if steps[-1].ok:
                    seen = await client.get(
                        f"{self._target.host}/data/projects/{project}", params={"format": "json"}
                    )
                    steps.append(self._project_step(seen.status_code))
        except httpx.HTTPError as error:
            return [*steps, TargetStep(name="tls", ok=False, detail=why_no_answer(error))]
        return steps

    def _project_step(self, status: int) -> TargetStep:
        name = self._target.project_id
        if status == _OK:
            return TargetStep(name="project", ok=True, detail=f"The user sees project {name!r}.")
        told = f"XNAT shows no project {name!r} to this user (HTTP {status}): look at its ID there."
        return TargetStep(name="project", ok=False, detail=told)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[httpx.AsyncClient]:
        """Log in, and out at the end.

        Whoever logs in has a session for as long as XNAT keeps it, and may have a thousand: one
        that is left for each series would lock the account out.
        """
        target = self._target
        password = target.password.get_secret_value() if target.password else ""
        auth = httpx.BasicAuth(target.user, password)
        async with httpx.AsyncClient(auth=auth, timeout=self._timeout, trust_env=False) as client:
            try:
                yield client
            finally:
                if any(cookie.name == _SESSION for cookie in client.cookies.jar):
                    with suppress(httpx.HTTPError):  # then it ends by itself, later
                        await client.delete(f"{target.host}/data/JSESSION")

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
            async with self._session() as client:
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
            return self._why_astray(answer.text)
        _, detail = STEP_OF.get(answer.status_code, ("", ""))
        return detail or f"XNAT did not take the series: HTTP {answer.status_code}."

    def _why_astray(self, places: str) -> str | None:
        """Say why an import that XNAT calls a success is none; None: it is one.

        Args:
            places: Where it put the images, a line each.
        """
        if _NOBODYS in places:
            return (
                f"XNAT has put the series into the prearchive of no project: it knows no project "
                f"{self._target.project_id!r}, or the user may not add to it."
            )
        return None

    async def _body(self, head: bytes, file: IO[bytes], tail: bytes) -> AsyncIterator[bytes]:
        yield head
        while chunk := await asyncio.to_thread(file.read, self._pace.at_once(_CHUNK)):
            await self._pace.wait(len(chunk))
            yield chunk
        yield tail


def _login_step(status: int) -> TargetStep:
    name, detail = STEP_OF.get(status, ("login", ""))
    detail = detail or f"XNAT answered the login with HTTP {status}."
    return TargetStep(name=name, ok=status == _OK, detail=detail)


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
