"""Looks at the clock, at our own ports, and at the targets."""

import asyncio
import ctypes
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from scanhub.doctor.finding import Finding, failed, ok, warning
from scanhub.settings import InstallationSettings
from scanhub_libraries.database import create_engine, create_sessions, reading
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.models.target import TargetDocument
from workflow_manager.dicom.associating import Peer, echo
from workflow_manager.senders.registry import Senders
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.targets.models import Target
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.targets.service import document_of, test_target

_UNSYNCHRONISED: Final = 0x0040  # STA_UNSYNC, adjtimex(2)
_STATUS_AT: Final = 40
"""Where `status` stands in `struct timex` of 64-bit Linux [byte]."""
_WAIT_S: Final = 5.0


def look_at_clock() -> Finding:
    """Ask the system whether somebody keeps its clock right."""
    name, buffer = "clock", ctypes.create_string_buffer(256)
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (AttributeError, OSError):
        answer = -1
    if answer < 0:
        return warning(name, "the system does not say whether it is right", "see the time server")
    status = int.from_bytes(buffer.raw[_STATUS_AT : _STATUS_AT + 4], "little")
    if status & _UNSYNCHRONISED:
        return warning(
            name,
            "nobody keeps it right",
            "let it follow a time server (chrony, systemd-timesyncd): logins, certificates and the "
            "times of images depend on it",
        )
    return ok(name, "it follows a time server")


async def look_at_ports(
    settings: InstallationSettings, workflow: WorkflowManagerSettings
) -> list[Finding]:
    """Look whether we listen at our ports, they are free, or somebody else has them."""
    found = [await _http(settings)]
    if settings.dicom_port is not None:
        found.append(await asyncio.to_thread(_dicom, settings, workflow))
    return found


async def _http(settings: InstallationSettings) -> Finding:
    name = f"port {settings.port} (HTTP)"
    if _is_free(settings.host, settings.port):
        return ok(name, "it is free: no server runs here")
    scheme = "https" if settings.ssl_certfile else "http"
    prefix = {"device-manager": "device", "workflow-manager": "workflowmanager"}
    path = f"/api/v1/{prefix.get(settings.only or '', 'exam')}/health/readiness"
    url = f"{scheme}://{_reachable(settings.host)}:{settings.port}{path}"
    try:
        # Whose certificate it is does not matter here: it may be of another name than this.
        async with httpx.AsyncClient(verify=False, timeout=_WAIT_S) as http:  # noqa: S501
            answer = await http.get(url)
    except httpx.HTTPError as error:
        return failed(name, f"who listens there is no server of ours: {error!r}", _TAKEN)
    if answer.is_success:
        return ok(name, "a server of ours answers that it is ready")
    return failed(name, f"{url} answers {answer.status_code}", "look into the log of the server")


_TAKEN = "end that program, or give another --port (see `ss -ltnp`)"


def _dicom(settings: InstallationSettings, workflow: WorkflowManagerSettings) -> Finding:
    port = settings.dicom_port or 0
    name = f"port {port} (DICOM)"
    if _is_free(settings.host, port):
        return ok(name, "it is free: no listener runs here")
    calling = (workflow.dicom_calling_ae_titles or ["SCANHUB_DOCTOR"])[0]
    called = (workflow.dicom_called_ae_titles or [settings.dicom_ae_title])[0]
    wrong = echo(
        Peer(
            _reachable(settings.host),
            port,
            called,
            calling,
            connect_timeout_s=_WAIT_S,
            timeout_s=_WAIT_S,
        )
    )
    if wrong is None:
        return ok(name, f"{called} answers a C-ECHO")
    return failed(name, wrong, "look into the log of the server, and see who listens (`ss -ltnp`)")


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_WAIT_S)
        return probe.connect_ex((_reachable(host).strip("[]"), port)) != 0


async def look_at_targets(
    settings: InstallationSettings, workflow: WorkflowManagerSettings
) -> list[Finding]:
    """Test the connection to each target that is enabled: C-ECHO, or what its type has."""
    path = settings.keys_dir / "target-secrets.key"
    try:
        keys = path.read_text(encoding="ascii") if os.access(path, os.R_OK) else None
        box = SecretBox(SecretStr(keys) if keys else None)
        rows = await _rows(settings)
    except (SQLAlchemyError, OSError, ValueError):
        return []  # the database and the keys are looked at elsewhere
    with ThreadPoolExecutor(max(1, len(rows))) as threads:
        senders = Senders(threads, _WAIT_S, max(_WAIT_S, workflow.connect_timeout_s))
        return list(await asyncio.gather(*(_target(row, box, senders) for row in rows)))


async def _rows(settings: InstallationSettings) -> list[Target]:
    url = settings.database_url("workflow-manager")
    if url.startswith("sqlite") and not Path(sa.make_url(url).database or "").is_file():
        return []
    engine = create_engine(url)
    try:
        async with reading(create_sessions(engine)) as session:
            query = sa.select(Target).where(sa.column("enabled").is_(True)).order_by(Target.name)
            return list(await session.scalars(query))
    finally:
        await engine.dispose()


async def _target(row: Target, box: SecretBox, senders: Senders) -> Finding:
    name = f"target {row.name}"
    try:
        document: TargetDocument = document_of(row, box)
        result = await test_target(senders.make(document))
    except (ScanHubError, ValueError, OSError) as error:
        return failed(name, str(error), "see its settings")
    if result.ok:
        return ok(name, result.detail)
    wrong = next(step for step in result.steps if not step.ok)
    return failed(name, f"{wrong.name}: {wrong.detail}", "see docs/operations.md#a-target-is-down")
