"""What a job of the SDK may do, and how its runs add up. Pure."""

import json
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from scanhub_libraries.errors import ForbiddenError, ScanHubError

MOST_VALUE_BYTES = 1 << 20
"""Largest value of session data as JSON text [byte]."""


class JobState(StrEnum):
    """State of a job for one subject."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    """It did not run: a job that it needs did not succeed."""


ENDED = frozenset(set(JobState) - {JobState.WAITING, JobState.RUNNING})
_WORST_FIRST = (
    JobState.CANCELLED,
    JobState.FAILED,
    JobState.TIMED_OUT,
    JobState.BLOCKED,
    JobState.RUNNING,
    JobState.WAITING,
    JobState.SUCCEEDED,
)


class DataMissingError(ScanHubError):
    """There is no session data of that name."""

    status, slug, title = 404, "data-not-found", "No such session data"


class ArtifactMissingError(ScanHubError):
    """There is no file of that name."""

    status, slug, title = 404, "artifact-not-found", "No such session file"


class UndeclaredJobError(ForbiddenError):
    """A job reads what another one left without having declared it."""

    slug, title = "unknown-job", "Job not declared"


class ValueRefusedError(ScanHubError):
    """It is no JSON value, or too large for one."""

    status, slug, title = 422, "value-refused", "No session data"


def check_session(own: UUID | None, asked: UUID) -> None:
    """Refuse the token of a job of one session at another.

    Raises:
        ForbiddenError: It is another one.
    """
    if own != asked:
        raise ForbiddenError("The token of this job is for another session.")


def check_declared(job: str, own: str, upstream: Collection[str]) -> None:
    """Refuse to let a job read what it has not declared to need.

    Raises:
        UndeclaredJobError: It is neither its own, nor needed.
    """
    if job != own and job not in upstream:
        raise UndeclaredJobError(f"{own!r} does not declare {job!r}: put it into its needs.")


def check_value(text: bytes) -> str:
    """Return a value of session data as JSON text of ASCII letters.

    Raises:
        ValueRefusedError: It is none, or too large.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueRefusedError(f"It is no JSON value: {error}") from error
    size = len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > MOST_VALUE_BYTES:
        raise ValueRefusedError(
            f"The value has {size} bytes, at most {MOST_VALUE_BYTES} are session data; put it "
            "into a file."
        )
    return json.dumps(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def blocking(needs: Sequence[str], ended: Sequence[tuple[str, JobState]]) -> str:
    """Say which job did not succeed though this one needs it; empty: none.

    Args:
        needs: Names of jobs.
        ended: Jobs of the session that concern the same images, with how they ended last.
    """
    for name in needs:
        states = [state for job, state in ended if job == name]
        if not states:
            return f"{name!r}, which it needs, has not run before it."
        bad = next((state for state in states if state is not JobState.SUCCEEDED), None)
        if bad is not None:
            return f"{name!r}, which it needs, is {bad.value}."
    return ""


def total(states: Sequence[JobState]) -> JobState:
    """Return the state of a step whose job ran for several subjects: the worst one counts."""
    for state in _WORST_FIRST:
        if state in states:
            return state
    return JobState.SKIPPED


def returned_value(text: str) -> Any:
    """Return what a job returned; None: nothing."""
    return json.loads(text) if text else None
