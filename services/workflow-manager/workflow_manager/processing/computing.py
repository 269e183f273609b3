"""One module of a run, from its input folder to its output folder."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError, UnavailableError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import RuleOptions
from scanhub_libraries.models.module import ModuleOut
from workflow_manager.cases import repository as cases
from workflow_manager.cases.rules import CaseState
from workflow_manager.cases.service import get_case
from workflow_manager.job_sessions.repository import executions_of_runs
from workflow_manager.journal.service import append
from workflow_manager.modules import persistence
from workflow_manager.modules.models import Module
from workflow_manager.modules.runner import Ending, Work
from workflow_manager.modules.service import describe, variables_of
from workflow_manager.processing import folders, repository
from workflow_manager.processing.folders import StepFolders
from workflow_manager.processing.gpu_turn import gpus_for, visible
from workflow_manager.processing.guarding import Guard, OutputLimits
from workflow_manager.processing.job_endings import end_of_step
from workflow_manager.processing.job_images import images_beside, images_of_case
from workflow_manager.processing.job_steps import JobStep
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.processing.queueing import get_run, is_overdue
from workflow_manager.processing.rules import StepState, failure, overdue_words, settings_of
from workflow_manager.processing.step_plan import StepPlan
from workflow_manager.processing.task_file import image_name, task_document
from workflow_manager.processing.telling import event_of
from workflow_manager.programs.child import Log
from workflow_manager.programs.log import LogFile, last_lines
from workflow_manager.routing_rules.series_tags import tags_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
Answer = dict[str, Any]
_TAIL = 8192
_LOOK_S = 5.0
_TURN_S = 0.5
"""How often a module that waits for its folder looks whether it is free [s]."""


class Computing:
    """Runs modules.

    Args:
        wiring: The runners, the files.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def compute(self, run: ProcessingRun, position: int, cancel: asyncio.Event) -> Answer:
        """Run one module of a run to its end."""
        places = StepFolders(self._wiring.lake.root, run.id, position)
        if await asyncio.to_thread(places.output.exists):
            # A crash came after the rename, before the engine remembered.
            await self._succeed(run, position, places, await self._ended_before(run, position))
            return {}
        try:
            plan = await self._plan(run, position)
        except ScanHubError as error:
            return {"failed": error.detail}
        if plan.step.started_at is not None:
            # What a crash left may still write into the folders.
            await self._wiring.runners.of(plan.module).clear(_name(run, position))
        problem = await self._prepare(plan, places)
        if problem:
            return {"failed": f"{plan.words}: {problem}"}
        return await self._conclude(plan, places, await self._run(plan, places, cancel))

    async def _conclude(self, plan: StepPlan, places: StepFolders, ending: Ending) -> Answer:
        """Write down how a module ended, and let what it made count if it ended well."""
        run, position = plan.run, plan.step.position
        if ending.canceled and await self._is_late(run):
            ending = Ending(problem=overdue_words(run.deadline_at), state="timed_out")
            await asyncio.to_thread(places.drop)
            reason = ending.problem
            await self._note(run, position, ending, state=StepState.TIMED_OUT, reason=reason)
            return {"failed": reason}
        if ending.canceled:
            await asyncio.to_thread(places.drop)
            await self._note(run, position, ending, state=StepState.CANCELED, reason="Stopped.")
            return {"canceled": True}
        if ending.state == "skipped":
            await asyncio.to_thread(places.pass_on)
            await self._succeed(run, position, places, ending)
            return {}
        tail = await asyncio.to_thread(last_lines, places.log, _TAIL)
        why = failure(
            exit_code=ending.exit_code,
            timed_out=ending.timed_out,
            timeout_s=self._timeout_s(plan.module),
            problem=ending.problem,
            last_line="" if plan.module.runner == "job" else _last_line(tail),
        )
        if why:
            await asyncio.to_thread(places.drop)
            state = StepState(ending.state or ("timed_out" if ending.timed_out else "failed"))
            await self._note(run, position, ending, state=state, reason=why)
            return {"failed": f"{plan.words}: {why}"}
        await asyncio.to_thread(places.end)
        await self._succeed(run, position, places, ending)
        return {}

    async def _plan(self, run: ProcessingRun, position: int) -> StepPlan:
        """Read what the step is about.

        Raises:
            UnavailableError: Variables of the module cannot be decrypted.
        """
        async with reading(self._wiring.sessions) as session:
            case = await get_case(session, run.case_id)
            steps = (await repository.list_steps(session, [run.id]))[run.id]
            step = steps[position - 1]
            module = await session.get(Module, step.module)
            if module is None:
                raise ScanHubError(
                    f"There is no module {step.module!r} any more: step {position} of {len(steps)}."
                )
            rule = RuleOptions.model_validate(case.options)
            own = [row.series_id for row in await cases.list_own_series(session, case.id)]
            return StepPlan(
                run=run,
                case=case,
                step=step,
                steps=len(steps),
                module=describe(module),
                variables=variables_of(module, self._wiring.secret_box),
                settings=settings_of(
                    module.document.get("settings", {}), rule.processing_settings, position
                ),
                images=list(await repository.list_images(session, own)),
            )

    async def _prepare(self, plan: StepPlan, places: StepFolders) -> str:
        """Make the input folder; return what is in the way of it."""
        writable = plan.module.input_writable or plan.module.runner == "process"
        await asyncio.to_thread(places.begin)
        if plan.step.position == 1:
            if not plan.images:
                return "The images of the case are not here any more: they were removed."
            try:
                await asyncio.to_thread(self._give_images, plan, places, writable)
            except FileNotFoundError as error:
                return f"A file of the archive is missing: {error.filename}"
        else:
            before = await self._folder_before(plan)
            if not await asyncio.to_thread(before.exists):
                return "What the step before it made is not here any more."
            files = await asyncio.to_thread(folders.outputs, before)
            await asyncio.to_thread(folders.give, files, places.input, copies=writable)
        await asyncio.to_thread(self._write_task, plan, places)
        return ""

    def _give_images(self, plan: StepPlan, places: StepFolders, copies: bool) -> None:
        root = self._wiring.lake.root
        files = []
        for series, instance in plan.images:
            name = image_name(series.series_instance_uid, instance.sop_instance_uid)
            files.append((root / instance.key, f"{name}.dcm"))
            tags = {**tags_of(series, instance), "Filename": f"{name}.dcm"}
            folders.write_json(places.input / f"{name}.tags", tags)
        folders.give(files, places.input, copies=copies)

    def _write_task(self, plan: StepPlan, places: StepFolders) -> None:
        tags = tags_of(*plan.images[0]) if plan.images else {}
        series = list({row.id: row for row, _ in plan.images}.values())
        rule = RuleOptions.model_validate(plan.case.options)
        config = plan.module.model_dump(mode="json", exclude={"environment", "problems"})
        process = {
            "module_name": plan.step.module,
            "module_config": config,
            "settings": plan.settings,
            "retain_input_images": rule.processing_retain_images,
            "output": None,
        }
        document = task_document(plan.case, series, tags, process, version("workflow-manager"))
        folders.write_json(places.input / folders.TASK, document)

    async def _folder_before(self, plan: StepPlan) -> Path:
        async with reading(self._wiring.sessions) as session:
            return await output_of(
                session, self._wiring.lake.root, plan.run, plan.step.position - 1
            )

    async def _is_stopped(self, cancel: asyncio.Event) -> bool:
        """Wait a moment, and say whether somebody stops the run meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TURN_S):
                await cancel.wait()
        return cancel.is_set()

    async def _begin(self, plan: StepPlan) -> bool:
        """Note that the module runs; or that it waits for another one that uses its folder."""
        folder = persistence.folder_of(self._wiring.lake.root, plan.module)
        async with transaction(self._wiring.sessions) as session:
            case = await get_case(session, plan.case.id, lock=True)
            run = await get_run(session, plan.run.id, lock=True)
            step = await _step(session, plan.run, plan.step.position)
            if folder is not None:
                user = await persistence.in_use(session, folder.name, but=run.id)
                if user is not None:
                    used = f"another run of {user.module} uses it"
                    run.reason = f"{plan.words}, waits for the folder {folder.name}: {used}."
                    case.reason = run.reason
                    return False
            step.state, step.started_at, step.reason = StepState.RUNNING, utc_now(), ""
            step.module_version, step.settings = plan.module.version, plan.settings
            step.job = plan.module.job if plan.module.runner == "job" else ""
            run.reason = f"{plan.words}, since {step.started_at:%H:%M:%S} UTC."
            if case.state is CaseState.PROCESSING:
                case.reason = run.reason
            await session.flush()
            more = {"module": step.module, "step": step.position, "steps": plan.steps}
            await append(session, [event_of(run, EventType.PROCESSING_STEP, **more)])
        return True

    async def _run(self, plan: StepPlan, places: StepFolders, cancel: asyncio.Event) -> Ending:
        watching = asyncio.create_task(self._watch(plan.run, cancel))
        try:
            async with gpus_for(self._wiring, plan, cancel) as gpus:
                if cancel.is_set():
                    return Ending(canceled=True)
                return await self._run_with(gpus, plan, places, cancel)
        except UnavailableError as error:
            return Ending(problem=error.detail)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _run_with(
        self, gpus: Sequence[str], plan: StepPlan, places: StepFolders, cancel: asyncio.Event
    ) -> Ending:
        settings, module = self._wiring.settings, plan.module
        while not await self._begin(plan):
            if await self._is_stopped(cancel):
                return Ending(canceled=True)
        kept = persistence.folder_of(self._wiring.lake.root, module)
        if kept is not None:
            await asyncio.to_thread(kept.mkdir, parents=True, exist_ok=True)
        work = Work(
            name=_name(plan.run, plan.step.position),
            module=module,
            input=places.input.absolute(),
            output=places.working.absolute(),
            scratch=places.scratch.absolute(),
            timeout_s=self._timeout_s(module),
            memory_bytes=module.memory_bytes or settings.module_memory_bytes,
            cpus=module.cpus or settings.module_cpus,
            gpus=gpus,
            persistence=kept,
            variables={**plan.variables, **visible(self._wiring, module, gpus)},
        )
        grown = self._wiring.logs.of(plan.run.id, plan.step.position)
        log = await asyncio.to_thread(LogFile, places.log, settings.module_log_bytes, grown)
        try:
            if module.runner == "job":
                return await self._job(plan, places, work, cancel, log)
            return await self._guarded(work, cancel, log)
        finally:
            await asyncio.to_thread(log.close)

    async def _job(
        self, plan: StepPlan, places: StepFolders, work: Work, cancel: asyncio.Event, log: Log
    ) -> Ending:
        """Run a job of the SDK on the images of the case, and what modules made of them."""
        root = self._wiring.lake.root
        async with reading(self._wiring.sessions) as session:
            steps = (await repository.list_steps(session, [plan.run.id]))[plan.run.id]
            before = [
                await output_of(session, root, plan.run, step.position)
                for step in steps[: plan.step.position - 1]
                if not step.job
            ]
        try:
            own = await asyncio.to_thread(images_of_case, root, plan.images)
        except FileNotFoundError as error:
            return Ending(problem=f"A file of the archive is missing: {error.filename}")
        given = await asyncio.to_thread(images_beside, own, before)
        step = JobStep(self._wiring, plan, places, self._guarded)
        return await step.compute(work, cancel, log, (own, given))

    async def _guarded(self, work: Work, cancel: asyncio.Event, log: Log) -> Ending:
        """Run a module, and kill it when it writes more than it may."""
        settings, module = self._wiring.settings, work.module
        limits = OutputLimits(
            size=module.output_bytes or settings.module_output_bytes,
            files=module.output_files or settings.module_output_files,
            free=settings.dicom_min_free_bytes,
        )
        guard = Guard((work.output, work.scratch), limits, cancel)
        problem = await guard.look()
        if problem:
            return Ending(problem=problem)
        guard.start()
        try:
            ending = await self._wiring.runners.of(module).run(work, guard.stop, log)
        finally:
            await guard.end()
        if cancel.is_set() or ending.problem:
            return ending
        problem = await guard.look(ended_well=ending.exit_code == 0)
        if not problem:
            return ending
        if ending.canceled:
            problem = f"It was killed: {problem[0].lower()}{problem[1:]}"
        return Ending(ending.exit_code, problem=problem)

    async def _watch(self, run: ProcessingRun, cancel: asyncio.Event) -> None:
        """Hear of it when somebody stops the run at another process, or when it is late."""
        while not cancel.is_set():
            left = math.inf
            if run.deadline_at is not None:
                left = max(0.0, (run.deadline_at - utc_now()).total_seconds())
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_S, left)):
                    await cancel.wait()
            async with reading(self._wiring.sessions) as session:
                stopped = (await get_run(session, run.id)).cancel_requested_by is not None
            if stopped or is_overdue(run):
                cancel.set()

    async def _is_late(self, run: ProcessingRun) -> bool:
        """Say whether the deadline stopped a run, and not somebody."""
        async with reading(self._wiring.sessions) as session:
            return is_overdue(run) and (await get_run(session, run.id)).cancel_requested_by is None

    def _timeout_s(self, module: ModuleOut) -> float:
        return module.timeout_s or self._wiring.settings.module_timeout_s

    async def _succeed(
        self, run: ProcessingRun, position: int, places: StepFolders, ending: Ending
    ) -> None:
        output, problem = await asyncio.to_thread(folders.read_result, places.output)
        told = {"value": output}
        state = StepState(ending.state or "succeeded")
        reason = ending.problem or problem
        await self._note(run, position, ending, state=state, reason=reason, output=told)

    async def _ended_before(self, run: ProcessingRun, position: int) -> Ending:
        """Return how a step ended of which a crash left nothing but its output."""
        async with reading(self._wiring.sessions) as session:
            rows = await executions_of_runs(session, [run.id])
        executions = rows.get((run.id, position))
        return end_of_step(executions) if executions else Ending(exit_code=0)

    async def _note(
        self,
        run: ProcessingRun,
        position: int,
        ending: Ending,
        *,
        state: StepState,
        reason: str,
        output: dict[str, Any] | None = None,
    ) -> None:
        """Write down how a step ended."""
        places = StepFolders(self._wiring.lake.root, run.id, position)
        tail = await asyncio.to_thread(last_lines, places.log, _TAIL)
        async with transaction(self._wiring.sessions) as session:
            step = await _step(session, run, position)
            step.state, step.reason, step.log_tail = state, reason, tail
            step.exit_code, step.ended_at = ending.exit_code, utc_now()
            step.output = output or {}


async def _step(session: AsyncSession, run: ProcessingRun, position: int) -> ProcessingStep:
    return await session.get_one(ProcessingStep, (run.id, position), with_for_update=True)


async def output_of(session: AsyncSession, root: Path, run: ProcessingRun, position: int) -> Path:
    """Return where the output of a step is: here, or with the run that this one goes on with."""
    while position < run.first_step and run.continues is not None:
        run = await get_run(session, run.continues)
    return StepFolders(root, run.id, position).output


def _name(run: ProcessingRun, position: int) -> str:
    """Return the name of the work of a step, the same after a crash."""
    return f"scanhub-{run.id.hex}-{position}"


def _last_line(text: str) -> str:
    """Return the last thing that was said, without its time."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].partition(" ")[2].strip() if lines else ""
