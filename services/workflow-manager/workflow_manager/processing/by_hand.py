"""What people do with runs of modules."""

import asyncio
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models.case import ProcessingRetry, ProcessingReviewIn
from scanhub_libraries.security.principal import Principal
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case
from workflow_manager.cases.service import get_case
from workflow_manager.cases.times import times_of
from workflow_manager.dispatch.rules import Priority
from workflow_manager.journal.service import append
from workflow_manager.notes import Topic, tell
from workflow_manager.processing import queueing, reviewing
from workflow_manager.processing.folders import files_folder
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.wiring import Wiring


async def retry(
    session: AsyncSession, wiring: Wiring, case_id: UUID, wanted: ProcessingRetry, *, actor: str
) -> None:
    """Let the modules of a case run again.

    Raises:
        ConflictError: They have not failed, or what is needed is gone.
    """
    case = await _locked(session, case_id)
    times = times_of(wiring.settings)
    anew = wanted.start == "first" and wanted.step is None
    events = await queueing.retry(session, case, times, anew=anew, step=wanted.step, actor=actor)
    await session.flush()
    await append(session, events)


async def cancel(session: AsyncSession, wiring: Wiring, case_id: UUID, *, actor: str) -> None:
    """Stop the run of a case.

    Raises:
        ConflictError: None runs.
    """
    case = await _locked(session, case_id)
    run_id, events = await queueing.cancel(session, case, times_of(wiring.settings), actor=actor)
    await session.flush()
    await tell(session, Topic.STOP, str(run_id))
    await append(session, events)
    await session.commit()  # whoever ends the run reads who asked for it
    wiring.stop_here(str(run_id))


async def prioritize(session: AsyncSession, run_id: UUID, priority: Priority) -> ProcessingRun:
    """Give a run that has not begun another place in its queue.

    Raises:
        ConflictError: It has begun, or ended.
    """
    case = await _locked(session, (await queueing.get_run(session, run_id)).case_id)
    run = await queueing.get_run(session, run_id, lock=True)
    events = queueing.prioritize(run, case, priority)
    await session.flush()
    await append(session, events)
    return run


async def review(
    session: AsyncSession,
    wiring: Wiring,
    case_id: UUID,
    wanted: ProcessingReviewIn,
    *,
    principal: Principal,
) -> None:
    """Decide whether what the modules of a case made is sent.

    Raises:
        ConflictError: It does not wait for a review.
        ForbiddenError: Somebody else has to decide.
    """
    case, times = await _locked(session, case_id), times_of(wiring.settings)
    run = await queueing.last_run(session, case.id)
    events = await reviewing.decide(
        session,
        run,
        case,
        times,
        decision=wanted.decision,
        principal=principal,
        comment=wanted.comment,
    )
    await session.flush()
    await append(session, events)


async def _locked(session: AsyncSession, case_id: UUID) -> Case:
    case = await get_case(session, case_id)
    await cases.lock_studies(session, [case.study_instance_uid])
    return await get_case(session, case_id, lock=True)


async def find_file(wiring: Wiring, run: ProcessingRun, name: str) -> Path:
    """Return the place of a file that a module made.

    Raises:
        NotFoundError: It made none of this name, or it was removed.
    """
    path = files_folder(wiring.lake.root, run.id) / name
    if name not in run.other_files or not await asyncio.to_thread(path.is_file):
        raise NotFoundError(f"The run has no file {name[:200]!r}.")
    return path
