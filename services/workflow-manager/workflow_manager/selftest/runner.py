"""Runs a self-test, step by step; what was left behind by a killed service is taken away."""

import asyncio
import shutil
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlmodel import select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.selftest import SelfTestStep, StepName
from scanhub_libraries.wording import counted
from workflow_manager.cases import repository as cases
from workflow_manager.cases.rules import ENDED, CaseState
from workflow_manager.dicom import repository as dicom
from workflow_manager.dicom.associating import Peer, echo
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.scu import send_series
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.jobs.built_in import BUILT_IN
from workflow_manager.processing.rules import ENDED_BADLY, RunState
from workflow_manager.programs.job import run_job
from workflow_manager.routing_rules.repository import last_decision
from workflow_manager.selftest import service
from workflow_manager.selftest.images import compare, compare_changed, new_uid, write_images
from workflow_manager.selftest.models import SelfTest
from workflow_manager.selftest.rules import SERIES, SelfTestMode, StepFailedError, Way, way_in
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_PATIENCE_S = 30.0
"""How long a step may take, beside the waiting times of the settings [s]."""
_JOB_S = 120.0
"""How long a job may take: it starts a Python of its own, beside those of real scans [s]."""
_LOOK_S = 0.1


@dataclass
class _Run:
    """A self-test that is under way."""

    wiring: Wiring
    way: Way | None
    test: SelfTest
    series: list[str] = field(default_factory=list)
    sent: dict[str, Path] = field(default_factory=dict)
    jobs: list[tuple[Path, Path]] = field(default_factory=list)
    """Raw data, and what the job that reads them is told."""

    # --- steps: each returns what it found, or raises StepFailedError -----------------------------

    async def prepare(self) -> str:
        folder, count = service.folder_of(self.wiring, self.test), SERIES[self.test.kind]
        study, date = self.test.study_instance_uid, f"{utc_now():%Y%m%d}"
        await asyncio.to_thread((folder / "arrived").mkdir, parents=True)
        if self.test.mode is SelfTestMode.PROCESS:
            from workflow_manager.selftest.raw_data import write_raw_data

            for place in range(1, count + 1):
                run_id, work = f"{self.test.id}/{place}", folder / f"job-{place}"
                job = await asyncio.to_thread(write_raw_data, work, run_id, study, place)
                self.jobs.append(job)
            return f"Raw data of {count} series."
        self.series = [new_uid() for _ in range(count)]
        self.sent = await asyncio.to_thread(write_images, folder / "sent", study, self.series, date)
        await service.prepare(self.wiring, self.test, self.series)
        return f"{len(self.sent)} images in {len(self.series)} series, a rule and a target."

    async def process(self) -> str:
        from workflow_manager.selftest.raw_data import look_at_images

        for source, told in self.jobs:
            output = told.with_name("output")
            arguments = ["--input", source, "--context", told, "--output", output]
            try:
                async with asyncio.timeout(_JOB_S):
                    end = await run_job(
                        BUILT_IN["reconstruction"].module,
                        list(map(str, arguments)),
                        asyncio.Event(),
                    )
            except TimeoutError as error:
                raise StepFailedError("The job did not end in time.") from error
            if end.failure is not None:
                raise StepFailedError(f"The job failed: {end.failure}")
            series, images, wrong = await asyncio.to_thread(look_at_images, output)
            if wrong is not None:
                raise StepFailedError(wrong)
            self.series.append(series)
            self.sent |= images
        await service.prepare(self.wiring, self.test, self.series)
        return f"{len(self.sent)} images in {len(self.series)} series show what was scanned."

    async def listener(self) -> str:
        peer = await asyncio.to_thread(self._peer)
        problem = await asyncio.to_thread(echo, peer)
        if problem is not None:
            raise StepFailedError(problem)
        with_tls = " with TLS" if peer.tls else ""
        return f"{peer.aet_target} answers a C-ECHO on port {peer.port}{with_tls}."

    async def send(self) -> str:
        peer = await asyncio.to_thread(self._peer)
        report = await asyncio.to_thread(send_series, list(self.sent.items()), peer)
        if report.failed:
            reason = next(iter(report.failed.values()))
            raise StepFailedError(f"{len(report.failed)} of {len(self.sent)}: {reason}")
        return f"{len(report.sent)} images were answered with success."

    async def index(self) -> str:
        async def there() -> str | None:
            async with reading(self.wiring.sessions) as session:
                found = [await dicom.list_instances(session, uid) for uid in self.series]
            uids = {row.sop_instance_uid for rows in found for row in rows}
            return f"{len(uids)} images are in the index." if uids == self.sent.keys() else None

        return await self._until(there, "Not every image is in the index.")

    async def complete(self) -> str:
        async def there() -> str | None:
            rows = await self._rows()
            reasons = {row.complete_reason for row in rows if row.complete}
            return (
                f"Complete: {', '.join(map(str, reasons))}."
                if all(row.complete for row in rows)
                else None
            )

        extra = self.wiring.settings.series_quiet_s
        return await self._until(there, "A series did not become complete.", extra)

    async def rule(self) -> str:
        for row in await self._rows():
            async with reading(self.wiring.sessions) as session:
                decision = await last_decision(session, row.id)
            if decision is None or decision.rule_versions != {self.test.name: 1}:
                raise StepFailedError("The rule of the test did not decide.")
        return "The rule of the test decided, and no other."

    async def module(self) -> str:
        async def there() -> str | None:
            runs = await service.runs_of(self.wiring, self.test)
            bad = [run.reason for run in runs if run.state in ENDED_BADLY]
            if bad:
                raise StepFailedError(" ".join(bad))
            waits[:] = [run.reason for run in runs if run.state is RunState.QUEUED]
            done = bool(runs) and all(run.state is RunState.SUCCEEDED for run in runs)
            images = sum(run.images or 0 for run in runs)
            return f"A module made {images} images of {len(self.sent)}." if done else None

        waits: list[str] = []
        try:
            return await self._until(there, "The module did not end in time.", _JOB_S)
        except StepFailedError as error:
            raise StepFailedError(" ".join([str(error), *waits[:1]])) from error

    async def dispatch(self) -> str:
        async def there() -> str | None:
            async with reading(self.wiring.sessions) as session:
                wanted: dict[str, str | UUID | None] = {
                    "study_instance_uid": self.test.study_instance_uid
                }
                found = await cases.list_cases(
                    session, wanted=wanted, series_instance_uid=None, before=None, limit=10
                )
                sendings = [
                    row
                    for case in found
                    for row in await cases.list_dispatches_of(session, case.id)
                ]
            errors = {row.error for row in sendings if row.status is DispatchStatus.WAITING}
            bad = [case.reason for case in found if case.state in ENDED - {CaseState.DONE}]
            if bad or errors:
                raise StepFailedError(" ".join([*bad, *filter(None, errors)]))
            done = bool(found) and all(case.state is CaseState.DONE for case in found)
            sent = f"{counted(len(sendings), 'series was', 'series were')} sent."
            return sent if done and sendings else None

        return await self._until(there, "The images were not sent in time.")

    async def arrival(self) -> str:
        folder = service.folder_of(self.wiring, self.test) / "arrived"
        processed = self.test.mode is SelfTestMode.PROCESS
        look = compare_changed if processed else compare
        how = "with one more in each pixel" if processed else "as they were"
        problem = await asyncio.to_thread(look, self.sent, folder)
        if problem is not None:
            raise StepFailedError(problem)
        return f"{len(self.sent)} images arrived {how}."

    # --- parts ------------------------------------------------------------------------------------

    def _peer(self) -> Peer:
        """Return our own listener as a sender sees it. Blocking: it reads a certificate."""
        way, settings = self.way, self.wiring.settings
        if way is None:
            raise StepFailedError("There is no DICOM listener: give it a port (DICOM_PORT).")
        context: ssl.SSLContext | None = None
        if way.tls:
            if settings.dicom_tls_client_ca is not None:
                raise StepFailedError(
                    "Senders must show a certificate (DICOM_TLS_CLIENT_CA), and the test has none."
                )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False  # who answers there shows our certificate, or is not us
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(settings.dicom_tls_certificate)
        where = (way.host, way.port, way.called, way.calling)
        return Peer(*where, 5.0, 30.0, tls=context, server_name=way.host)

    async def _rows(self) -> list[DicomSeries]:
        async with reading(self.wiring.sessions) as session:
            query = select(DicomSeries).where(
                DicomSeries.study_instance_uid == self.test.study_instance_uid
            )
            return list((await session.scalars(query)).all())

    async def _until(
        self, look: Callable[[], Awaitable[str | None]], problem: str, extra_s: float = 0.0
    ) -> str:
        deadline = time.monotonic() + _PATIENCE_S + extra_s
        while (found := await look()) is None:
            if time.monotonic() > deadline:
                raise StepFailedError(problem)
            await asyncio.sleep(_LOOK_S)
        return found


class SelfTests:
    """Runs self-tests, one at a time.

    Args:
        wiring: What it works with.
        node: Whose listener the images go to.
    """

    def __init__(self, wiring: Wiring, node: DicomNode) -> None:
        self._wiring = wiring
        self._node = node
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take away what a killed service left behind.

        With SQLite there is no other service whose test could still run.
        """
        embedded = self._wiring.settings.database_url.startswith("sqlite")
        await self._take_lost_ones_away(timedelta() if embedded else service.LOST_AFTER)

    async def _take_lost_ones_away(self, age: timedelta, but: UUID | None = None) -> None:
        async with reading(self._wiring.sessions) as session:
            left = await service.list_running(session)
        for test in left:
            if test.id != but and test.started_at <= utc_now() - age:
                await self._clean(test)
                await service.end(self._wiring, test.id, lost=True)

    async def stop(self) -> None:
        """Break off what runs; the next start takes it away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def run(self, test: SelfTest) -> None:
        """Run a test that has begun, in the background."""
        self._task = asyncio.create_task(self._run(test), name="selftest")

    async def _run(self, test: SelfTest) -> None:
        await self._take_lost_ones_away(service.LOST_AFTER, but=test.id)
        run = _Run(self._wiring, self._way(), test)
        steps: tuple[tuple[StepName, Callable[[], Awaitable[str]]], ...] = (
            ("prepare", run.prepare),
            *((("process", run.process),) if test.mode is SelfTestMode.PROCESS else ()),
            ("listener", run.listener),
            ("send", run.send),
            ("index", run.index),
            ("complete", run.complete),
            ("rule", run.rule),
            *((("module", run.module),) if test.mode is SelfTestMode.PROCESS else ()),
            ("dispatch", run.dispatch),
            ("arrival", run.arrival),
        )
        for name, work in steps:
            if not await self._step(test, name, work):
                break
        await self._step(test, "clean", lambda: self._clean(test))
        await service.end(self._wiring, test.id)

    def _way(self) -> Way | None:
        settings = self._wiring.settings
        return way_in(
            host=settings.dicom_host,
            port=self._node.port,
            tls_port=self._node.tls_port,
            ae_title=settings.dicom_ae_title,
            called=settings.dicom_called_ae_titles,
            calling=settings.dicom_calling_ae_titles,
        )

    async def _step(
        self, test: SelfTest, name: StepName, work: Callable[[], Awaitable[str]]
    ) -> bool:
        began, ok = time.monotonic(), False
        try:
            detail, ok = await work(), True
        except StepFailedError as error:
            detail = str(error)
        except Exception as error:
            logger.exception("a self-test met an error", step=name, error=repr(error))
            detail = f"Unexpected error ({type(error).__name__}): the log has more."
        seconds = round(time.monotonic() - began, 3)
        await service.note(
            self._wiring, test, SelfTestStep(name=name, ok=ok, seconds=seconds, detail=detail)
        )
        return ok

    async def _clean(self, test: SelfTest) -> str:
        # A file that still had the name it was received under would be found, and be new.
        await asyncio.to_thread(self._node.receiving.put_away.flush)
        await service.take_away(self._wiring, test)
        folder = service.folder_of(self._wiring, test)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return "Nothing of it is left."
