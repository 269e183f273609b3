"""The steps of a run of modules. Each may be repeated after a crash, and then does no harm.

A step returns JSON values for the engine to remember, never an exception: `failed` is a sentence
for a person, `canceled` says that somebody stopped the run.
"""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import Event
from scanhub_libraries.models import RuleOptions
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case
from workflow_manager.cases.service import get_case
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.service import complete
from workflow_manager.journal.service import append
from workflow_manager.processing import finishing, folders, indexing, repository, reviewing
from workflow_manager.processing.computing import Computing
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.queueing import end_badly, get_run, is_overdue, stopped_by
from workflow_manager.processing.rules import (
    DONE,
    OPEN,
    RunState,
    StepState,
    gate_before,
    overdue_words,
    source_of,
)
from workflow_manager.processing.session_hooks import end_session
from workflow_manager.wiring import Wiring

Answer = dict[str, Any]


class ProcessingSteps:
    """The steps, with what they work on."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._times = times_of(wiring.settings)
        self._computing = Computing(wiring)

    async def plan(self, run_id: str) -> Answer:
        """Say which steps there are to do."""
        run = await self._read(run_id)
        if run.state not in OPEN:
            return {"ended": True}
        if run.cancel_requested_by is not None:
            return {"canceled": True}
        if is_overdue(run):
            return {"failed": overdue_words(run.deadline_at)}
        async with reading(self._wiring.sessions) as session:
            steps = (await repository.list_steps(session, [run.id]))[run.id]
        first = run.first_step
        if run.gates_passed:
            first = next((step.position for step in steps if step.state not in DONE), first)
        return {"first": first, "last": len(steps)}

    async def compute(self, run_id: str, position: int, passed: int = 0) -> Answer:
        """Run one module; what it made counts once its folder is renamed.

        Before it there may be a gate: then the workflow ends here, and nothing is run.

        Args:
            run_id: The run.
            position: The step, from 1.
            passed: How many gates the workflow has passed; once the run has passed more, another
                workflow works on it.
        """
        run = await self._read(run_id)
        if run.state not in OPEN or run.gates_passed != passed or await self._waits(run, position):
            return {"ended": True}
        cancel = self._wiring.processing.setdefault(UUID(run_id), asyncio.Event())
        if run.cancel_requested_by is not None:
            cancel.set()
        return await self._computing.compute(run, position, cancel)

    async def _waits(self, run: ProcessingRun, position: int) -> bool:
        """Say whether a run waits for a person before a step; it does from here on."""
        if run.state is RunState.REVIEW:  # it is done again after a crash
            return True
        async with reading(self._wiring.sessions) as session:
            case = await get_case(session, run.case_id)
            gate = gate_before(RuleOptions.model_validate(case.options), position)
            if gate is None or await reviewing.has_passed(session, run, gate.after):
                return False
        async with transaction(self._wiring.sessions) as session:
            run, case = await self._lock(session, str(run.id))
            if run.state not in OPEN or run.cancel_requested_by is not None:
                return False  # the step says so
            events = await reviewing.begin_gate(session, run, case, gate, self._times)
            await session.flush()
            await append(session, events)
        return True

    async def index(self, run_id: str) -> Answer:
        """Bring the images of the last module into the archive, as series of their own."""
        run = await self._read(run_id)
        return await indexing.index(self._wiring, run)

    async def finish(self, run_id: str, images: Answer) -> Answer:
        """End the run; queue what its case sends, in the same transaction.

        Or let it wait for a review: then it ends when somebody decides.
        """
        run = await self._read(run_id)
        if run.state in OPEN:
            await end_session(self._wiring, run)
        async with transaction(self._wiring.sessions) as session:
            run, case = await self._lock(session, run_id)
            if run.state not in OPEN:
                return {"ended": True}
            events = await self._end_well(session, run, case, images)
            await session.flush()
            await append(session, events)
        await asyncio.to_thread(folders.drop_work, self._wiring.lake.root, run.id)
        return {}

    async def _end_well(
        self, session: AsyncSession, run: ProcessingRun, case: Case, images: Answer
    ) -> list[Event]:
        review = RuleOptions.model_validate(case.options).processing_review
        if review is None:
            return await finishing.finish(session, run, case, images, self._times)
        if run.state is RunState.REVIEW:  # it is done again after a crash
            return []
        return await reviewing.begin(session, run, case, images, wanted=review, times=self._times)

    async def pass_deadline(self, run_id: UUID) -> None:
        """Do what the rule asks for when nobody has reviewed a run in time."""
        async with transaction(self._wiring.sessions) as session:
            run, case = await self._lock(session, str(run_id))
            events = await reviewing.pass_deadline(session, run, case, self._times)
            await session.flush()
            await append(session, events)

    async def end_unbegun(self, run_id: UUID) -> None:
        """End a run that did not begin in time; nothing if it has begun meanwhile."""
        async with transaction(self._wiring.sessions) as session:
            run, case = await self._lock(session, str(run_id))
            if run.state is not RunState.QUEUED or not is_overdue(run):
                return
            reason, state = overdue_words(run.deadline_at), RunState.TIMED_OUT
            events = await end_badly(session, run, case, self._times, state=state, reason=reason)
            await session.flush()
            await append(session, events)

    async def fail(self, run_id: str, reason: str) -> Answer:
        """End run and case with a reason; nothing is removed."""
        run = await self._read(run_id)
        async with reading(self._wiring.sessions) as session:
            steps = (await repository.list_steps(session, [run.id]))[run.id]
        late = reason == overdue_words(run.deadline_at)
        late = late or any(step.state is StepState.TIMED_OUT for step in steps)
        return await self._end(run_id, RunState.TIMED_OUT if late else RunState.FAILED, reason)

    async def cancel(self, run_id: str) -> Answer:
        """End run and case because somebody stopped them."""
        run = await self._read(run_id)
        return await self._end(run_id, RunState.CANCELED, stopped_by(run))

    async def leave(self, run_id: str, passed: int = 0) -> Answer:
        """Give the slot back, unless another workflow of the run has it by now."""
        run = await self._read(run_id)
        if run.gates_passed == passed or run.state is not RunState.RUNNING:
            self._wiring.processing.pop(UUID(run_id), None)
        self._wiring.processing_ended()
        return {}

    async def _end(self, run_id: str, state: RunState, reason: str) -> Answer:
        run = await self._read(run_id)
        if run.state in OPEN:
            await end_session(self._wiring, run)
        async with transaction(self._wiring.sessions) as session:
            run, case = await self._lock(session, run_id)
            events = await end_badly(session, run, case, self._times, state=state, reason=reason)
            for series in await repository.series_of(session, source_of(run.id.hex)):
                if not series.complete:  # images of a run that failed are kept, and go nowhere
                    events.append(complete(series, "processing ended"))
            await session.flush()
            await append(session, events)
        return {}

    async def _lock(self, session: AsyncSession, run_id: str) -> tuple[ProcessingRun, Case]:
        """Return a run and its case to change; the lock of the study comes first."""
        run = await get_run(session, UUID(run_id))
        case = await get_case(session, run.case_id)
        await cases.lock_studies(session, [case.study_instance_uid])
        case = await get_case(session, run.case_id, lock=True)
        return await get_run(session, UUID(run_id), lock=True), case

    async def _read(self, run_id: str) -> ProcessingRun:
        async with reading(self._wiring.sessions) as session:
            return await get_run(session, UUID(run_id))
