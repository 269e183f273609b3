"""What may run, and on what. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from scanhub_libraries.models import (
    DAGTaskOut,
    ItemStatus,
    JobData,
    ResultOut,
    ResultType,
    TaskOut,
)


class RunStatus(StrEnum):
    """State of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    TIMED_OUT = "timed_out"


IN_VAIN = frozenset({RunStatus.FAILED, RunStatus.CANCELED, RunStatus.TIMED_OUT})
ENDED = IN_VAIN | {RunStatus.SUCCEEDED}
TASK_BUSY = frozenset({ItemStatus.STARTED, ItemStatus.INPROGRESS, ItemStatus.PAUSED})


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


def result_type(outputs: Sequence[JobData]) -> ResultType:
    """Return the type of the result that a job with these outputs leaves."""
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
