"""Reviews: what modules made goes nowhere before a person has decided.

A review is a row. The workflow of the run has ended and its slot is free; whoever decides, or the
deadline, ends the run in one transaction.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models.routing_rule import ReviewOptions
from scanhub_libraries.security.principal import Principal
from workflow_manager.cases import repository as cases
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState, CaseTimes, Verdict
from workflow_manager.cases.service import move
from workflow_manager.processing.finishing import complete_own, finish
from workflow_manager.processing.models import ProcessingReview, ProcessingRun
from workflow_manager.processing.queueing import end_badly
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
    seconds = wanted.deadline_s
    due_at = None if seconds is None else utc_now() + timedelta(seconds=seconds)
    review = ProcessingReview(
        run_id=run.id,
        role=wanted.role.value,
        due_at=due_at,
        at_deadline=wanted.at_deadline,
        indexed=dict(images),
    )
    session.add(review)
    run.state, run.reason = (
        RunState.REVIEW,
        waits_for_review(review.role, due_at, review.at_deadline),
    )
    run.images, run.other_files = images["images"], images["files"]
    events.append(_event(run, EventType.PROCESSING_REVIEW, review))
    uids = await cases.series_uids(session, case.id)
    return events + move(case, Verdict(CaseState.PROCESSING, run.reason, due_at), uids, times)


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
    review = await session.get(ProcessingReview, run.id)
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
    review = await session.get(ProcessingReview, run.id)
    late = review is not None and review.due_at is not None and review.due_at <= utc_now()
    if run.state is not RunState.REVIEW or review is None or review.overdue or not late:
        return []
    if review.at_deadline == "wait":
        review.overdue = True
        run.reason = case.reason = f"{waits_for_review(review.role, None, '')} It is overdue."
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
    if approved:
        return events + await finish(session, run, case, review.indexed, times)
    reason = f"The review rejected it: {who}."
    return events + await end_badly(
        session, run, case, times, state=RunState.REJECTED, reason=reason
    )


def _event(run: ProcessingRun, event_type: EventType, review: ProcessingReview) -> Event:
    """Return the event that tells of a review; not what the person wrote."""
    due_at = review.due_at.isoformat() if review.due_at else None
    more = {"role": review.role, "due_at": due_at, "review": review.state.value}
    return event_of(run, event_type, **more, decided_by=review.decided_by)
