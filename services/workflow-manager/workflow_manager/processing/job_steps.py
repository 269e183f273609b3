"""A step that is a job of the SDK: it runs for each of its subjects, each as often as it may."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from scanhub_jobs.backend import Event, JobInfo, RunInfo, SessionInfo, Subject
from scanhub_jobs.local.folder import subjects
from scanhub_jobs.platform.documents import TOKEN, URL, Briefing, Failure, Report
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError
from workflow_manager.dicom.part10 import read_header
from workflow_manager.job_sessions import repository as sessions
from workflow_manager.job_sessions import rules
from workflow_manager.job_sessions.folders import write_images
from workflow_manager.job_sessions.models import JobExecution
from workflow_manager.job_sessions.rules import JobState
from workflow_manager.job_sessions.service import made_folder, subject_of
from workflow_manager.job_sessions.tokens import new_token
from workflow_manager.jobs.definitions import JobDefinition
from workflow_manager.jobs.parameters import check_parameters
from workflow_manager.modules.job import find_sdk_job
from workflow_manager.modules.runner import Ending, Work
from workflow_manager.processing.folders import RESULT, StepFolders
from workflow_manager.processing.job_endings import end_of_step, reason_of, verdict
from workflow_manager.processing.job_images import Images
from workflow_manager.processing.queueing import get_run, session_of
from workflow_manager.processing.session_hooks import begin_session
from workflow_manager.processing.step_plan import StepPlan
from workflow_manager.processing.task_file import image_name
from workflow_manager.programs.child import Log
from workflow_manager.programs.log import last_lines
from workflow_manager.wiring import Wiring

Run = Callable[[Work, asyncio.Event, Log], Awaitable[Ending]]
_TAIL = 4000


@dataclass(frozen=True, slots=True)
class _Job:
    """What all executions of a step share."""

    definition: JobDefinition
    session: SessionInfo
    upstream: frozenset[str]


class JobStep:
    """One step.

    Args:
        wiring: The registry, the database, where jobs find us.
        plan: What the step is about.
        places: Its folders.
        run: Runs one process to its end.
    """

    def __init__(self, wiring: Wiring, plan: StepPlan, places: StepFolders, run: Run) -> None:
        self._wiring, self._plan, self._places, self._run = wiring, plan, places, run

    async def compute(
        self, work: Work, cancel: asyncio.Event, log: Log, images: tuple[Images, Images]
    ) -> Ending:
        """Run the job for each subject; return how the step ended.

        Args:
            work: What its processes have in common.
            cancel: Set when somebody stops the run.
            log: Takes what they say.
            images: Of the case; and the same with what modules made of them.
        """
        own, given = images
        try:
            job = await self._job()
            check_parameters(job.definition, self._plan.settings)
            found = _subjects(self._plan, job.definition, own)
        except ScanHubError as error:
            return Ending(problem=error.detail)
        await asyncio.to_thread(write_images, self._places.base, given)
        executions = await self._begin(job, found)
        refusal = await begin_session(self._wiring, self._plan.run, job.session)
        if refusal:
            ended = {"state": JobState.BLOCKED, "reason": refusal, "ended_at": utc_now()}
            for execution in executions:
                await self._note(execution, **ended)
            return end_of_step(executions)
        for execution in executions:
            if cancel.is_set():
                return Ending(canceled=True)
            await self._one(job, execution, work, (cancel, log))
        if cancel.is_set():
            return Ending(canceled=True)
        await asyncio.to_thread(self._collect, executions, work.output)
        return end_of_step(executions)

    async def _job(self) -> _Job:
        plan, registry = self._plan, self._wiring.jobs
        definition = await find_sdk_job(registry, plan.module.job)
        known: dict[str, tuple[str, ...]] = {}
        waiting = list(definition.needs)
        while waiting:
            name = waiting.pop()
            if name not in known:
                known[name] = (await registry.get_job(name)).needs
                waiting += known[name]
        async with reading(self._wiring.sessions) as session:
            first = await get_run(session, session_of(plan.run))
        return _Job(
            definition=definition,
            session=SessionInfo(
                id=str(first.id), created_at=first.created_at.replace(microsecond=0)
            ),
            upstream=frozenset(known),
        )

    async def _begin(self, job: _Job, found: Sequence[Subject]) -> list[JobExecution]:
        """Write down what is to run; what a crash left of the step is forgotten."""
        plan = self._plan
        rows = [
            JobExecution(
                session_id=session_of(plan.run),
                run_id=plan.run.id,
                position=plan.step.position,
                job=job.definition.id,
                event=subject.event.value,
                subject=subject.key,
                document=self._briefing(job, subject, 1, None).model_dump(mode="json"),
                peers=list(plan.module.peers),
            )
            for subject in found
        ]
        async with transaction(self._wiring.sessions) as session:
            old = sa.delete(JobExecution).where(
                col(JobExecution.run_id) == plan.run.id,
                col(JobExecution.position) == plan.step.position,
            )
            await session.execute(old)
            session.add_all(rows)
        return rows

    def _briefing(
        self, job: _Job, subject: Subject, attempt: int, timeout_s: float | None
    ) -> Briefing:
        definition, session = job.definition, job.session
        deadline = None if timeout_s is None else utc_now() + timedelta(seconds=timeout_s)
        return Briefing(
            run=RunInfo(
                job=JobInfo(
                    id=f"{session.id}/{definition.id}/{subject.event}/{subject.key}",
                    name=definition.id,
                    version=definition.version,
                    service=definition.entry.partition(":")[0].partition(".")[0],
                    event=subject.event,
                    attempt=attempt,
                    deadline=deadline,
                ),
                session=session,
                subject=subject,
                upstream=job.upstream,
            ),
            entry=definition.entry,
            parameters=self._plan.settings,
        )

    async def _one(
        self, job: _Job, row: JobExecution, work: Work, told: tuple[asyncio.Event, Log]
    ) -> None:
        """Run the job for one subject until it succeeds, or may not be tried again."""
        blocking = await self._blocking(job, row)
        if blocking:
            await self._note(row, state=JobState.BLOCKED, reason=blocking, ended_at=utc_now())
            return
        timeout_s = self._plan.module.timeout_s or job.definition.timeout_s or work.timeout_s
        work = replace(work, timeout_s=timeout_s)
        for attempt in range(1, job.definition.retries + 2):
            report, ending = await self._attempt(job, row, work, attempt, told)
            tail = await asyncio.to_thread(last_lines, self._places.log, _TAIL)
            state, failure = verdict(ending, report, timeout_s=timeout_s, tail=tail)
            again = (
                state in {JobState.FAILED, JobState.TIMED_OUT} and attempt <= job.definition.retries
            )
            if not again or (failure is not None and failure.input_at_fault):
                break
        await self._end(row, state, report, failure)

    async def _attempt(
        self,
        job: _Job,
        row: JobExecution,
        work: Work,
        attempt: int,
        told: tuple[asyncio.Event, Log],
    ) -> tuple[Report | None, Ending]:
        """Run the job once; its token opens nothing any more when this returns."""
        cancel, log = told
        token, checksum = new_token()
        await asyncio.to_thread(_anew, made_folder(self._wiring, row))
        briefing = self._briefing(job, subject_of(row), attempt, work.timeout_s)
        await self._note(
            row,
            state=JobState.RUNNING,
            attempt=attempt,
            document=briefing.model_dump(mode="json"),
            token_sha256=checksum,
            started_at=row.started_at or utc_now(),
            progress=0.0,
            message="",
            stop=False,
            report={},
        )
        url = await self._wiring.job_listener.url_of(row.session_id)

        async def ask_to_stop() -> None:
            await self._note(row, stop=True)

        variables = {**work.variables, URL: url, TOKEN: token}
        work = replace(work, variables=variables, ask_to_stop=ask_to_stop)
        try:
            ending = await self._run(work, cancel, log)
        finally:
            await self._note(row, token_sha256=None)
        async with reading(self._wiring.sessions) as session:
            document = (await session.get_one(JobExecution, row.id)).report
        return (Report.model_validate(document) if document else None), ending

    async def _blocking(self, job: _Job, row: JobExecution) -> str:
        """Say which job that this one needs has not succeeded."""
        async with reading(self._wiring.sessions) as session:
            rows = await sessions.list_executions(session, session_id=row.session_id)
        last = {
            (other.job, other.event, other.subject): other.state
            for other in rows
            if other.state in rules.ENDED and subject_of(other).touches(subject_of(row))
        }
        ended = [(name, state) for (name, _, _), state in last.items()]
        return rules.blocking(job.definition.needs, ended)

    async def _end(
        self, row: JobExecution, state: JobState, report: Report | None, failure: Failure | None
    ) -> None:
        if state is not JobState.SUCCEEDED:
            await asyncio.to_thread(
                shutil.rmtree, made_folder(self._wiring, row), ignore_errors=True
            )
        returned = report is not None and report.returned is not None
        await self._note(
            row,
            state=state,
            reason=reason_of(state, report, failure),
            failure={} if failure is None else failure.model_dump(mode="json"),
            returned=json.dumps(report.returned) if report is not None and returned else "",
            progress=1.0 if state is JobState.SUCCEEDED else row.progress,
            ended_at=utc_now(),
        )

    async def _note(self, row: JobExecution, **values: Any) -> None:
        """Change a row, here and in the database."""
        async with transaction(self._wiring.sessions) as session:
            await session.execute(
                sa.update(JobExecution).where(col(JobExecution.id) == row.id).values(**values)
            )
        for name, value in values.items():
            setattr(row, name, value)

    def _collect(self, executions: Sequence[JobExecution], output: Path) -> None:
        """Put what the job left where a module puts it; blocking."""
        for execution in executions:
            folder = made_folder(self._wiring, execution)
            for path in sorted(folder.glob("*.dcm")):
                header = read_header(path)
                name = image_name(header.series_instance_uid, header.sop_instance_uid)
                path.rename(output / f"{name}.dcm")
            shutil.rmtree(folder, ignore_errors=True)
        result = _returned([one for one in executions if one.state is JobState.SUCCEEDED])
        if result is not None:
            (output / RESULT).write_text(json.dumps(result), encoding="utf-8")


def _subjects(plan: StepPlan, job: JobDefinition, images: Images) -> list[Subject]:
    """Return what a job works on: all that its events happen for.

    Raises:
        ScanHubError: None does.
    """
    instances = [instance for instance, _ in images]
    happens = [Event.SERIES_STABLE]
    if plan.case.kind.value == "study":
        happens += [Event.STUDY_STABLE, Event.PATIENT_STABLE]
    found = [
        subject
        for event in happens
        if event.value in job.events
        for subject in subjects(instances, event)
    ]
    if not found:
        raise ScanHubError(
            f"The job {job.id!r} is for {', '.join(job.events)}; this rule works on a "
            f"{plan.case.kind.value}."
        )
    return found


def _returned(succeeded: Sequence[JobExecution]) -> Any:
    """Return what stands for result.json: what the job returned, or that for each subject."""
    if len(succeeded) == 1:
        return rules.returned_value(succeeded[0].returned)
    told: list[Mapping[str, Any]] = [
        {
            "event": one.event,
            "subject": one.subject,
            "returned": rules.returned_value(one.returned),
        }
        for one in succeeded
        if one.returned
    ]
    return told or None


def _anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
