"""How a job ended: exactly one state, and a document that says so."""

import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from scanhub_jobs.backend import FileInfo, JobInfo, SessionInfo, Subject
from scanhub_jobs.declaring import Job
from scanhub_jobs.errors import JobCancelledError, JobInputError
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.values import json_value


class State(StrEnum):
    """How a job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    """It did not run: a job that it needs did not succeed."""


class JobFailure(BaseModel):
    """Why a job failed."""

    kind: str = Field(description="Class of the error, exit code or signal")
    message: str
    traceback: str = ""
    input_at_fault: bool = Field(False, description="Trying again on the same input is no use")


class JobResult(BaseModel):
    """What there is to say when a job has ended."""

    state: State
    job: JobInfo
    session: SessionInfo
    subject: Subject
    started_at: datetime
    ended_at: datetime
    parameters: dict[str, Any] = {}
    reason: str = Field("", description="Why it was skipped, cancelled or blocked")
    failure: JobFailure | None = None
    returned: Any = Field(None, description="What the function returned, JSON")
    data: list[str] = Field([], description="Names of its session data")
    files: list[FileInfo] = []
    images: list[str] = Field([], description="SOP Instance UIDs that it made and kept")


class Ending(BaseModel):
    """How the function of a job ended."""

    state: State
    reason: str = ""
    failure: JobFailure | None = None
    returned: Any = None


def failure_of(error: BaseException) -> JobFailure:
    """Return an error as a document."""
    code = f" with {error.code!r}" if isinstance(error, SystemExit) else ""
    return JobFailure(
        kind=type(error).__name__,
        message=str(error) or f"{type(error).__name__}{code}",
        traceback="".join(traceback.format_exception(error)),
        input_at_fault=isinstance(error, JobInputError),
    )


def execute(job: Job[Any], context: JobContext[Any]) -> JobResult:
    """Ask whether the job is wanted, run it here, and say how it ended; nothing is raised.

    Only what ends the process itself, such as a crash or a kill, needs somebody outside.
    """
    started = datetime.now(UTC)
    with context.entered():
        ending, params = _run(job, context)
        return result_of(context, ending, started, params)


def _run(job: Job[Any], context: JobContext[Any]) -> tuple[Ending, dict[str, Any]]:
    params = context.params
    given = params.model_dump(mode="json")
    try:
        decision = job.decide(context.images, params)
        if not decision.wanted:
            return Ending(state=State.SKIPPED, reason=decision.reason), given
        if decision.parameters:
            context.params = job.parameters({**given, **decision.parameters})
            given = context.params.model_dump(mode="json")
        returned = job(context)
        returned = json_value(returned, "what the job returned")
    except JobCancelledError as error:
        return Ending(state=State.CANCELLED, reason=str(error)), given
    except KeyboardInterrupt:
        return Ending(state=State.CANCELLED, reason="The job was interrupted."), given
    except (Exception, SystemExit) as error:  # noqa: BLE001 - however it fails, it has failed
        return Ending(state=State.FAILED, failure=failure_of(error)), given
    return Ending(state=State.SUCCEEDED, returned=returned), given


def result_of(
    context: JobContext[Any], ending: Ending, started: datetime, params: dict[str, Any]
) -> JobResult:
    """Return the document of a run that has ended.

    Args:
        context: Of the run.
        ending: How the function ended.
        started: When it began.
        params: What it ran with.
    """
    files = context.files
    return JobResult(
        **dict(ending),
        job=context.job,
        session=context.session,
        subject=context.subject,
        started_at=started,
        ended_at=datetime.now(UTC),
        parameters=params,
        data=list(context.data),
        files=[files.stat(name) for name in files],
        images=list(context.kept),
    )
