"""Runs that begin only when a person has looked at what they work on.

Such a run waits as a row: no place in a queue, no workflow. Who decides, or the deadline, puts it
into its queue or ends it.
"""

from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.events import EventType
from scanhub_libraries.security.principal import Principal
from workflow_manager.journal.service import append
from workflow_manager.processing.rules import check_reviewer
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import NOT_BEGUN, RunStatus, review_words
from workflow_manager.runs.service import event_of, get_run, start_run
from workflow_manager.runs.waiting import wait_for_hours
from workflow_manager.wiring import Wiring

Decision = Literal["approve", "reject"]
_DEADLINE = "deadline"


async def decide(
    wiring: Wiring, run_id: UUID, *, decision: Decision, principal: Principal, comment: str
) -> Run:
    """Let a person decide whether a run begins.

    Raises:
        ConflictError: It does not wait for a review, or somebody was faster.
        ForbiddenError: Somebody else has to decide.
    """
    async with transaction(wiring.sessions) as session:
        run = await get_run(session, run_id, lock=True)
        if not run.waits_for_review or run.cancel_requested:
            raise ConflictError(f"The run is {run.status.value}: it does not wait for a review.")
        check_reviewer(principal, run.review["role"])
        await _take(wiring, session, run, decision=decision, by=principal.actor, comment=comment)
    await _go_on(wiring, run)
    return run


async def pass_deadline(wiring: Wiring, run_id: UUID) -> None:
    """Do what the installation asks for when nobody has decided in time."""
    async with transaction(wiring.sessions) as session:
        run = await get_run(session, run_id, lock=True)
        late = run.waits_until is not None and run.waits_until <= utc_now()
        if not run.waits_for_review or not late:
            return
        if run.review["at_deadline"] == "wait":
            run.review = {**run.review, "overdue": True}
            run.waits_for, run.waits_until = review_words(run.review), None
            await session.flush()
            await append(session, [event_of(run, EventType.RUN_WAITING)])
            return
        decision: Decision = "approve" if run.review["at_deadline"] == "approve" else "reject"
        await _take(wiring, session, run, decision=decision, by=_DEADLINE, comment="")
    await _go_on(wiring, run)


async def _take(
    wiring: Wiring, session: AsyncSession, run: Run, *, decision: Decision, by: str, comment: str
) -> None:
    state = "approved" if decision == "approve" else "rejected"
    decided = {"decided_by": by[:256], "decided_at": utc_now().isoformat(), "comment": comment}
    run.review = {**run.review, "state": state, **decided}
    if state == "rejected":
        run.cancel_requested = True
        run.waits_until = None
        await session.flush()
        return
    run.status, run.waits_for, run.waits_until = RunStatus.QUEUED, None, None
    waits = wait_for_hours(run, wiring.settings.offpeak, utc_now())
    await session.flush()
    await append(session, [event_of(run, EventType.RUN_WAITING if waits else EventType.RUN_QUEUED)])


async def _go_on(wiring: Wiring, run: Run) -> None:
    if run.status in NOT_BEGUN and not run.cancel_requested:
        await start_run(wiring, run)
    wiring.runs_due()
