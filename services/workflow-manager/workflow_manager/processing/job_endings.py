"""How a job of the SDK ended, from what it says and what was seen of its process. Pure."""

import signal
from collections.abc import Sequence

from scanhub_jobs.platform.documents import EndState, Failure, Report
from workflow_manager.job_sessions import rules
from workflow_manager.job_sessions.models import JobExecution
from workflow_manager.job_sessions.rules import JobState
from workflow_manager.modules.runner import Ending

_STATES = {
    EndState.SUCCEEDED: JobState.SUCCEEDED,
    EndState.FAILED: JobState.FAILED,
    EndState.SKIPPED: JobState.SKIPPED,
    EndState.CANCELLED: JobState.CANCELLED,
}


def verdict(
    ending: Ending, report: Report | None, *, timeout_s: float, tail: str
) -> tuple[JobState, Failure | None]:
    """Return the one state in which an attempt ended, and why it failed.

    Args:
        ending: Of the process.
        report: What the job says; None: it said nothing.
        timeout_s: How long it had [s].
        tail: The end of the log.
    """
    if ending.canceled and not ending.problem:
        return JobState.CANCELLED, None
    if ending.problem:
        return JobState.FAILED, Failure(kind="killed", message=ending.problem)
    succeeded = report is not None and report.state is EndState.SUCCEEDED
    if ending.timed_out and not succeeded:
        message = f"The job took longer than its timeout of {timeout_s:g} s."
        return JobState.TIMED_OUT, Failure(kind="timeout", message=message)
    if report is None:
        return JobState.FAILED, Failure(kind=ended_by(ending.exit_code), message=_words(tail))
    if report.state is EndState.CANCELLED:  # nobody stopped it: its deadline did
        return JobState.TIMED_OUT, Failure(kind="timeout", message=report.reason)
    return _STATES[report.state], report.failure


def reason_of(state: JobState, report: Report | None, failure: Failure | None) -> str:
    """Return why a job ended as it did, for a person; empty: it succeeded."""
    if state is JobState.SUCCEEDED:
        return ""
    if failure is not None:
        first = failure.message.strip().splitlines() or [""]
        return (
            first[0][:1000] if failure.kind == "timeout" else f"{failure.kind}: {first[0][:1000]}"
        )
    if report is not None and report.reason:
        return report.reason
    return "Stopped." if state is JobState.CANCELLED else ""


def ended_by(code: int) -> str:
    """Name what ended a process: an exit code or a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _words(tail: str) -> str:
    """Return the last thing that was said, without its time."""
    lines = [line for line in tail.splitlines() if line.strip()]
    said = lines[-1].partition(" ")[2].strip() if lines else ""
    return said or "The process ended without a result."


def end_of_step(executions: Sequence[JobExecution]) -> Ending:
    """Return how a step ended whose job ran for these subjects."""
    state = rules.total([one.state for one in executions])
    if state is JobState.SUCCEEDED:
        return Ending(exit_code=0)
    reasons = list(dict.fromkeys(one.reason for one in executions if one.state is state))
    reason = " ".join(reason for reason in reasons if reason) or "It gave no reason."
    match state:
        case JobState.SKIPPED:
            return Ending(exit_code=0, problem=reason, state="skipped")
        case JobState.TIMED_OUT:
            return Ending(problem=reason, state="timed_out")
        case JobState.BLOCKED:
            return Ending(problem=reason, state="blocked")
        case _:
            return Ending(problem=reason)
