"""Runs of jobs: what each was told, what it worked on, and what came of it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from scanhub_libraries.models.fields import Percent, Text, WireModel
from scanhub_libraries.models.job import JobData
from scanhub_libraries.models.review import ReviewOut

RunPriority = Literal["urgent", "normal", "offpeak"]


class RunTurn(WireModel):
    """When a job is to be computed."""

    priority: Annotated[
        RunPriority | None,
        Field(
            description="urgent: before what came up to an hour earlier; offpeak: off-peak hours "
            "only; null: as `SCANHUB_WORKFLOW_RUN_PRIORITIES` says, else normal"
        ),
    ] = None
    deadline_at: Annotated[
        AwareDatetime | None,
        Field(
            description="What has not been computed by then ends as timed_out; null: as "
            "`SCANHUB_WORKFLOW_RUN_DEADLINE_S` says, else there is none"
        ),
    ] = None


class RunPriorityIn(WireModel):
    """When something is to be computed that has not begun."""

    priority: Annotated[
        RunPriority,
        Field(description="urgent: before the others; offpeak: in off-peak hours only"),
    ]


class RunReviewIn(WireModel):
    """What a person decides about a run that waits for it."""

    decision: Annotated[
        Literal["approve", "reject"],
        Field(description="approve: it takes its turn; reject: it ends, and its task is canceled"),
    ]
    comment: Annotated[Text, Field(description="Why; it is kept with the run")] = ""


class RunReviewOut(ReviewOut):
    """A person decides whether a run begins, by what it is to work on."""

    state: Literal["waiting", "approved", "rejected"]


class RunFailure(WireModel):
    """Why a run did not succeed, for programs; `error` is for people."""

    kind: Annotated[
        Literal["input", "crash", "killed", "timeout", "deadline", "platform"],
        Field(
            description="input: the data are at fault; crash: the job ended with an error; killed: "
            "by a signal, as when memory runs out; timeout: it took longer than it may; deadline: "
            "it was not done in time; platform: it could not begin, or what it made not be stored"
        ),
    ]
    exit_code: Annotated[int | None, Field(description="Below 0: the signal that ended it")] = None
    may_help: Annotated[bool, Field(description="Doing it over again on the same data may help")]


class RunInput(WireModel):
    """A result that a run worked on."""

    task_id: UUID
    result_id: UUID
    kind: JobData | None = None
    files: Annotated[int | None, Field(description="How many; null: not known yet")] = None
    size_bytes: Annotated[int | None, Field(description="All files together [byte]")] = None
    sha256: Annotated[
        str | None,
        Field(
            description="Of the file; of several files, of what `sha256sum * | sha256sum` reads: a "
            "line for each, by name; null: not known yet"
        ),
    ] = None


class RunMachine(WireModel):
    """Where a run was computed, and with what."""

    host: str
    system: str
    python: str
    cpus: Annotated[int, Field(description="Processors that the job could use")]
    packages: Annotated[dict[str, str], Field(description="Version of each")] = {}


class RunOut(WireModel):
    """One run of a job."""

    id: UUID
    task_id: UUID
    exam_id: UUID | None
    workflow_id: UUID | None = None
    device_id: Annotated[
        UUID | None,
        Field(description="The scanner whose data they are; null: not known, or not yet"),
    ] = None
    job_id: str
    job_version: str = ""
    status: Literal[
        "queued",
        "waiting",
        "running",
        "succeeded",
        "failed",
        "canceled",
        "timed_out",
        "skipped",
    ]
    priority: RunPriority = "normal"
    deadline_at: Annotated[
        datetime | None, Field(description="What is not computed by then ends as timed_out")
    ] = None
    waits_for: Annotated[
        str | None, Field(description="What it waits for, in words; null: it does not wait")
    ] = None
    waits_until: Annotated[
        datetime | None, Field(description="When it goes on, or gives up; null: nobody knows")
    ] = None
    review: Annotated[
        RunReviewOut | None, Field(description="Null: nobody has to decide whether it begins")
    ] = None
    progress: Percent
    error: Annotated[str | None, Field(description="Why it did not succeed, or was skipped")]
    failure: Annotated[
        RunFailure | None, Field(description="The same for programs; null: it has not failed")
    ] = None
    exit_code: Annotated[int | None, Field(description="Below 0: the signal that ended it")] = None
    input_at_fault: Annotated[
        bool, Field(description="The job says that trying again on the same data is no use")
    ] = False
    warnings: Annotated[list[str], Field(description="What the job assumed, or left out")] = []
    values: Annotated[
        dict[str, Any], Field(description="What the job found, by name; units end the names")
    ] = {}
    parameters: Annotated[
        dict[str, Any], Field(description="All that it was told, defaults too")
    ] = {}
    inputs: list[RunInput] = []
    machine: RunMachine | None = None
    log_tail: Annotated[str, Field(description="The end of the log, once it has ended")] = ""
    result_id: UUID | None
    attempt: int
    retry_of: Annotated[
        UUID | None, Field(description="The run that it does over again, on the same data")
    ] = None
    requested_by: str = ""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


AnyRunStatus = Literal[
    "queued",
    "waiting",
    "running",
    "review",
    "succeeded",
    "failed",
    "canceled",
    "rejected",
    "timed_out",
    "skipped",
]
"""States of runs of exams and of cases together."""


class AnyRunOut(WireModel):
    """A run at a glance: of the job of an exam, or of the modules of a case."""

    id: UUID
    kind: Annotated[
        Literal["exam", "case"],
        Field(description="exam: more of it in `/runs/{id}`; case: in `/processing/{id}`"),
    ]
    status: AnyRunStatus
    jobs: Annotated[
        list[str], Field(description="exam: id of the job; case: names of its modules, in order")
    ]
    job_version: Annotated[str, Field(description="Of the job of an exam; empty: not known")] = ""
    at: Annotated[
        str, Field(description="The module that runs, failed or comes next; empty: none, or a job")
    ] = ""
    steps_done: Annotated[int, Field(description="Of as many as `jobs` has")]
    progress: Percent
    reason: Annotated[str, Field(description="Why it waits, or did not succeed; else empty")]
    priority: RunPriority
    deadline_at: datetime | None = None
    waits_until: datetime | None = None
    number: Annotated[int, Field(description="Which run of the task, or of the case, this is")]
    exam_id: UUID | None = None
    task_id: UUID | None = None
    device_id: UUID | None = None
    case_id: UUID | None = None
    rule: Annotated[str, Field(description="That asks for the modules; empty: an exam's run")] = ""
    requested_by: Annotated[str, Field(description="Empty: nobody did, it was due")]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
