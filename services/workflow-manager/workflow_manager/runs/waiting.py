"""What a run that could begin has to wait for: a person, or the hours."""

from datetime import datetime
from typing import Any

from scanhub_libraries.clock import utc_now
from workflow_manager.dispatch.rules import OffPeak, Priority
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import OFFPEAK, RunStatus, review_asked, review_words
from workflow_manager.wiring import Wiring


def wait_for_hours(run: Run, window: OffPeak, now: datetime) -> bool:
    """Let a run wait for off-peak hours if it shall; say whether it does."""
    if run.priority is not Priority.OFFPEAK or window.is_open(now):
        return False
    run.status, run.waits_for, run.waits_until = RunStatus.WAITING, OFFPEAK, window.opens_at(now)
    return True


def usual_review(
    wiring: Wiring, job_id: str, before: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a person has to decide before a run of a job begins; empty: nothing.

    Args:
        wiring: The settings.
        job_id: Which job.
        before: The review of the run on the same data that it does over again: once is enough.
    """
    if before and before.get("state") == "approved":
        return before
    wanted = wiring.settings.run_reviews.get(job_id)
    return {} if wanted is None else review_asked(wanted, utc_now())


def wait_for_review(run: Run) -> bool:
    """Let a run wait for a person if it shall; say whether it does."""
    if run.review.get("state") != "waiting":
        return False
    due_at = run.review["due_at"]
    run.status, run.waits_for = RunStatus.WAITING, review_words(run.review)
    run.waits_until = datetime.fromisoformat(due_at) if due_at else None
    return True
