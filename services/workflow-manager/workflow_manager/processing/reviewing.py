"""Reviews: what modules made goes nowhere, or to no further module, before a person has decided.

A review is a row. The workflow of the run has ended and its slot is free; whoever decides, or the
deadline, ends the run in one transaction, or lets it go on as another workflow.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models.routing_rule import ReviewGate, ReviewOptions
from scanhub_libraries.security.principal import Principal
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState, CaseTimes, Verdict
from workflow_manager.cases.service import move
from workflow_manager.processing import repository
from workflow_manager.processing.finishing import complete_own, finish
from workflow_manager.processing.models import ProcessingReview, ProcessingRun, ProcessingStep
from workflow_manager.processing.queueing import end_badly, get_run, waits_for_slot
from workflow_manager.processing.rules import (
    ReviewState,
    RunState,
    check_reviewer,
    waits_for_review,
)
from workflow_manager.processing.telling import event_of

Decision = Literal["approve", "reject"]
_DEADLINE = "deadline"


async def begin(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    images: Mapping[str, Any],
    *,
    wanted: ReviewOptions,
    times: CaseTimes,
) -> list[Event]:
    """Let a run wait for a review; what came out is with the case, to be looked at.

    Args:
        session: The transaction; it holds the lock of the study.
        run: The run, locked.
        case: Its case, locked.
        images: What was indexed.
        wanted: Whose review, and until when.
        times: How long files of a discarded case are kept.
    """
    _, events = await complete_own(session, run, case, images)
    run.images, run.other_files = images["images"], images["files"]
    review = ProcessingReview(run_id=run.id, indexed=dict(images), **_asked(wanted))
    return events + await _wait(session, run, case, review, times)


async def begin_gate(
    session: AsyncSession, run: ProcessingRun, case: Case, gate: ReviewGate, times: CaseTimes
) -> list[Event]:
    """Let a run wait at a gate between two of its modules.

    Args:
        session: The transaction; it holds the lock of the study.
        run: The run, locked.
        case: Its case, locked.
        gate: Whose review, behind which step, and until when.
        times: How long files of a discarded case are kept.
    """
    review = ProcessingReview(run_id=run.id, after_step=gate.after, indexed={}, **_asked(gate))
    return await _wait(session, run, case, review, times)


async def has_passed(session: AsyncSession, run: ProcessingRun, after: int) -> bool:
    """Say whether somebody has let a run go on behind a step, or the one that it goes on with."""
    review = await session.get(ProcessingReview, (run.id, after))
    if review is not None and review.state is ReviewState.APPROVED:
        return True
    if run.continues is None or after >= run.first_step:
        return False
    return await has_passed(session, await get_run(session, run.continues), after)


def _asked(wanted: ReviewOptions) -> dict[str, Any]:
    seconds = wanted.deadline_s
    due_at = None if seconds is None else utc_now() + timedelta(seconds=seconds)
    return {"role": wanted.role.value, "due_at": due_at, "at_deadline": wanted.at_deadline}


async def _wait(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    review: ProcessingReview,
    times: CaseTimes,
) -> list[Event]:
    session.add(review)
    await session.flush()
    step = await _behind(session, review)
    run.state = RunState.REVIEW
    run.reason = waits_for_review(review.role, review.due_at, review.at_deadline, step)
    uids = await cases.series_uids(session, case.id)
    return [
        _event(run, EventType.PROCESSING_REVIEW, review),
        *move(case, Verdict(CaseState.PROCESSING, run.reason, review.due_at), uids, times),
    ]


async def _behind(session: AsyncSession, review: ProcessingReview) -> str:
    """Return the words for the step behind which a review stands; empty: it is the last."""
    if not review.after_step:
        return ""
    step = await session.get_one(ProcessingStep, (review.run_id, review.after_step))
    return f"step {step.position} ({step.module})"


async def decide(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    times: CaseTimes,
    *,
    decision: Decision,
    principal: Principal,
    comment: str,
) -> list[Event]:
    """Let a person decide.

    Args:
        session: The transaction; it holds the lock of the study.
        run: The run, locked.
        case: Its case, locked.
        times: How long files of a discarded case are kept.
        decision: What is decided.
        principal: Who decides.
        comment: Why.

    Raises:
        ConflictError: Nothing waits for a review, or somebody was faster.
        ForbiddenError: Somebody else has to decide.
    """
    review = await repository.waiting_review(session, run.id)
    if run.state is not RunState.REVIEW or review is None:
        raise ConflictError(f"The run is {run.state.value}: it does not wait for a review.")
    check_reviewer(principal, review.role)
    review.comment = comment
    return await _end(
        session, run, case, times, review=review, decision=decision, by=principal.actor
    )


async def pass_deadline(
    session: AsyncSession, run: ProcessingRun, case: Case, times: CaseTimes
) -> list[Event]:
    """Do what the rule asks for at the deadline; nothing if somebody was faster."""
    review = await repository.waiting_review(session, run.id)
    late = review is not None and review.due_at is not None and review.due_at <= utc_now()
    if run.state is not RunState.REVIEW or review is None or review.overdue or not late:
        return []
    if review.at_deadline == "wait":
        review.overdue = True
        waits = waits_for_review(review.role, None, "", await _behind(session, review))
        run.reason = case.reason = f"{waits} It is overdue."
        case.waits_until = None
        return [_event(run, EventType.PROCESSING_OVERDUE, review)]
    decision: Decision = "approve" if review.at_deadline == "approve" else "reject"
    return await _end(session, run, case, times, review=review, decision=decision, by=_DEADLINE)


async def _end(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    times: CaseTimes,
    *,
    review: ProcessingReview,
    decision: Decision,
    by: str,
) -> list[Event]:
    approved = decision == "approve"
    review.state = ReviewState.APPROVED if approved else ReviewState.REJECTED
    review.decided_by, review.decided_at = by[:256], utc_now()
    who = "nobody, for the deadline was over" if by == _DEADLINE else by
    events = [_event(run, EventType.PROCESSING_REVIEWED, review)]
    if approved and review.after_step:
        return events + await _go_on(session, run, case, review, times)
    if approved:
        return events + await finish(session, run, case, review.indexed, times)
    reason = f"The review rejected it: {who}."
    return events + await end_badly(
        session, run, case, times, state=RunState.REJECTED, reason=reason
    )


async def _go_on(
    session: AsyncSession,
    run: ProcessingRun,
    case: Case,
    review: ProcessingReview,
    times: CaseTimes,
) -> list[Event]:
    """Let the next module run when it is its turn; waiting for the person was not its time."""
    if run.deadline_at is not None and review.asked_at is not None:
        run.deadline_at += utc_now() - review.asked_at
    run.gates_passed += 1
    run.state, run.reason = RunState.QUEUED, waits_for_slot(run)
    uids = await cases.series_uids(session, case.id)
    return [
        event_of(run, EventType.PROCESSING_QUEUED),
        *move(case, Verdict(CaseState.PROCESSING, run.reason), uids, times),
    ]


def _event(run: ProcessingRun, event_type: EventType, review: ProcessingReview) -> Event:
    """Return the event that tells of a review; not what the person wrote."""
    due_at = review.due_at.isoformat() if review.due_at else None
    more: dict[str, Any] = {"role": review.role, "due_at": due_at, "review": review.state.value}
    if review.after_step:
        more["after"] = review.after_step
    return event_of(run, event_type, **more, decided_by=review.decided_by)
