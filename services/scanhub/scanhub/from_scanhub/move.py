"""The whole move: ask, check, write, tell. It can be repeated: what is here stays as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

import httpx
from rich.console import Console
from structlog.contextvars import bound_contextvars

from device_manager.devices.tokens import DeviceTokens
from exam_manager.audit.recorder import record_changes
from exam_manager.sequences.reader import ReaderProcess
from exam_manager.takeover.rows import Reading
from scanhub.from_scanhub.records import Records
from scanhub.from_scanhub.report import Report
from scanhub.from_scanhub.source import ScanHubSource
from scanhub.settings import SERVICES, InstallationSettings, ServiceName
from scanhub_libraries.database import Sessions, create_engine, create_sessions
from scanhub_libraries.lake_bucket import open_lake
from scanhub_libraries.migrate import upgrade

_ACTOR = "service:import"
_SECONDS = 300.0
_SEQUENCE_SECONDS = 600.0
"""How long a sequence file may take to read: nobody waits at a screen."""


@dataclass(frozen=True, slots=True)
class Old:
    """The installation that people move over from.

    Attributes:
        url: Its gateway.
        login: Name and password of an administrator there.
        lake: Its data lake, `{workflow}/{task}/{result}/{file}`; None: without files.
        ca: Who signed its certificate, PEM; None: one of the system's.
        zone: Zone of its clock: it stores times without one.
    """

    url: str
    login: tuple[str, str]
    lake: Path | None
    ca: Path | None
    zone: tzinfo


def prepare(settings: InstallationSettings, folder: Path) -> None:
    """Make folders, keys and databases as far as they are not there.

    Args:
        settings: Of the installation that takes over.
        folder: Where the report, credentials and passwords go.
    """
    settings.prepare()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for service in SERVICES:
        upgrade(service.replace("-", "_"), settings.database_url(service))


async def move(settings: InstallationSettings, old: Old, folder: Path, console: Console) -> bool:
    """Take over everything, and tell about it.

    Args:
        settings: Of the installation that takes over; its server may run.
        old: Where from.
        folder: Where the report, credentials and passwords go: `prepare` made it.
        console: Where to tell.

    Returns:
        Whether everything was taken, or was here.

    Raises:
        ScanHubError: The login was refused, or nobody answers.
        OSError: A file cannot be read or written.
    """
    report, reading = Report(), Reading(zone=old.zone)
    verify = True if old.ca is None else str(old.ca)
    async with (
        _opened(settings, "exam-manager") as exams,
        _opened(settings, "device-manager") as devices,
        httpx.AsyncClient(base_url=old.url, timeout=_SECONDS, verify=verify) as http,
    ):
        record_changes(exams)
        source = ScanHubSource(http)
        await source.log_in(*old.login)
        records = Records(
            exams=exams,
            devices=devices,
            lake=open_lake(settings.lake_root, settings.lake_bucket),
            old_lake=old.lake,
            tokens=DeviceTokens(settings.device_token_key()),
            read_sequence=ReaderProcess(_SEQUENCE_SECONDS),
            folder=folder,
            reading=reading,
            report=report,
        )
        with bound_contextvars(actor=_ACTOR):
            await _take_all(source, records)
    report.notes = reading.notes
    report.tell(console)
    report.write(folder / "report.json")
    console.print(f"\nReport, credentials and passwords: {folder}", highlight=False)
    return not report.refused


async def _take_all(source: ScanHubSource, records: Records) -> None:
    await records.take_users(await source.users())
    await records.take_devices(await source.devices())
    await records.take_sequences(await source.sequences(), source.sequence)
    await records.take_templates(
        await source.exam_templates(),
        await source.workflow_templates(),
        await source.task_templates(),
    )
    for patient in await source.patients():
        await records.take_patient(patient, source.exams)


@asynccontextmanager
async def _opened(settings: InstallationSettings, service: ServiceName) -> AsyncIterator[Sessions]:
    engine = create_engine(settings.database_url(service))
    try:
        yield create_sessions(engine)
    finally:
        await engine.dispose()
