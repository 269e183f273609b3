"""What people do with series and cases by hand."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import Event
from workflow_manager.cases import repository
from workflow_manager.cases.following import route_series
from workflow_manager.cases.habits import note_habit
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import OPEN, CaseState, CaseWish, Verdict
from workflow_manager.cases.service import get_case, move, settle
from workflow_manager.cases.studies import review_study
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.service import complete
from workflow_manager.dispatch.rules import ENDED, DispatchStatus
from workflow_manager.dispatch.service import retry_now
from workflow_manager.journal.service import append
from workflow_manager.processing.queueing import has_failed, retry
from workflow_manager.wiring import Wiring


async def complete_series_now(
    session: AsyncSession, wiring: Wiring, series_instance_uid: str
) -> Sequence[Case]:
    """Take it that nothing more comes of a series; return the cases that follow.

    Raises:
        NotFoundError: There is no such series.
        ConflictError: It is complete already.
    """
    known = await repository.find_series(session, series_instance_uid)
    if not known:
        raise NotFoundError(f"There is no series {series_instance_uid[:64]}.")
    await repository.lock_studies(session, [row.study_instance_uid for row in known])
    rows = await repository.lock_series(session, [row.id for row in known])
    if not rows:
        raise ConflictError("The series is complete already, or is being completed.")
    counts = await repository.count_instances(session, list(rows))
    events: list[Event] = []
    times = times_of(wiring.settings)
    for id_, series in rows.items():
        await note_habit(session, series, wiring.settings.series_quiet_s)
        events.append(complete(series, "by hand"))
        events += await route_series(
            session, series, instances=counts.get(id_, 0), anew=True, times=times
        )
    await _conclude(session, events)
    return await repository.list_cases(
        session,
        wanted={},
        series_instance_uid=series_instance_uid,
        before=None,
        limit=len(rows) * 100,
    )


async def wish_for(
    session: AsyncSession, wiring: Wiring, case_id: UUID, wish: CaseWish, *, actor: str
) -> Case:
    """Complete or discard a case as soon as nothing of its study arrives any more.

    One that failed is given up at once.

    Args:
        session: The transaction.
        wiring: The settings.
        case_id: Which case.
        wish: What is asked for.
        actor: Who asks.

    Raises:
        ConflictError: There is nothing left to complete or to discard.
    """
    case, times = await _locked(session, case_id), times_of(wiring.settings)
    if case.state is CaseState.FAILED and wish is CaseWish.DISCARD:
        series = await repository.series_uids(session, case.id)
        verdict = Verdict(CaseState.DISCARDED, f"Discarded by {actor}.")
        await _conclude(session, move(case, verdict, series, times))
        return case
    if case.state not in OPEN:
        raise ConflictError(f"The case is {case.state.value}: it does not wait for anything.")
    case.wish, case.wished_by = wish, actor[:256]
    await _conclude(session, await review_study(session, case, times))
    return case


async def retry_case(session: AsyncSession, wiring: Wiring, case_id: UUID, *, actor: str) -> Case:
    """Go on with the step of processing that failed, or send again what was not sent.

    What is at its target stays there.

    Args:
        session: The transaction.
        wiring: The settings.
        case_id: Which case.
        actor: Who asks.

    Raises:
        ConflictError: It has not failed, or there is nothing to do again.
    """
    case = await _locked(session, case_id)
    if await has_failed(session, case):
        times = times_of(wiring.settings)
        await _conclude(session, await retry(session, case, times, anew=False, actor=actor))
        return case
    unsent = [
        row.id
        for row in await repository.list_dispatches_of(session, case.id)
        if row.status in ENDED and row.status is not DispatchStatus.SENT
    ]
    if case.state is not CaseState.FAILED or not unsent:
        raise ConflictError(f"The case is {case.state.value}: there is nothing to send again.")
    for dispatch_id in unsent:
        await retry_now(session, dispatch_id)
    await session.refresh(case, with_for_update=True)
    events = await settle(session, case, times_of(wiring.settings))
    await _conclude(session, events)
    return case


async def _locked(session: AsyncSession, case_id: UUID) -> Case:
    """Return a case to change; the lock of its study comes first, as everywhere."""
    case = await get_case(session, case_id)
    await repository.lock_studies(session, [case.study_instance_uid])
    return await get_case(session, case_id, lock=True)


async def _conclude(session: AsyncSession, events: list[Event]) -> None:
    """Append the events, the last thing in the transaction."""
    await session.flush()
    await append(session, events)
