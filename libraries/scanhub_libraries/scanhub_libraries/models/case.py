"""Cases: what follows for a series or a study by one rule."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from scanhub_libraries.models.fields import ShortText, Text, WireModel
from scanhub_libraries.models.review import ReviewOut
from scanhub_libraries.models.routing_rule import RuleDecisionOut
from scanhub_libraries.models.workflow_manager import DispatchOut, JournalEntry, StudyNames

CaseKindName = Literal["series", "study"]
CaseStateName = Literal[
    "receiving",
    "waiting",
    "complete",
    "processing",
    "dispatching",
    "done",
    "failed",
    "discarded",
]


class CaseOut(StudyNames):
    """What follows for a series or a study by one rule, and where it stands."""

    id: UUID
    number: Annotated[int, Field(description="From 1; more: a follow-up for images that came late")]
    kind: CaseKindName
    rule: Annotated[str | None, Field(description="Null: there was no rule, or none fired")]
    rule_version: int | None
    action: Annotated[str, Field(description="Action of the rule; none: there was no rule")]
    study_instance_uid: str
    series_instance_uids: list[str]
    series_descriptions: Annotated[
        list[str], Field(description="SeriesDescription (0008,103E) of each, in the same order")
    ]
    task_id: UUID | None
    exam_id: UUID | None
    state: CaseStateName
    reason: Annotated[str, Field(description="Why it is in this state")]
    waits_until: Annotated[
        datetime | None, Field(description="Null: it does not wait, or not for a time")
    ]
    wish: Annotated[
        Literal["complete", "discard"] | None,
        Field(description="Asked for by a person; done when nothing arrives any more"),
    ]
    wished_by: str | None
    targets: list[str]
    priority: Literal["normal", "urgent", "offpeak"]
    opened_at: datetime
    last_received_at: datetime
    complete_at: datetime | None
    complete_reason: Annotated[str | None, Field(description="Why nothing more is waited for")]
    ended_at: datetime | None
    files_kept_until: Annotated[
        datetime | None, Field(description="Of a case that was discarded: not before")
    ]


class CaseSeriesOut(WireModel):
    """A series of a case, as it was when it joined."""

    series_instance_uid: str
    series_description: str
    instances: int
    derived: Annotated[bool, Field(description="A module of this case made it")] = False
    decision: Annotated[
        RuleDecisionOut | None, Field(description="By which it joined: each rule, and why")
    ]


class JobFailureOut(WireModel):
    """Why a job of the SDK failed."""

    kind: Annotated[str, Field(description="Class of the error, exit code or signal")]
    message: str
    traceback: str = ""
    input_at_fault: Annotated[
        bool, Field(description="Trying again on the same input is no use")
    ] = False


class JobExecutionOut(WireModel):
    """A job of the SDK that ran for one subject: a series, a study or a patient."""

    id: UUID
    job: str
    event: Annotated[str, Field(description="For what it ran, such as stable-series")]
    subject: Annotated[str, Field(description="UID of series or study, or key of the patient")]
    state: Literal[
        "waiting",
        "running",
        "succeeded",
        "failed",
        "skipped",
        "cancelled",
        "timed_out",
        "blocked",
    ]
    attempt: Annotated[int, Field(description="From 1; 0: it has not begun")]
    progress: Annotated[float, Field(description="How far it is, from 0 to 1")]
    message: Annotated[str, Field(description="What it does, in its own words")]
    reason: Annotated[str, Field(description="Why it did not succeed; empty: it did, or runs")]
    failure: JobFailureOut | None
    returned: Annotated[Any, Field(description="What it returned, JSON")]
    started_at: datetime | None
    ended_at: datetime | None


class SessionValueOut(WireModel):
    """A JSON value that a job of the SDK left."""

    job: str
    event: str
    subject: Annotated[str, Field(description="UID of series or study, or key of the patient")]
    name: str
    value: Any
    updated_at: datetime


class SessionFileOut(WireModel):
    """A file that a job of the SDK left."""

    key: Annotated[str, Field(description="By which it is fetched")]
    job: str
    event: str
    subject: Annotated[str, Field(description="UID of series or study, or key of the patient")]
    name: str
    size: Annotated[int, Field(description="[byte]")]
    sha256: str
    content_type: str
    meta: Annotated[dict[str, Any], Field(description="What the job says of it")]
    created_at: datetime


class SessionHookOut(WireModel):
    """What became of a hook: code before the first job of a session, or after its last one."""

    name: Annotated[str, Field(description="Empty: none could be run")]
    moment: Literal["start", "end"]
    done: Annotated[bool, Field(description="It is not run again")]
    failure: Annotated[JobFailureOut | None, Field(description="Why it was not done")]
    ran_at: datetime


class RunSessionOut(WireModel):
    """The session of a run: how its jobs ended, and how long is kept what they left."""

    status: Annotated[
        Literal["open", "succeeded", "failed", "timed_out", "cancelled", "blocked"],
        Field(description="The worst of the ends of its jobs; open: it has not ended"),
    ] = "open"
    ended_at: datetime | None = None
    until: Annotated[
        datetime | None,
        Field(description="Until then; null: its jobs do not say, and the platform's rule holds"),
    ] = None
    hold: Annotated[bool, Field(description="Nothing is removed until it is released")] = False
    hold_reason: str = ""
    hooks: list[SessionHookOut] = []


class SessionHold(WireModel):
    """Whether what jobs left in a session is held."""

    hold: Annotated[bool, Field(description="true: nothing is removed; false: it may go")]
    reason: ShortText = ""


class ProcessingStepOut(WireModel):
    """One module of a chain: what it did in a run."""

    position: Annotated[int, Field(description="From 1")]
    module: str
    module_version: Annotated[int | None, Field(description="Null: it has not begun")]
    job: Annotated[str, Field(description="The job of the SDK that it is; empty: none")] = ""
    state: Literal[
        "waiting",
        "running",
        "succeeded",
        "failed",
        "canceled",
        "reused",
        "skipped",
        "timed_out",
        "blocked",
    ]
    reason: str
    exit_code: int | None
    settings: Annotated[dict[str, Any], Field(description="Of module and rule, as it got them")]
    output: Annotated[Any, Field(description="Its result.json; null: it left none")]
    log_tail: Annotated[str, Field(description="The last lines that it said")]
    started_at: datetime | None
    ended_at: datetime | None
    executions: Annotated[
        list[JobExecutionOut], Field(description="Of a job of the SDK: one for each subject")
    ] = []


class ProcessingOutput(WireModel):
    """What a module that ended well has told."""

    module: str
    result: Annotated[Any, Field(description="Its result.json; null: it wrote none")]


class ProcessingReviewOut(ReviewOut):
    """The review of a run: a person decides whether what came out is sent."""


class ProcessingGateOut(ProcessingReviewOut):
    """A review between two modules of a run: a person decides whether the chain goes on."""

    after: Annotated[int, Field(description="Behind which step it stands, from 1")]


class ProcessingReviewIn(WireModel):
    """What a person decides about what modules made."""

    decision: Annotated[
        Literal["approve", "reject"],
        Field(
            description="approve: it goes where the rule says, or the chain goes on with the next "
            "module; reject: nowhere, the case fails"
        ),
    ]
    comment: Annotated[Text, Field(description="Why; it is kept with the run")] = ""


class ProcessingRunOut(WireModel):
    """A run of the modules of a case."""

    id: UUID
    case_id: UUID
    number: Annotated[int, Field(description="From 1; each retry is a run of its own")]
    state: Literal[
        "queued",
        "running",
        "review",
        "succeeded",
        "failed",
        "canceled",
        "rejected",
        "timed_out",
    ]
    reason: str
    deadline_at: Annotated[
        datetime | None, Field(description="What is not done by then ends as timed_out")
    ] = None
    priority: Literal["normal", "urgent", "offpeak"]
    first_step: Annotated[int, Field(description="Steps before it were done by an earlier run")]
    requested_by: Annotated[str, Field(description="Empty: the rule")]
    images: Annotated[int | None, Field(description="How many came out; null: not counted yet")]
    other_files: Annotated[
        list[str], Field(description="Files that came out and are no images, to be fetched")
    ]
    review: Annotated[
        ProcessingReviewOut | None, Field(description="Null: none was asked for, or none by now")
    ] = None
    gates: Annotated[
        list[ProcessingGateOut],
        Field(description="Reviews between its modules that the run has come to, in their order"),
    ] = []
    outputs: Annotated[list[ProcessingOutput], Field(description="In the order of the modules")]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    steps: list[ProcessingStepOut]


class ProcessingRetry(WireModel):
    """How processing is tried again."""

    start: Annotated[
        Literal["failed", "first"],
        Field(description="From the step that failed, if what went before is still there"),
    ] = "failed"
    step: Annotated[
        int | None,
        Field(
            ge=1,
            le=1000,
            description="From this step instead, of the run as it was; the steps before it have "
            "to be done, and what they made still there",
        ),
    ] = None


class CaseDetail(CaseOut):
    """A case with all that is known of it."""

    series: list[CaseSeriesOut]
    dispatches: list[DispatchOut]
    processing: Annotated[
        list[ProcessingRunOut], Field(description="Runs of its modules, newest first")
    ] = []
    timeline: Annotated[
        list[JournalEntry],
        Field(description="Of the case, its series, its runs and its dispatches, oldest first"),
    ]
