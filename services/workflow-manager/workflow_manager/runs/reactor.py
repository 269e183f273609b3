"""Starts the tasks whose inputs have just become complete, from the journal, exactly once.

The place in the journal is written down every few seconds and at the end, not after every event.
What is read again after a crash starts nothing again: a run's id is made of its task and inputs.
"""

import asyncio
from contextlib import suppress
from uuid import UUID

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ForbiddenError, NotFoundError, ScanHubError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import DAGTaskOut, JournalEntry, ResultOut, TaskOut, WorkflowOut
from workflow_manager.journal.models import JournalOffset
from workflow_manager.runs.rules import (
    NotReadyError,
    automatic_run_id,
    resolve_inputs,
    tasks_to_start,
)
from workflow_manager.runs.service import KIND, QUEUE, create_run, job_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_CONSUMER = "runs"
_INTERESTING = frozenset({EventType.TASK_FINISHED, EventType.RESULT_STORED})
_RETRY_S = (0.2, 1.0, 5.0)
_REMEMBER_S = 5.0


class RunReactor:
    """Follows the journal from where it stopped."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._task: asyncio.Task[None] | None = None
        self._place = 0
        self._remembered = 0

    async def start(self) -> None:
        """Begin to follow."""
        async with transaction(self._wiring.sessions) as session:
            offset = await session.get(JournalOffset, _CONSUMER)
            if offset is None:
                offset = JournalOffset(consumer=_CONSUMER, sequence=0)
                session.add(offset)
            self._place = self._remembered = offset.sequence
        self._task = asyncio.create_task(self._run(), name="run-reactor")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            await self._remember()

    async def _run(self) -> None:
        clock, failures = asyncio.get_running_loop().time, 0
        due = clock()
        while not self._wiring.tail.closed.is_set():  # else nothing would be waited for
            try:
                await self._follow()
                if clock() >= due:
                    await self._remember()
                    due = clock() + _REMEMBER_S
                failures = 0
            except Exception as error:  # noqa: BLE001 - following must go on
                delay = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
                logger.warning(
                    "an event waits", after=self._place, error=repr(error), delay_s=delay
                )
                failures += 1
                await asyncio.sleep(delay)
                continue
            await self._wiring.tail.wait(self._place, max(due - clock(), 0.0))

    async def _follow(self) -> None:
        for entry in await self._wiring.tail.read(self._place):
            if entry.type in _INTERESTING:
                await self._react(entry)
            self._place = entry.sequence

    async def _remember(self) -> None:
        if self._place == self._remembered:
            return
        place = self._place
        async with transaction(self._wiring.sessions) as session:
            offset = await session.get(JournalOffset, _CONSUMER)
            if offset is not None and offset.sequence < place:
                offset.sequence = place
        self._remembered = place

    async def _react(self, entry: JournalEntry) -> None:
        try:
            finished = UUID(str(entry.data.get("task_id")))
            workflow_id = UUID(str(entry.data.get("workflow_id")))
        except ValueError:
            return
        try:
            workflow = await self._wiring.exam_manager.get_workflow(workflow_id)
        except (NotFoundError, ForbiddenError):
            return  # deleted since
        if workflow.is_template:
            return
        for task in tasks_to_start(workflow.tasks, finished):
            try:
                job_of(task)
                inputs = resolve_inputs(task, _by_id(workflow))
            except (NotReadyError, ScanHubError) as error:
                logger.info("task not started", task_id=str(task.id), reason=str(error))
                continue
            await self._start(workflow, task, inputs, entry)

    async def _start(
        self,
        workflow: WorkflowOut,
        task: DAGTaskOut,
        inputs: dict[UUID, ResultOut],
        entry: JournalEntry,
    ) -> None:
        run_id = automatic_run_id(task.id, [result.id for result in inputs.values()])
        async with transaction(self._wiring.sessions) as session:
            run = await create_run(
                session,
                task,
                run_id=run_id,
                exam_id=workflow.exam_id,
                inputs=inputs,
                requested_by=f"event:{entry.sequence}",
            )
        if run is not None:
            await self._wiring.engine.start(KIND, str(run.id), queue=QUEUE)


def _by_id(workflow: WorkflowOut) -> dict[UUID, TaskOut]:
    return {task.id: task for task in workflow.tasks}
