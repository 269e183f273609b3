"""What may run, and on what. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import (
    DAGTaskOut,
    ItemStatus,
    JobData,
    ResultOut,
    ResultType,
    TaskOut,
)
from scanhub_libraries.models.routing_rule import ReviewOptions
from scanhub_libraries.models.run import RunTurn
from workflow_manager.dispatch.rules import Priority


class RunStatus(StrEnum):
    """State of a run."""

    QUEUED = "queued"
    WAITING = "waiting"
    """Something else has to come first; the run says what."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"
    """There is nothing to work on: its input failed, was stopped, or is gone."""


NOT_BEGUN = frozenset({RunStatus.QUEUED, RunStatus.WAITING})
IN_VAIN = frozenset({RunStatus.FAILED, RunStatus.CANCELED, RunStatus.TIMED_OUT, RunStatus.SKIPPED})
ENDED = IN_VAIN | {RunStatus.SUCCEEDED}
TASK_BUSY = frozenset({ItemStatus.STARTED, ItemStatus.INPROGRESS, ItemStatus.PAUSED})


_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
URGENT_AHEAD = timedelta(hours=1)
OFFPEAK = "Waits for off-peak hours."
ELSEWHERE = "Waits for a process with as many graphics processors as it asks for."


def review_asked(wanted: ReviewOptions, now: datetime) -> dict[str, Any]:
    """Return the review of a run before anybody has decided."""
    due_at = None if wanted.deadline_s is None else now + timedelta(seconds=wanted.deadline_s)
    return {
        "state": "waiting",
        "role": wanted.role.value,
        "due_at": due_at.isoformat() if due_at else None,
        "at_deadline": wanted.at_deadline,
        "overdue": False,
        "decided_by": None,
        "decided_at": None,
        "comment": "",
    }


def review_words(review: Mapping[str, Any]) -> str:
    """Say what a run waits for that begins only when a person has looked at its data."""
    words = f"Waits for a review by somebody whose role is {review['role']}."
    return f"{words} It is overdue." if review["overdue"] else words


@dataclass(frozen=True, slots=True)
class Turn:
    """When a run is to be computed."""

    priority: Priority = Priority.NORMAL
    deadline_at: datetime | None = None


def turn_of(
    wanted: RunTurn,
    now: datetime,
    *,
    usual: Priority = Priority.NORMAL,
    deadline_s: float | None = None,
) -> Turn:
    """Return when a run is to be computed, by what is wanted and what is usual.

    Args:
        wanted: Of whoever starts it.
        now: The time.
        usual: Priority where none is wanted.
        deadline_s: How long it may take where no deadline is wanted [s]; None: as long as it does.

    Raises:
        UnprocessableError: The deadline is over.
    """
    if wanted.deadline_at is not None and wanted.deadline_at <= now:
        raise UnprocessableError(
            f"The deadline, {_clock(wanted.deadline_at)}, is over: name a later one, or none.",
            field="deadline_at",
        )
    usually = None if deadline_s is None else now + timedelta(seconds=deadline_s)
    priority = usual if wanted.priority is None else Priority(wanted.priority)
    return Turn(priority, wanted.deadline_at or usually)


def rank_of(priority: Priority, created_at: datetime) -> int:
    """Return the rank of a run in its queue: the lowest begins first.

    An urgent one goes before those that came up to an hour before it, and never before those that
    came earlier still: nothing waits for ever behind what is urgent.
    """
    ahead = URGENT_AHEAD if priority is Priority.URGENT else timedelta()
    return max(1, int((created_at - ahead - _FIRST_DAY).total_seconds()))


def overdue_words(deadline_at: datetime | None) -> str:
    """Say that a run was not done in time."""
    return f"It was not computed by its deadline, {_clock(deadline_at)}." if deadline_at else ""


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


class NotReadyError(Exception):
    """The inputs of a task are not there (yet); the text says which."""


def kind_of(result: ResultOut) -> JobData | None:
    """Return what a result is to a job; None: nothing that a job reads."""
    if result.type is ResultType.MRD and mrd_file(result) is not None:
        return JobData.RAW_DATA
    if result.type is ResultType.DICOM and result.files:
        return JobData.IMAGES
    return None


def newest_result(task: TaskOut, kinds: Sequence[JobData]) -> ResultOut | None:
    """Return the newest result of the first of these kinds that a task has."""
    for kind in kinds:
        found = [result for result in task.results if kind_of(result) is kind]
        if found:
            return max(found, key=lambda r: (r.datetime_created, r.id))
    return None


def mrd_file(result: ResultOut) -> str | None:
    """Return the name of the raw data file of a result."""
    return next((name for name in sorted(result.files) if name.lower().endswith(".mrd")), None)


_WORDS = {JobData.RAW_DATA: "raw data", JobData.IMAGES: "images"}


def resolve_inputs(
    task: DAGTaskOut, tasks: Mapping[UUID, TaskOut], kinds: Sequence[JobData]
) -> dict[UUID, ResultOut]:
    """Return the result that each input task gives.

    Args:
        task: The task of the job.
        tasks: Its inputs, by their ids.
        kinds: What the job reads; what comes first is preferred.

    Raises:
        NotReadyError: There is no input, or one has left nothing that the job reads.
    """
    if not task.input_task_ids:
        raise NotReadyError(f"Task {task.name!r} names no input task: choose one and start again.")
    inputs: dict[UUID, ResultOut] = {}
    for input_id in task.input_task_ids:
        source = tasks.get(input_id)
        if source is None:
            raise NotReadyError(f"An input of task {task.name!r} does not exist any more.")
        result = newest_result(source, kinds)
        if result is None:
            words = " or ".join(_WORDS.get(kind, kind.value) for kind in kinds)
            raise NotReadyError(f"Input task {source.name!r} has no {words} yet: scan it first.")
        inputs[input_id] = result
    return inputs


def automatic_run_id(task_id: UUID, results: Iterable[UUID]) -> UUID:
    """Return the id of the run that a set of inputs starts: the same inputs start one run."""
    return uuid5(task_id, ",".join(sorted(str(result) for result in results)))


_RESULT_TYPES = {JobData.IMAGES: ResultType.DICOM, JobData.CALIBRATION: ResultType.CALIBRATION}


def result_type(outputs: Sequence[JobData], names: Sequence[str]) -> ResultType:
    """Return the type of the result of a job with these outputs that left files of these names."""
    if JobData.IMAGES in outputs and not any(name.endswith(".dcm") for name in names):
        return ResultType.NOT_SET
    found = (_RESULT_TYPES[kind] for kind in outputs if kind in _RESULT_TYPES)
    return next(found, ResultType.NOT_SET)


def storable(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as any database takes it: NaN is no number there, NUL no character."""
    text = json.dumps(dict(document)).replace("\\u0000", "")
    found: dict[str, Any] = json.loads(text, parse_constant=_no_number)
    return found


def _no_number(_constant: str) -> None:
    """Take NaN and infinities for unknown."""


def result_id_of(run_id: UUID) -> UUID:
    """Return the id of the result that a run makes: repeating the step makes no second one."""
    return uuid5(run_id, "result")


def tasks_to_start(tasks: Sequence[TaskOut], finished: UUID) -> list[DAGTaskOut]:
    """Return the job tasks whose inputs are all finished, now that one of them is."""
    by_id = {task.id: task for task in tasks}
    ready = []
    for task in tasks:
        if not isinstance(task, DAGTaskOut) or task.is_template:
            continue
        if finished not in task.input_task_ids:
            continue
        sources = [by_id.get(input_id) for input_id in task.input_task_ids]
        if all(s is not None and s.status is ItemStatus.FINISHED for s in sources):
            ready.append(task)
    return ready


def tasks_to_skip(tasks: Sequence[TaskOut], source: UUID) -> list[DAGTaskOut]:
    """Return the job tasks that have nothing to work on, now that one of their inputs has none.

    One that is done keeps its result, and one that is being computed has its data.
    """
    return [
        task
        for task in tasks
        if isinstance(task, DAGTaskOut)
        and not task.is_template
        and source in task.input_task_ids
        and task.status not in TASK_BUSY | {ItemStatus.FINISHED}
    ]


def why_nothing(source: TaskOut | None, *, skipped: bool) -> str | None:
    """Say why an input has nothing to work on; None: it may have, or will.

    Args:
        source: The input task as it is by now; None: it is gone, and who reads it with it.
        skipped: Its own run was skipped.
    """
    if source is None:
        return None
    if source.status is ItemStatus.ERROR:
        more = f": {source.status_reason}" if source.status_reason else "."
        return f"Its input {source.name!r} failed{more}"
    if source.status is ItemStatus.CANCELED:
        return f"Its input {source.name!r} was stopped."
    if skipped and source.status not in TASK_BUSY | {ItemStatus.FINISHED}:
        return f"Its input {source.name!r} was skipped."
    return None
