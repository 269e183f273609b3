"""The job of a run, from its input to its output folder: logged, limited, tried as often as it may.

What there is to say of it is in the row of the run before its files are in their place.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.logging import get_logger
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.programs.job import JobEnd, Place, run_job
from workflow_manager.programs.log import LogFile, last_lines
from workflow_manager.programs.supervised import Limits
from workflow_manager.runs.folders import RunFolders
from workflow_manager.runs.hashing import digests
from workflow_manager.runs.models import Run
from workflow_manager.runs.progress import ProgressReport
from workflow_manager.runs.provenance import machine
from workflow_manager.runs.rules import storable
from workflow_manager.runs.sdk_job import SdkSession, make_ready, sdk_program
from workflow_manager.runs.service import get_run, is_overdue
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_TAIL = 8192
_MOST_WARNINGS = 100


class Computing:
    """Runs the jobs of runs.

    Args:
        wiring: The slots, the files, the settings.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def compute(
        self, run: Run, job: JobDefinition, sources: Sequence[Path], cancel: asyncio.Event
    ) -> JobEnd:
        """Run a job to its end, again where it says so, and write down how it ended.

        Args:
            run: The run.
            job: Its job.
            sources: Its inputs: files, or folders of images.
            cancel: Set when somebody stops it.
        """
        limits = self._limits(job)
        async with self._wiring.slots, self._gpus(run, job, cancel) as gpus:
            work = _Work(self._wiring, run, job, sources, limits, gpus)
            for source in sources:
                await asyncio.to_thread(self._wiring.lake.at_hand, source)
            hashing = asyncio.create_task(digests(sources), name=f"hashing of {run.id}")
            try:
                if job.entry:
                    end, told = await SdkSession(self._wiring, run, job).around(work.do, cancel)
                else:
                    end, told = await work.do(cancel), []
                # Who stops a run does not wait until its terabyte is hashed.
                found = [{} for _ in sources] if end.canceled else await hashing
            finally:
                hashing.cancel()
        await self._note(run, end, found, machine(limits.cpus), told)
        return end

    @asynccontextmanager
    async def _gpus(
        self, run: Run, job: JobDefinition, cancel: asyncio.Event
    ) -> AsyncIterator[dict[str, str]]:
        """Lend graphics processors to a job; return the variables that name them."""

        async def waits(what: str) -> None:
            await ProgressReport(self._wiring, run)(0, f"Waits for {what}.")

        async with self._wiring.gpus.held(job.gpus, cancel, waits) as held:
            yield self._wiring.gpus.variables(held)

    def _limits(self, job: JobDefinition) -> Limits:
        settings = self._wiring.settings
        return Limits(
            timeout_s=job.timeout_s or settings.job_timeout_s,
            memory_bytes=job.memory_bytes or settings.job_memory_bytes,
            cpus=job.cpus or settings.job_cpus,
        )

    async def _note(
        self,
        run: Run,
        end: JobEnd,
        found: Sequence[dict[str, Any]],
        where: dict[str, Any],
        told: Sequence[str],
    ) -> None:
        """Write down how the job ended."""
        folders = RunFolders(self._wiring.lake.root, run.id)
        tail = await asyncio.to_thread(last_lines, folders.log, _TAIL)
        said = storable(end.last)
        values, warnings = said.get("values"), said.get("warnings")
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            row.exit_code, row.log_tail = end.exit_code, tail
            row.timed_out, row.input_at_fault = end.timed_out, end.input_at_fault
            row.report = values if isinstance(values, dict) else {}
            texts = warnings if isinstance(warnings, list) else []
            row.warnings = [str(text) for text in [*told, *texts[:_MOST_WARNINGS]]]
            noted = row.provenance.get("inputs", [])
            inputs = [{**one, **more} for one, more in zip(noted, found, strict=True)]
            row.provenance = {"inputs": inputs, "machine": where}


@dataclass(frozen=True)
class _Work:
    """What is to be computed."""

    wiring: Wiring
    run: Run
    job: JobDefinition
    sources: Sequence[Path]
    limits: Limits
    variables: Mapping[str, str]
    """Of the job's process, beside those of all."""

    async def do(self, cancel: asyncio.Event) -> JobEnd:
        """Run the job as often as it may be tried."""
        folders = RunFolders(self.wiring.lake.root, self.run.id)
        told = {**self.run.parameters, **self.job.fixed}
        await asyncio.to_thread(_write, folders.parameters, told)
        limit, grown = self.wiring.settings.module_log_bytes, self.wiring.logs.of(self.run.id)
        log = await asyncio.to_thread(LogFile, folders.log, limit, grown)
        try:
            end = await self._try(folders, cancel, log, 1)
            for again in range(1, self.job.retries + 1):
                if end.failure is None or end.canceled or end.input_at_fault or self._is_late(end):
                    break
                log.write(f"It is tried again, {again} of {self.job.retries}.\n".encode())
                end = await self._try(folders, cancel, log, again + 1)
        finally:
            await asyncio.to_thread(log.close)
        return end

    async def _try(
        self, folders: RunFolders, cancel: asyncio.Event, log: LogFile, attempt: int
    ) -> JobEnd:
        await asyncio.to_thread(shutil.rmtree, folders.output, ignore_errors=True)
        arguments = [
            *(part for source in self.sources for part in ("--input", str(source.absolute()))),
            *("--context", str(folders.context), "--output", str(folders.output)),
            *("--parameters", str(folders.parameters)),
        ]
        module, place, limits = self.job.module, Place(), self._limits_by_now()
        if self.job.entry:
            limits = replace(limits, writes=(folders.work, *self.wiring.settings.module_writes))
            module, more, place = sdk_program(self.job, folders, limits, attempt)
            arguments += more
            await asyncio.to_thread(make_ready, folders)
        end = await run_job(
            module,
            arguments,
            cancel,
            ProgressReport(self.wiring, self.run),
            log=log,
            limits=limits,
            place=replace(place, variables=self.variables),
        )
        if end.failure is not None and not end.canceled:
            logger.info("a job failed", run_id=str(self.run.id), log=end.log_tail[-2000:])
        return end

    def _is_late(self, end: JobEnd) -> bool:
        return end.timed_out and is_overdue(self.run)

    def _limits_by_now(self) -> Limits:
        """Return the limits of a try that begins now: it takes no longer than the run may."""
        if self.run.deadline_at is None:
            return self.limits
        left = max(0.0, (self.run.deadline_at - utc_now()).total_seconds())
        limit = self.limits.timeout_s
        return replace(self.limits, timeout_s=left if limit is None else min(limit, left))


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document))
