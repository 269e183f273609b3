"""The steps of a run. Each may be repeated after a crash, and then does no harm.

A step returns JSON values for the engine to remember, never an exception: `failed` is a sentence
for a person, `canceled` says that somebody stopped the run.
"""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import (
    ConflictError,
    NotFoundError,
    ScanHubError,
    UnavailableError,
)
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import result_directory
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import (
    ClaimTask,
    FinishTask,
    ItemStatus,
    ReleaseTask,
    ResultOut,
    SetResult,
)
from workflow_manager.cases.following import route_series
from workflow_manager.cases.times import times_of
from workflow_manager.dicom import repository as dicom_repository
from workflow_manager.dicom import service as dicom_service
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.jobs.parameters import check_parameters
from workflow_manager.journal.service import append
from workflow_manager.runs.computing import Computing
from workflow_manager.runs.folders import (
    RunFolders,
    file_names,
    put_in_place,
    take_back,
)
from workflow_manager.runs.inputs import Inputs, NothingToDoError
from workflow_manager.runs.models import Run
from workflow_manager.runs.patience import Patience, RunCanceledError, is_away
from workflow_manager.runs.rules import (
    ELSEWHERE,
    ENDED,
    NOT_BEGUN,
    RunStatus,
    overdue_words,
    result_id_of,
    result_type,
)
from workflow_manager.runs.service import (
    attempt_of,
    end_run,
    event_of,
    get_run,
    id_of,
    is_overdue,
    key_of,
)
from workflow_manager.runs.waiting import wait_for_hours
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
Answer = dict[str, Any]
_IMAGE = ".dcm"
_ELSEWHERE_S = 10.0
"""After so long a run that this process cannot have is offered to all again [s].

Each time another process may be the quicker one, so it is not put off for longer and longer.
"""


class RunSteps:
    """The steps, with what they work on."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._times = times_of(wiring.settings)
        self._computing = Computing(wiring)
        self._exam_manager_says = Patience(wiring)
        self._lake_says = Patience(wiring, "the data lake")
        self._inputs = Inputs(wiring, self._exam_manager_says, self._lake_says)

    # --- steps ----------------------------------------------------------------------------------

    async def prepare(self, key: str) -> Answer:
        """Claim the task and write the job's context."""
        run = await self._read(str(id_of(key)))
        if run.status in ENDED or key_of(run) != key:
            return {"ended": True}
        if run.cancel_requested:
            return {"canceled": True}
        if is_overdue(run):
            return {"failed": overdue_words(run.deadline_at)}
        later = None
        if run.status in NOT_BEGUN:
            later = await self._put_off(run) or await self._leave_to_others(run)
        return later if later is not None else await self._begin(run)

    async def _leave_to_others(self, run: Run) -> Answer | None:
        """Give a run back that asks for more than this process ever has; None: it does not."""
        if self._wiring.presence.is_alone:
            return None  # it fails, and says why
        try:
            job = await self._wiring.jobs.usable_job(run.job_id)
        except ScanHubError:  # it fails, and says so
            return None
        if not self._wiring.gpus.lack(job.gpus):
            return None
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            if row.status not in NOT_BEGUN:
                return None
            waited = row.waits_for == ELSEWHERE
            row.status, row.waits_for = RunStatus.WAITING, ELSEWHERE
            row.waits_until = utc_now() + timedelta(seconds=_ELSEWHERE_S)
            row.put_off += 1
            await session.flush()
            if not waited:
                await append(session, [event_of(row, EventType.RUN_WAITING)])
            return {
                "later": key_of(row),
                "wait_s": _ELSEWHERE_S,
                "rank": attempt_of(row).rank,
            }

    async def _begin(self, run: Run) -> Answer:
        exam_manager = self._wiring.exam_manager
        claiming = ClaimTask(claim_id=run.id, run_id=run.id)
        try:
            claim = await self._exam_manager_says(
                lambda: exam_manager.claim_task(run.task_id, claiming), run
            )
            job = await self._wiring.jobs.usable_job(run.job_id)
            check_parameters(job, run.parameters)
            source = await self._inputs.prepare(run, claim)
        except RunCanceledError:
            return {"canceled": True}
        except NothingToDoError as error:
            return {"skipped": error.detail}
        except ScanHubError as error:
            return {"failed": error.detail}
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            if key_of(row) != key_of(run):  # somebody gave it another place meanwhile
                return {"ended": True}
            if row.status in NOT_BEGUN:
                row.status, row.started_at = RunStatus.RUNNING, utc_now()
                row.exam_id, row.waits_for, row.waits_until = claim.exam_id, None, None
                await session.flush()
                await append(session, [event_of(row, EventType.RUN_STARTED)])
        return {"input": source}

    async def compute(self, run_id: str, source: str | list[str]) -> Answer:
        """Run the job and put its files in their place in the lake."""
        run = await self._read(run_id)
        target = self._result_folder(run)
        if target.exists():  # a crash came after the rename, before the engine remembered
            return {"files": file_names(target)}
        cancel = self._wiring.cancels.setdefault(run.id, asyncio.Event())
        if run.cancel_requested:
            cancel.set()
        try:
            job = await self._wiring.jobs.usable_job(run.job_id)
            sources = [Path(one) for one in ([source] if isinstance(source, str) else source)]
            end = await self._computing.compute(run, job, sources, cancel)
        except ScanHubError as error:  # a package was removed meanwhile
            return {"failed": error.detail}
        finally:
            self._wiring.cancels.pop(run.id, None)
        if end.canceled:
            return {"canceled": True}
        if end.failure is not None:
            late = end.timed_out and is_overdue(run)
            return {"failed": overdue_words(run.deadline_at) if late else end.failure}
        await asyncio.to_thread(put_in_place, self._folders(run).output, target)
        return {"files": file_names(target)}

    async def index(self, run_id: str, names: list[str]) -> Answer:
        """Bring the images into the DICOM node, as if they had arrived from a scanner."""
        run = await self._read(run_id)
        folder = self._result_folder(run)
        origin = Origin(source=f"run:{run.id}", task_id=run.task_id, exam_id=run.exam_id)
        series: set[str] = set()
        images = [name for name in names if name.endswith(_IMAGE)]
        entered = await self._wiring.store.store_instances([folder / n for n in images], origin)
        for name, stored in zip(images, entered, strict=True):
            if stored.outcome not in {Outcome.STORED, Outcome.DUPLICATE} or stored.header is None:
                return {"failed": f"Image {name} cannot be indexed: {stored.detail}"}
            series.add(stored.header.series_instance_uid)
        return {"series": sorted(series)}

    async def finish(self, run_id: str, names: list[str], series: list[str]) -> Answer:
        """End the task with its result; then the run, with what goes to whom."""
        run = await self._read(run_id)
        result_id = result_id_of(run.id)
        workflow_id = run.workflow_id
        if workflow_id is None:
            return {"failed": "The run belongs to no workflow."}
        folder = result_directory(workflow_id, run.task_id, result_id)
        try:
            await self._lake_says(lambda: self._wiring.lake.publish(folder))
        except UnavailableError as error:
            return {"failed": error.detail}
        job = await self._wiring.jobs.get_job(run.job_id)
        result = SetResult(
            type=result_type(job.outputs, names),
            directory=folder,
            files=names,
            meta=_about(run, f"/api/v1/exam/dcm/{workflow_id}/{run.task_id}/{result_id}", names)
            | ({"series_instance_uids": series} if series else {}),
        )
        finish = FinishTask(claim_id=run.id, result_id=result_id, result=result)
        try:
            await self._exam_manager_says(
                lambda: self._wiring.exam_manager.finish_task(run.task_id, finish)
            )
        except ScanHubError as error:
            if is_away(error) or await self._stored_result(run) is None:
                return {"failed": f"The result could not be written: {error.detail}"}
        await self._succeed(run.id, series)
        return {}

    async def fail(self, run_id: str, reason: str) -> Answer:
        """End task and run with a reason."""
        run = await self._read(run_id)
        late = run.timed_out or reason == overdue_words(run.deadline_at)
        status = RunStatus.TIMED_OUT if late else RunStatus.FAILED
        return await self._end(run_id, status, ItemStatus.ERROR, reason)

    async def skip(self, run_id: str, reason: str) -> Answer:
        """End the run for there is nothing to do; the task is planned again."""
        return await self._end(run_id, RunStatus.SKIPPED, ItemStatus.UPDATED, reason)

    async def cancel(self, run_id: str) -> Answer:
        """End task and run because somebody stopped them, or did not let them begin."""
        review = (await self._read(run_id)).review
        reason = "Stopped."
        if review.get("state") == "rejected":
            nobody = "nobody, for the deadline was over"
            by = nobody if review["decided_by"] == "deadline" else review["decided_by"]
            reason = f"The review rejected it: {by}."
        return await self._end(run_id, RunStatus.CANCELED, ItemStatus.CANCELED, reason)

    # --- parts ----------------------------------------------------------------------------------

    async def _put_off(self, run: Run) -> Answer | None:
        """Let a run wait for the next off-peak hours, if these are over; None: it need not."""
        now, window = utc_now(), self._wiring.settings.offpeak
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            if not wait_for_hours(row, window, now) or row.waits_until is None:
                return None
            row.put_off += 1
            await session.flush()
            await append(session, [event_of(row, EventType.RUN_WAITING)])
            return {
                "later": key_of(row),
                "wait_s": (row.waits_until - now).total_seconds(),
                "rank": attempt_of(row).rank,
            }

    async def _succeed(self, run_id: UUID, series: list[str]) -> None:
        async with transaction(self._wiring.sessions) as session:
            run = await get_run(session, run_id, lock=True)
            events = []
            for uid in series:
                for row, count in await dicom_repository.list_series(
                    session, series_instance_uid=uid
                ):
                    first = not row.complete
                    if first:
                        events.append(dicom_service.complete(row, "own run"))
                    events += await route_series(
                        session, row, instances=count, anew=first, times=self._times
                    )
            if run.status not in ENDED:
                run.result_id = result_id_of(run.id)
            ended = await end_run(session, run, RunStatus.SUCCEEDED)
            if ended is not None:
                events.append(ended)
            await append(session, events)
        await asyncio.to_thread(shutil.rmtree, self._folders(run).work, ignore_errors=True)

    async def _end(self, run_id: str, status: RunStatus, task_status: Any, reason: str) -> Answer:
        run = await self._read(run_id)
        if run.status not in ENDED:
            stored = await self._give_back(run, task_status, reason)
            if stored is not None:  # the end came too late: the task has its result
                series = (stored.meta or {}).get("series_instance_uids", [])
                await self._succeed(run.id, series)
                return {}
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            event = await end_run(session, row, status, error=reason)
            if event is not None:
                await append(session, [event])
        await asyncio.to_thread(shutil.rmtree, self._folders(run).work, ignore_errors=True)
        return {}

    async def _give_back(self, run: Run, status: Any, reason: str) -> ResultOut | None:
        """Release the task and take the files back; or return the result that it ended with."""
        release = ReleaseTask(claim_id=run.id, status=status, reason=reason)
        try:
            if not await self._release(run, release):
                stored = await self._stored_result(run)
                if stored is not None:
                    return stored
        except ScanHubError as error:  # nobody knows whether the task ended with these files
            logger.warning("files of a run stay", run_id=str(run.id), reason=error.detail)
        else:
            if run.workflow_id is not None:
                target, work = self._result_folder(run), self._folders(run).work
                await asyncio.to_thread(take_back, target, work)
                await self._wiring.lake.delete_tree(self._result_key(run))
        return None

    async def _release(self, run: Run, release: ReleaseTask) -> bool:
        """Release the task; say whether the claim was still ours.

        Raises:
            ScanHubError: exam-manager is away.
        """
        try:
            await self._exam_manager_says(
                lambda: self._wiring.exam_manager.release_task(run.task_id, release)
            )
        except ScanHubError as error:
            if is_away(error):
                raise
            logger.info("task not released", run_id=str(run.id), reason=error.detail)
            return False
        return True

    async def _stored_result(self, run: Run) -> ResultOut | None:
        """Return the result of this run if exam-manager has it.

        Raises:
            ScanHubError: exam-manager is away.
        """
        try:
            task = await self._exam_manager_says(
                lambda: self._wiring.exam_manager.get_task(run.task_id)
            )
        except NotFoundError:
            return None
        own = result_id_of(run.id)
        return next((r for r in task.results if r.id == own and r.files), None)

    async def _read(self, run_id: str) -> Run:
        async with reading(self._wiring.sessions) as session:
            return await get_run(session, UUID(run_id))

    def _folders(self, run: Run) -> RunFolders:
        return RunFolders(self._wiring.lake.root, run.id)

    def _result_folder(self, run: Run) -> Path:
        return self._wiring.lake.root / self._result_key(run)

    def _result_key(self, run: Run) -> str:
        if run.workflow_id is None:
            raise ConflictError("The run belongs to no workflow.")
        return result_directory(run.workflow_id, run.task_id, result_id_of(run.id))


def _about(run: Run, prefix: str, names: list[str]) -> dict[str, Any]:
    """Return what a result says of itself: its run, and what the job found or made."""
    about: dict[str, Any] = {
        "run_id": str(run.id),
        "job_id": run.job_id,
        "job_version": run.job_version,
        "parameters": run.told_parameters,
    }
    images = [name for name in names if name.endswith(_IMAGE)]
    if images:
        instances = [f"{prefix}/{name}" for name in images]
        about |= {"instance_count": len(images), "instances": instances}
    return about | ({"values": run.report} if run.report else {})
