"""Series in the index that are on their way to targets, and the processes that send them."""

import asyncio
import hashlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pydicom
from images import SERIES, STUDY, write_instance
from nursery import Program, start_program
from sqlmodel import col, select

from scanhub_libraries.database import create_engine, create_sessions, reading, transaction
from scanhub_libraries.models import RoutingRule
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dicom.scp import DicomListener, Received
from workflow_manager.dispatch.delivered import confirmed_uids
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.service import queue_dispatches
from workflow_manager.journal.models import JournalEvent
from workflow_manager.journal.service import append
from workflow_manager.routing_rules.models import StoredRule
from workflow_manager.targets.models import Target

SCRIPT = Path(__file__).parent / "dispatch_for_test.py"


class Outgoing:
    """The database and the lake of a service, and what is on its way."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._database = create_engine(url)
        self.sessions = create_sessions(self._database)
        self.queueing = self.sessions
        """Of a service that runs: then it hears of what is queued, and need not look for it."""
        self.uids: set[str] = set()

    async def close(self) -> None:
        await self._database.dispose()

    async def add_target(self, name: str, **settings: Any) -> None:
        document = {"ip": "127.0.0.1", "aet_target": "PEER", "aet_source": "SCANHUB", **settings}
        async with transaction(self.sessions) as session:
            kind = document.pop("target_type", "dicom")
            session.add(Target(name=name, target_type=kind, document=document))

    async def add_rule(self, name: str, rule: str, target: str) -> None:
        document = RoutingRule(name=name, rule=rule, target=target).model_dump(mode="json")
        async with transaction(self.sessions) as session:
            session.add(StoredRule(name=name, position=1, document=document))

    async def queue(self, number: int, images: int, *targets: str, **options: Any) -> None:
        """Put a series into the index and queue it."""
        uid = f"{SERIES}.{number}"
        place = self.folder / "lake" / "dicom" / uid
        async with transaction(self.queueing) as session:
            if await session.get(DicomStudy, STUDY) is None:
                session.add(DicomStudy(study_instance_uid=STUDY))
                await session.flush()
            series = DicomSeries(study_instance_uid=STUDY, series_instance_uid=uid, source="MR")
            series.complete = True
            session.add(series)
            await session.flush()
            for image in range(1, images + 1):
                path = write_instance(place, image, series=uid)
                session.add(self._row(series, image, path))
                self.uids.add(f"{uid}.{image}")
            await append(
                session,
                await queue_dispatches(
                    session, series, instances=images, targets=targets, **options
                ),
            )

    def _row(self, series: DicomSeries, number: int, path: Path) -> DicomInstance:
        return DicomInstance(
            sop_instance_uid=f"{series.series_instance_uid}.{number}",
            series_id=series.id,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            instance_number=number,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
            key=str(path.relative_to(self.folder / "lake")),
        )

    async def dispatches(self, **where: Any) -> list[Dispatch]:
        query = select(Dispatch).order_by(col(Dispatch.created_at), col(Dispatch.id))
        for name, value in where.items():
            query = query.where(getattr(Dispatch, name) == value)
        async with reading(self.sessions) as session:
            return list((await session.scalars(query)).all())

    async def delivered(self, *dispatches: Dispatch) -> set[str]:
        """Return what the targets have, as far as it is noted."""
        async with reading(self.sessions) as session:
            return {uid for row in dispatches for uid in await confirmed_uids(session, row.id)}

    async def all_sent(self) -> bool:
        return {row.status.value for row in await self.dispatches()} == {"sent"}

    async def events(self) -> list[JournalEvent]:
        async with reading(self.sessions) as session:
            query = select(JournalEvent).order_by(col(JournalEvent.sequence))
            return list((await session.scalars(query)).all())


class Sending:
    """Starts processes that send."""

    def __init__(self, folder: Path, public_pem: str, **settings: Any) -> None:
        self._told = {"folder": str(folder), "public_pem": public_pem}
        self._settings = settings
        self._running: dict[int, Program] = {}

    async def close(self) -> None:
        for program in self._running.values():
            program.kill()  # a test that failed left it
            await program.wait()

    async def start(self, spot: str = "", calls: int = 1, **settings: Any) -> int:
        """Start one; it is ready when this returns, if it shall not die before."""
        told = {**self._told, "spot": spot, "calls": calls}
        told["settings"] = {**self._settings, **settings}
        program = await start_program(SCRIPT, json.dumps(told), talks=True)
        self._running[program.pid] = program
        if not spot:
            await self._hear(program.pid, "ready")
        return program.pid

    async def stop(self, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        await self._hear(pid, "ended")
        await self.gone(pid)

    async def died(self, pid: int) -> None:
        """Wait until a process has killed itself where it was told to."""
        await self._hear(pid, "dies")
        await self.gone(pid)

    async def gone(self, pid: int) -> None:
        """Wait until a process has ended."""
        await asyncio.wait_for(self._running[pid].wait(), 60)
        del self._running[pid]

    async def _hear(self, pid: int, word: str) -> None:
        output = self._running[pid].stdout
        assert output is not None
        while line := await asyncio.wait_for(output.readline(), 60):
            if line.decode().strip() == word:
                return
        raise AssertionError(f"it ended and did not say {word!r}")


class Archive:
    """A DICOM node that counts what it gets."""

    def __init__(self, on_store: Callable[[int], int | None] = lambda _number: None) -> None:
        self.got: Counter[str] = Counter()
        self.on_store = on_store
        self._lock = threading.Lock()
        self._listener = DicomListener(
            ae_title="PEER", host="127.0.0.1", port=0, handler=self._store
        )

    def _store(self, received: Received) -> int:
        header = pydicom.dcmread(
            pydicom.filebase.DicomBytesIO(received.data), stop_before_pixels=True
        )
        with self._lock:
            self.got[str(header.SOPInstanceUID)] += 1
            number = self.got.total()
        return self.on_store(number) or 0x0000

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        self._listener.start()
        try:
            yield self._listener.port
        finally:
            await asyncio.to_thread(self._listener.stop)
